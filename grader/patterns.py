"""What is right and what is not in a wrong tensor: the pattern, in words."""

from __future__ import annotations

from collections.abc import Callable

import torch

from grader import words

Pattern = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], str | None]


def pattern(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str:
    """The first pattern that holds, as a clause; empty where none does.

    got, expected: of one shape, on the CPU, in float64 or bool; right: where they agree.
    """
    if got.dim() == 0 or not got.numel():
        return ""
    for find in PATTERNS:
        found = find(got, expected, right)
        if found:
            return found
    return ""


def _nan(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dtype is torch.bool or not (got.isnan() & ~expected.isnan()).any():
        return None
    bad = got.isnan()
    if bad.all():
        return "every entry is NaN"
    empty = (expected == 0).all(-1) if got.dim() > 1 else None
    if empty is not None and empty.any() and (bad.any(-1) == empty).all():
        return "the rows with nothing to attend to are NaN"
    rows = _rows(bad)
    return f"NaN stands in {_named(rows, 'row')}" if rows is not None else "some entries are NaN"


def _opposite(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dtype is torch.bool and not right.any():
        return "every entry is the opposite of what it should be"
    return None


def _transposed(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dim() < 2 or got.shape[-1] != got.shape[-2] or got.shape[-1] < 2:
        return None
    if torch.allclose(got.double(), expected.mT.double(), rtol=1e-4, atol=1e-6, equal_nan=True):
        return "it is the transpose of what it should be"
    return None


def _factor(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dtype is torch.bool:
        return None
    usable = expected.isfinite() & (expected.abs() > 1e-6)
    if usable.sum() < 2 or not got[usable].isfinite().all():
        return None
    ratios = got[usable] / expected[usable]
    ratio = ratios.median().item()
    if not torch.allclose(ratios, torch.full_like(ratios, ratio), rtol=1e-3, atol=0):
        return None
    if abs(ratio) < 1e-6:
        return None if got.any() else "every entry is 0"
    # Infinities, zeros and tiny numbers tell no ratio, but "every entry" speaks of them too.
    rest, follows = got[~usable], ratio * expected[~usable]
    if abs(ratio - 1) < 2e-3 or not torch.allclose(rest, follows, 1e-3, 2e-6, equal_nan=True):
        return None
    if ratio == -1:
        return "every sign is turned round"
    named = words.factor(abs(ratio))
    if named is None:
        return f"every entry is off by the same factor, {words.number(ratio)}"
    sign = "−" if ratio < 0 else ""
    return f"every entry is off by the factor {sign}{named}"


def _offset(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dtype is torch.bool or got.numel() < 3:
        return None
    difference = (got - expected)[expected.isfinite() & got.isfinite()]
    if difference.numel() < got.numel() or difference.std() > 1e-5 * difference.abs().max():
        return None
    return f"every entry is off by the same amount, {words.number(difference.mean().item())}"


def _sums(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Weights whose rows do not sum to one."""
    if got.dtype is torch.bool or got.dim() < 1 or not got.isfinite().all():
        return None
    wanted = expected.sum(-1)
    weights = (expected >= 0).all() and ((wanted - 1).abs().lt(1e-2) | wanted.eq(0)).all()
    if not weights or not wanted.gt(0).any() or expected.shape[-1] < 2:
        return None
    sums = got.sum(-1)
    off = (sums - wanted).abs() > 1e-2
    if not off.any():
        return None
    if not (off & wanted.gt(0)).any():
        return "a row with nothing to attend to is not all zeros"
    off &= wanted.gt(0)
    row = int(off.reshape(-1).nonzero()[0])
    total = words.number(round(sums.reshape(-1)[row].item(), 3))
    if got.dim() >= 2 and (got.sum(-2) - 1).abs().lt(1e-2).all():
        return "columns sum to one, rows do not"
    where = f"row {row}" if got.dim() == 2 else "the first such row"
    return f"rows do not sum to one: {where} sums to {total}"


def _triangle(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    if got.dim() < 2 or min(got.shape[-2:]) < 3:
        return None
    everywhere = right.reshape(-1, *right.shape[-2:]).all(0)
    offset = got.shape[-1] - got.shape[-2]
    lower = torch.ones_like(everywhere).tril(offset)
    strictly = torch.ones_like(everywhere).tril(offset - 1)
    for area, text in (
        (lower, "right on and below the diagonal, wrong above it"),
        (~strictly, "right on and above the diagonal, wrong below it"),
        (strictly | ~lower, "wrong on the diagonal only"),
        (lower & ~strictly, "right on the diagonal only"),
    ):
        if torch.equal(everywhere, area):
            return text
    return None


def _axes(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Which rows, columns or leading entries are right as a whole."""
    nouns = ["row", "column"] if got.dim() >= 2 else ["entry"]
    axes = [(got.dim() - 2, nouns[0]), (got.dim() - 1, nouns[-1])] if got.dim() >= 2 else []
    leading = ["batch entry", "entry of axis 1", "entry of axis 2"]
    axes += [(axis, leading[min(axis, 2)]) for axis in range(got.dim() - 2)]
    for axis, noun in axes:
        others = [a for a in range(got.dim()) if a != axis]
        whole = right.amin(others) if others else right
        if whole.any() and not whole.all():
            return _which(whole.bool(), noun)
    return None


def _which(whole: torch.Tensor, noun: str) -> str:
    good, size = whole.nonzero().flatten().tolist(), len(whole)
    bad = [i for i in range(size) if i not in good]
    if len(good) == 1:
        return f"only {_place(good[0], size, noun)} is right"
    if len(bad) == 1:
        return f"only {_place(bad[0], size, noun)} is wrong"
    return f"{_named(whole, noun)} are right"


def _place(index: int, size: int, noun: str) -> str:
    if index == size - 1:
        return f"the last {noun}"
    return f"the first {noun}" if index == 0 else f"{noun} {index}"


def _named(chosen: torch.Tensor, noun: str) -> str:
    indices = [str(i) for i in chosen.nonzero().flatten().tolist()]
    plural = noun.replace("entry", "entries") if "entry" in noun else f"{noun}s"
    if len(indices) == 1:
        return f"{noun} {indices[0]}"
    if len(indices) > 6:
        return f"{len(indices)} of the {len(chosen)} {plural}"
    return f"{plural} {', '.join(indices[:-1])} and {indices[-1]}"


def _rows(bad: torch.Tensor) -> torch.Tensor | None:
    return bad.any(-1) if bad.dim() == 2 else None


PATTERNS: tuple[Pattern, ...] = (
    _nan, _opposite, _factor, _transposed, _offset, _sums, _triangle, _axes,
)  # fmt: skip
