"""A wrong shape: which axis is missing, too many, in another place, or too long."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import prod

import torch

from grader.patterns.moves import MOST_AXES, reordered
from grader.patterns.places import noun, plural

Sizes = tuple[int, ...]
Agree = Callable[[torch.Tensor, torch.Tensor], bool]


def pattern(got: torch.Tensor, expected: torch.Tensor, agree: Agree) -> str:
    """How two shapes differ, as a clause, with what is right all the same; or empty.

    agree: whether two tensors of one shape hold the same numbers.
    """
    ours, theirs = tuple(got.shape), tuple(expected.shape)
    if ours == theirs:
        return ""
    for clause in (_axis_too_many(ours, theirs), _axis_missing(ours, theirs)):
        if clause:
            return clause + _numbers(got, expected, agree)
    if len(ours) == len(theirs):
        return _turned(got, expected, agree) or _length(got, expected, agree)
    clause = _merged(ours, theirs) or _parted(ours, theirs)
    return clause + _numbers(got, expected, agree) if clause else ""


def _numbers(got: torch.Tensor, expected: torch.Tensor, agree: Agree) -> str:
    """Whether the numbers are right, one after the other, as the end of a sentence."""
    if got.numel() != expected.numel() or got.numel() < 2:
        return ""
    return "; the numbers are right" if agree(got.reshape(expected.shape), expected) else ""


def _without(sizes: Sizes, others: Sizes) -> list[int]:
    """The axes of which any one may go to leave the other sizes."""
    return [axis for axis in range(len(sizes)) if sizes[:axis] + sizes[axis + 1 :] == others]


def _axis_too_many(ours: Sizes, theirs: Sizes) -> str:
    which = _without(ours, theirs)
    if not which or not theirs:
        return ""
    size = ours[which[0]]
    place = _place(which[0], len(ours)) if len(which) == 1 else ""
    if len(which) == 1 and not place:
        return f"axis {which[0]}, of size {size}, is too many"
    of = "" if size == 1 and place else f" of size {size}"
    return f"there is one axis{of} too many{place}"


def _axis_missing(ours: Sizes, theirs: Sizes) -> str:
    which = _without(theirs, ours)
    if not which or not ours:
        return ""
    size = theirs[which[0]]
    if len(which) > 1:
        return f"one axis of size {size} is missing"
    place = _place(which[0], len(theirs)) or f" as axis {which[0]}"
    return f"an axis of size {size} is missing{place}"


def _place(axis: int, dim: int) -> str:
    return " in front" if axis == 0 else " at the end" if axis == dim - 1 else ""


def _turned(got: torch.Tensor, expected: torch.Tensor, agree: Agree) -> str:
    """The right sizes in another order, and whether the numbers go with them."""
    ours, theirs = tuple(got.shape), tuple(expected.shape)
    if sorted(ours) != sorted(theirs) or len(ours) > MOST_AXES:
        return ""
    orders = [
        order for order in permutations(range(len(ours)))
        if tuple(theirs[axis] for axis in order) == ours
    ]  # fmt: skip
    for order in orders:
        if got.numel() > 1 and agree(got, expected.permute(order)):
            if order[:-2] == tuple(range(len(order) - 2)):
                return "it is the transpose of what it should be"
            return reordered(order)
    numbers = _numbers(got, expected, agree).replace("; the", "; read row by row, the")
    if len(ours) == 2:
        return f"the shape is that of its transpose{numbers}"
    swaps = [[axis for axis, was in enumerate(order) if axis != was] for order in orders]
    swaps = [swap for swap in swaps if len(swap) == 2]
    if len(swaps) == 1:
        one, other = swaps[0]
        return f"the sizes of axes {one} and {other} have changed places{numbers}"
    return f"the right sizes stand in another order{numbers}"


def _length(got: torch.Tensor, expected: torch.Tensor, agree: Agree) -> str:
    """One axis too long or too short, and whether it is right as far as it goes."""
    ours, theirs = tuple(got.shape), tuple(expected.shape)
    axes = [axis for axis in range(len(ours)) if ours[axis] != theirs[axis]]
    if len(axes) != 1:
        return ""
    axis, name = axes[0], noun(axes[0], len(ours))
    common = min(ours[axis], theirs[axis])
    if " " in name or not prod(ours) or not prod(theirs):
        return ""
    off = abs(ours[axis] - theirs[axis])
    much = "missing" if ours[axis] < theirs[axis] else "too many"
    says = f"{'one ' + name if off == 1 else f'{off} {plural(name)}'} {_verb(off)} {much}"
    firsts = (t.narrow(axis, 0, common) for t in (got, expected))
    lasts = (t.narrow(axis, t.shape[axis] - common, common) for t in (got, expected))
    # A number or two may agree by accident.
    if common * prod(ours) // ours[axis] > 1:
        for side, (mine, its) in (("last", firsts), ("first", lasts)):
            if agree(mine, its):
                which = f"{side} {name if off == 1 else f'{off} {plural(name)}'}"
                return f"the {which} {_verb(off)} {much}, the others are right"
    return says


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _merged(ours: Sizes, theirs: Sizes) -> str:
    """Two axes that have become one."""
    which = _joined(theirs, ours)
    if len(which) != 1:
        return ""
    axis = which[0]
    return f"axes {axis} and {axis + 1} have become one, of size {ours[axis]}"


def _parted(ours: Sizes, theirs: Sizes) -> str:
    """One axis that has become two."""
    which = _joined(ours, theirs)
    if len(which) != 1:
        return ""
    axis = which[0]
    return f"axis {axis} has become two, of sizes {ours[axis]} and {ours[axis + 1]}"


def _joined(sizes: Sizes, others: Sizes) -> list[int]:
    """The axes that, joined with the next, leave the other sizes."""
    return [
        axis
        for axis in range(len(sizes) - 1)
        if sizes[:axis] + (sizes[axis] * sizes[axis + 1],) + sizes[axis + 2 :] == others
    ]
