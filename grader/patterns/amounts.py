"""By how much it is off: one factor or amount throughout, or one for each row or column."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from grader import words
from grader.patterns.near import distinct
from grader.patterns.places import are, axes, several
from grader.patterns.sums import example

SAME_FACTOR = 1e-3  # how far factors may differ and be called one
SAME_AMOUNT = 1e-5
VISIBLE = 2e-3  # how far a factor is from 1 where it explains anything
MOST_LINES = 512
TINY_FACTOR = 1e-6


@dataclass(frozen=True)
class Off:
    """How numbers are off: all by `by`, as so many different ones bear witness."""

    by: float  # NaN where they say nothing, as zeros do of factors
    witnesses: int


def constant(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """The same number everywhere."""
    first = got.flatten()[0]
    if got.numel() < 2 or not first.isfinite():
        return None
    if got.dtype is torch.bool:
        return f"every entry is {bool(first)}" if (got == first).all() else None
    if ((got - first).abs() > SAME_AMOUNT * first.abs()).any():
        return None
    return f"every entry is {words.number(first.item())}"


def factor(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """One factor for all."""
    off = _factor(got, expected)
    if off is None or off.witnesses < 2 or abs(off.by - 1) < VISIBLE or abs(off.by) < TINY_FACTOR:
        return None
    if _is_minus(off.by):
        return "every sign is turned round"
    return f"every entry is off by {_by_factor(off.by)}"


def amount(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """One amount for all."""
    off = _amount(got, expected)
    if off is None or off.witnesses < 2 or right.any() or got.numel() < 3:
        return None
    return f"every entry is off by the same amount, {words.number(off.by)}"


def _factor(got: torch.Tensor, expected: torch.Tensor) -> Off | None:
    """The factor that all entries are off by; 1 where all are right."""
    if got.dtype is torch.bool:
        return None
    usable = expected.isfinite() & (expected.abs() > TINY_FACTOR)
    if not got[usable].isfinite().all():
        return None
    ratios = got[usable] / expected[usable]
    by = ratios.median().item() if ratios.numel() else math.nan
    if ratios.numel() and not torch.allclose(
        ratios, torch.full_like(ratios, by), rtol=SAME_FACTOR, atol=0
    ):
        return None
    if abs(by) < TINY_FACTOR and got.any():
        return None
    # Infinities, zeros and tiny numbers tell no factor, but "every entry" speaks of them too.
    follows = expected[~usable] * (1.0 if math.isnan(by) else by)
    if not torch.allclose(got[~usable], follows, 1e-3, 2e-6, equal_nan=True):
        return None
    return Off(by, distinct(expected[usable]))


def _amount(got: torch.Tensor, expected: torch.Tensor) -> Off | None:
    """The amount that all entries are off by."""
    if got.dtype is torch.bool or not got.isfinite().all() or not expected.isfinite().all():
        return None
    difference = got - expected
    by, largest = difference.mean().item(), difference.abs().max()
    # What is left of large numbers after a subtraction is no more exact than they were.
    noise = 4 * torch.finfo(torch.float32).eps * expected.abs().max()
    if largest <= 1e3 * noise or (difference - by).abs().max() > SAME_AMOUNT * largest + noise:
        return None
    return Off(by, distinct(expected))


def _is_minus(by: float) -> bool:
    return math.isclose(by, -1, rel_tol=SAME_FACTOR)


def _by_factor(by: float) -> str:
    named = words.factor(abs(by))
    if named is None:
        return f"the same factor, {words.number(by)}"
    return f"the factor {'−' if by < 0 else ''}{named}"


def lines(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Samples, heads, rows or columns that are off by a factor or an amount of their own."""
    if got.dtype is torch.bool or got.dim() < 2:
        return None
    return _lines(got, expected, right, _factor, 1.0) or _lines(got, expected, right, _amount, 0.0)


Measure = Callable[[torch.Tensor, torch.Tensor], Off | None]


