"""NaN: in which rows, columns or entries it stands."""

from __future__ import annotations

import torch

from grader import words
from grader.patterns.places import are, axes, several, split, whole
from grader.patterns.sums import are_weights


def nan(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Where NaN is that was not asked for."""
    if got.dtype is torch.bool or not (got.isnan() & ~expected.isnan()).any():
        return None
    bad = got.isnan()
    if bad.all():
        return "every entry is NaN" if bad.numel() > 1 else None
    rest = ", all else is right" if right[~bad].all() else ""
    return (
        _empty(bad, expected, rest)
        or _lines(bad, rest)
        or _of_a_kind(bad, expected, rest)
        or (_some(bad, rest))
    )


def inverted(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Infinite exactly where it should not be."""
    hidden = expected.isinf()
    if got.dtype is torch.bool or hidden.all() or not hidden.any():
        return None
    if not torch.equal(got.isinf(), ~hidden) or (got[~hidden] != got[~hidden][0]).any():
        return None
    value = words.number(got[~hidden][0].item())
    return f"{value} stands wherever it should not, and nowhere that it should"


def _empty(bad: torch.Tensor, expected: torch.Tensor, rest: str) -> str | None:
    """Rows that should be all zeros."""
    if bad.dim() < 2:
        return None
    empty = (expected == 0).all(-1)
    if not empty.any() or empty.all() or not torch.equal(bad, empty[..., None].expand_as(bad)):
        return None
    many = empty.sum() > 1
    which = "with nothing to attend to" if are_weights(expected) else "that should be all 0"
    return f"the {'rows' if many else 'row'} {which} {'are' if many else 'is'} NaN{rest}"


def _lines(bad: torch.Tensor, rest: str) -> str | None:
    """Whole samples, heads, rows or columns."""
    for axis, name in axes(bad.dim()):
        chosen = split(whole(bad, axis))[0]
        if chosen and int(bad.sum()) == len(chosen) * (bad.numel() // bad.shape[axis]):
            return f"{several(chosen, bad.shape[axis], name)} {are(chosen)} NaN{rest}"
    if bad.dim() > 2:
        for axis, name in ((-1, "rows"), (-2, "columns")):
            if bad.shape[axis] > 1 and torch.equal(bad.all(axis), bad.any(axis)):
                return f"some {name} are NaN throughout, others not at all{rest}"
    return None


def _of_a_kind(bad: torch.Tensor, expected: torch.Tensor, rest: str) -> str | None:
    """Wherever a certain number was expected, or any finite one."""
    if bad.sum() < 2:
        return None
    if torch.equal(bad, expected.isfinite()):
        return f"whatever should be finite is NaN{rest}"
    value = expected[bad][0]
    if torch.equal(bad, expected == value):
        return f"wherever {words.number(value.item())} was expected stands NaN{rest}"
    return None


def _some(bad: torch.Tensor, rest: str) -> str:
    if bad.sum() == 1:
        return f"one entry is NaN{rest}"
    for axis, name in axes(bad.dim()):
        chosen = [i for i in range(bad.shape[axis]) if bad.select(axis, i).any()]
        if len(chosen) < bad.shape[axis] and bad.dim() > 1:
            return f"NaN stands in {several(chosen, bad.shape[axis], name)} only{rest}"
    return f"some entries are NaN{rest}"
