"""Weights: rows, or columns, that should sum to one."""

from __future__ import annotations

import math

import torch

from grader import words
from grader.patterns.near import distinct
from grader.patterns.places import where

OFF = 1e-2  # how far from one a sum is that says something
LEAST_APART = 1e-2  # of scores whose ratio says something


def are_weights(tensor: torch.Tensor, axis: int = -1) -> bool:
    """Whether lines along an axis sum to one, but for those that are all zeros."""
    if tensor.dtype is torch.bool or not tensor.dim() or tensor.shape[axis] < 2:
        return False
    sums = tensor.sum(axis)
    one = ((sums - 1).abs() < OFF) | (sums == 0)
    return bool((tensor >= 0).all() and one.all() and (sums > 0).any())


def rows(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Rows that should sum to one and do not, or should be empty and are not."""
    if not are_weights(expected) or not got.isfinite().all():
        return None
    full = expected.sum(-1) > 0
    sums = got.sum(-1)
    empty_off = ~full & (sums.abs() > OFF)
    off = full & ((sums - 1).abs() > OFF)
    if not off.any():
        return _not_empty(got, right, full) if empty_off.any() else None
    if got.dim() == 1:
        return f"the sum is {_sum(sums)}, not 1"
    if got.shape[-2] > 1 and full.all() and ((got.sum(-2) - 1).abs() < OFF).all():
        rest = "rows do not" if off.all() else "not every row does"
        return f"columns sum to one, {rest}"
    return _told(sums, off, full, "row")


def columns(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """The same of columns, where these should sum to one."""
    if got.dim() < 2 or not are_weights(expected, -2) or not got.isfinite().all():
        return None
    full, sums = expected.sum(-2) > 0, got.sum(-2)
    off = full & ((sums - 1).abs() > OFF)
    if not off.any() or are_weights(expected):
        return None
    if got.shape[-1] > 1 and full.all() and ((got.sum(-1) - 1).abs() < OFF).all():
        rest = "columns do not" if off.all() else "not every column does"
        return f"rows sum to one, {rest}"
    return _told(sums, off, full, "column")


def already(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Rows that sum to one where nothing of the sort was expected."""
    if got.dim() < 2 or got.shape[-1] < 2 or got.shape[:-1].numel() < 2 or right.any():
        return None
    if not are_weights(got) or are_weights(expected) or not (got.sum(-1) > 0).all():
        return None
    if ((got.sum(-1) - 1).abs() > 1e-4).any() or ((expected.sum(-1) - 1).abs() < OFF).any():
        return None
    return "nothing is below 0 and every row sums to one, as in weights"


def sharpness(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Weights as scores give them that are all larger, or smaller, by one factor."""
    for axis in (-1, -2)[: got.dim()]:
        if not (are_weights(got, axis) and are_weights(expected, axis)):
            continue
        ours, theirs = (_scores(tensor, axis) for tensor in (got, expected))
        seen = theirs.isfinite()
        if not torch.equal(seen, ours.isfinite()) or distinct(theirs[seen]) < 3:
            continue
        apart = theirs[seen].abs() > LEAST_APART
        ratios = ours[seen][apart] / theirs[seen][apart]
        by = ratios.median().item() if ratios.numel() > 1 else 1.0
        close = torch.isclose(ours[seen], by * theirs[seen], 1e-3, 1e-4 * min(abs(by), 1.0))
        if abs(by - 1) < OFF or not close.all():
            continue
        if math.isclose(by, -1, rel_tol=2e-3):
            return "these are the weights of scores with every sign turned round"
        times = words.factor(abs(by)) or words.number(by)
        return None if by < 0 else f"these are the weights of scores {times} times as large"
    return None


def lumped(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """All weight of a row on one entry."""
    if got.numel() < 4 or not (are_weights(got) and are_weights(expected)):
        return None
    chosen = got == 1
    full = (expected.sum(-1) > 0).all() and (chosen.sum(-1) == 1).all()
    if not full or got[~chosen].any() or (right.all(-1) & (expected.amax(-1) < 1)).any():
        return None
    most = bool((expected[chosen] == expected.amax(-1).flatten()).all())
    line = "every row gives" if got.dim() > 1 else "it gives"
    which = ", the one that should weigh most" if most else ""
    return f"{line} all its weight to one entry{which}"


def _scores(weights: torch.Tensor, axis: int) -> torch.Tensor:
    """The scores that have these weights, with a mean of 0; -inf and NaN where there are none."""
    logs = weights.log()
    return logs - logs.masked_fill(logs.isinf(), math.nan).nanmean(axis, keepdim=True)


def _not_empty(got: torch.Tensor, right: torch.Tensor, full: torch.Tensor) -> str:
    rest = ", all else is right" if right[full].all() else ""
    filled = got[~full]
    several = len(filled) > 1
    if ((filled - filled[0, 0]).abs() < 1e-5).all():
        number = words.number(filled[0, 0].item())
        them = (
            "the rows with nothing to attend to are"
            if several
            else ("the row with nothing to attend to is")
        )
        return f"{them} {number} throughout instead of all zeros{rest}"
    which = "a row" if several else "the row"
    return f"{which} with nothing to attend to is not all zeros{rest}"


def _told(sums: torch.Tensor, off: torch.Tensor, full: torch.Tensor, name: str) -> str:
    first = tuple(off.nonzero()[0].tolist())
    total = _sum(sums[first])
    if name == "row":
        told = where(first)
    elif len(first) == 1:
        told = f"column {first[0]}"
    else:
        return f"{'no' if off[full].all() else 'not every'} column sums to one"
    if off.sum() == 1:
        return f"{told} sums to {total}, not to one"
    return f"{'no' if off[full].all() else 'not every'} {name} sums to one: {told} sums to {total}"


def example(got: torch.Tensor, expected: torch.Tensor) -> str:
    """What the first row of weights sums to that does not sum to one, as the end of a sentence."""
    if not are_weights(expected) or not got.isfinite().all() or got.dim() < 2:
        return ""
    off = (expected.sum(-1) > 0) & ((got.sum(-1) - 1).abs() > OFF)
    if not off.any():
        return ""
    first = tuple(off.nonzero()[0].tolist())
    return f": {where(first)} sums to {_sum(got.sum(-1)[first])}, not to one"


def _sum(total: torch.Tensor) -> str:
    return words.number(round(total.item(), 3))