def _lines(
    got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor, measure: Measure, none: float
) -> str | None:
    for axis, name in axes(got.dim()):
        offs = _measured(got, expected, right, (axis,), measure, none)
        if offs is not None:
            return _said(offs, name, none, example(got, expected) if name == "row" else "")
    for inner, name in ((-1, "row"), (-2, "column")) if got.dim() > 2 else ():
        outer = tuple(axis for axis in range(got.dim()) if axis != got.dim() + inner)
        offs = _measured(got, expected, right, outer, measure, none)
        if offs is not None:
            which = "every" if all(off.by != none for off in offs) else "every wrong"
            end = example(got, expected) if name == "row" and none else ""
            return f"{which} {name} is off by {_kind(none)} of its own{end}"
    return None


def _measured(
    got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor, outer: tuple[int, ...],
    measure: Measure, none: float,
) -> list[Off] | None:  # fmt: skip
    """How each line is off, one for each index of the outer axes; None if they do not tell."""
    count = math.prod(got.shape[axis] for axis in outer)
    if not 2 <= count <= MOST_LINES or got.numel() == count:
        return None
    offs = []
    for mine, its, flags in zip(
        *(_flat(tensor, outer, count) for tensor in (got, expected, right)), strict=True
    ):
        off = Off(none, 0) if flags.all() else measure(mine, its)
        if off is None or math.isnan(off.by):
            return None
        if not flags.all() and abs(off.by - none) < (VISIBLE if none else 1e-12):
            return None
        offs.append(off)
    wrong = [off for off in offs if off.by != none]
    # Two numbers have a ratio by any accident: there must be a line with a third, or a pair.
    if not wrong or sum(max(off.witnesses - 1, 0) for off in wrong) < 2:
        return None
    alike = all(math.isclose(off.by, wrong[0].by, rel_tol=SAME_FACTOR) for off in wrong)
    return offs if alike or max(off.witnesses for off in wrong) > 2 else None


def _flat(tensor: torch.Tensor, outer: tuple[int, ...], count: int) -> Iterator[torch.Tensor]:
    return iter(tensor.movedim(outer, tuple(range(len(outer)))).reshape(count, -1))


def _kind(none: float) -> str:
    return "a factor" if none else "an amount"


def _said(offs: list[Off], name: str, none: float, end: str) -> str | None:
    wrong = [index for index, off in enumerate(offs) if off.by != none]
    rest = "" if len(wrong) == len(offs) else ", all else is right"
    by = offs[wrong[0]].by
    if all(math.isclose(offs[index].by, by, rel_tol=SAME_FACTOR) for index in wrong):
        if not rest:
            return None  # then it is one for all, or nearly so
        subject, verb = several(wrong, len(offs), name), are(wrong)
        if not none:
            return f"{subject} {verb} off by the same amount, {words.number(by)}{rest}"
        if _is_minus(by):
            return f"every sign in {subject} is turned round{rest}"
        if abs(by) < TINY_FACTOR:
            return f"{subject} {verb} all 0{rest}"
        return f"{subject} {verb} off by {_by_factor(by)}{rest}"
    which = "every" if not rest else "every wrong"
    return f"{which} {name} is off by {_kind(none)} of its own{end if none else ''}"


def wrong_ones(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """What all wrong entries have in common, where others are right."""
    ours, theirs = got[~right], expected[~right]
    if len(ours) < 2 or not right.any():
        return None
    first = ours[0].item()
    if (ours == ours[0]).all():
        what = str(first) if got.dtype is torch.bool else words.number(first)
        return f"every wrong entry is {what}"
    if len(ours) < 3:
        return None
    off = _factor(ours, theirs)
    if off and off.witnesses > 1 and abs(off.by) > TINY_FACTOR and abs(off.by - 1) > VISIBLE:
        if _is_minus(off.by):
            return "every wrong entry has its sign turned round"
        return f"every wrong entry is off by {_by_factor(off.by)}"
    off = _amount(ours, theirs)
    if off and off.witnesses > 1:
        return f"every wrong entry is off by the same amount, {words.number(off.by)}"
    return None


def wherever(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """All entries that should be one number are another, and no others are wrong."""
    ours, theirs = got[~right], expected[~right]
    if got.dtype is torch.bool or len(ours) < 2 or right.all() or not right.any():
        return None
    if not (theirs == theirs[0]).all() or not (ours == ours[0]).all() or ours[0].isnan():
        return None
    if (right & (expected == theirs[0])).any():
        return None
    was, now = words.apart(theirs[0].item(), ours[0].item())
    return f"wherever {was} was expected stands {now}, all else is right"
