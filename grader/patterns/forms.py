"""Each entry changed for itself: cut off, clipped, rounded, without its sign, squared."""

from __future__ import annotations

import math

import torch

from grader import words
from grader.patterns.near import alike, distinct

MOST_DECIMALS = 4
NEARLY = ((0.001, "0.1 %"), (0.01, "1 %"), (0.05, "5 %"))


def opposite(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """True for False throughout."""
    if got.dtype is torch.bool and got.numel() > 1 and not right.any():
        return "every entry is the opposite of what it should be"
    return None


def clipped(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Held above or below a number, or between two."""
    if got.dtype is torch.bool or not got.isfinite().all() or expected.isnan().any():
        return None
    low, high = ~right & (got > expected), ~right & (got < expected)
    bounds = []
    for side, beyond in ((low, torch.lt), (high, torch.gt)):
        if side.any():
            bound = got[side][0]
            if (got[side] != bound).any() or (right & beyond(expected, bound)).any():
                return None
            bounds.append(words.number(bound.item()))
    # One number that is cut off, or none that is not, might be wrong for any reason.
    if not bounds or any(distinct(expected[side]) == 1 for side in (low, high)):
        return None
    if not right.any() or distinct(got) < 2 + len(bounds):
        return None
    if len(bounds) > 1:
        return f"nothing is below {bounds[0]} or above {bounds[1]}, what lies between is right"
    which = "below" if low.any() else "above"
    return f"whatever should be {which} {bounds[0]} is {bounds[0]}, all else is right"


def unsigned(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """The absolute values, or those below zero."""
    if got.dtype is torch.bool or not alike(got.abs(), expected.abs()).all():
        return None
    if (~right).sum() < 2 or distinct(expected[~right]) < 2 or not (right & (expected != 0)).any():
        return None
    for sign, lost, now in ((1, "negative", "positive"), (-1, "positive", "negative")):
        if (sign * got >= 0).all() and (sign * expected[~right] < 0).all():
            return f"the sizes are right, but what should be {lost} is {now}"
    return None


def rounded(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Rounded, or cut off, after so many decimals."""
    if got.dtype is torch.bool or not (got.isfinite() & expected.isfinite()).all():
        return None
    if distinct(expected[~right]) < 3:
        return None
    for decimals in range(MOST_DECIMALS + 1):
        for how, text in ((torch.round, "rounded"), (torch.trunc, "cut off")):
            unit = 10.0**-decimals
            units = how(expected / unit)
            # Right in the middle a rounding error decides which way it goes.
            middle = ((expected / unit).frac().abs() - 0.5).abs() < 1e-4
            units = torch.where(middle & (how is torch.round), (got / unit).round(), units)
            near = (units * unit - expected).abs() <= 1.001 * unit
            if (near & ((got - units * unit).abs() <= 4e-7 * got.abs() + 1e-12)).all():
                return f"every entry is {text} {_to(decimals, text)}"
    return None


def _to(decimals: int, text: str) -> str:
    if not decimals:
        return "to a whole number"
    return f"{'to' if text == 'rounded' else 'after'} {words.count(decimals, 'decimal')}"


FUNCTIONS = (
    ("the square of", torch.square),
    ("the square root of", torch.sqrt),
    ("one divided by", torch.reciprocal),
    ("the logarithm of", torch.log),
    ("exp of", torch.exp),
    ("tanh of", torch.tanh),
)


def function(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """A function of what it should be."""
    if got.dtype is torch.bool or got.isnan().any() or distinct(expected[~right]) < 3:
        return None
    for name, of in FUNCTIONS:
        if alike(got, of(expected)).all():
            return f"every entry is {name} what it should be"
    return None


def one_sided(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Nothing below zero, or above, where much should be."""
    if got.dtype is torch.bool or got.isnan().any():
        return None
    for sign, side in ((1, "below"), (-1, "above")):
        beyond = sign * expected < 0
        if (sign * got >= 0).all() and beyond.sum() >= 3 and got.any():
            count = f"{int(beyond.sum())} of {got.numel()} entries"
            what = (
                f"{side} 0" if expected[beyond].isfinite().any() else words.number(-sign * math.inf)
            )
            return f"nothing is {what}, where {count} should be"
    return None


def nearly(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Nearly right throughout."""
    if got.dtype is torch.bool or got.numel() < 3:
        return None
    apart = torch.where(right, 0.0, (got - expected).abs() / expected.abs())
    for share, text in NEARLY:
        if (apart < share).all():
            return f"no entry is off by more than {text}"
    return None
