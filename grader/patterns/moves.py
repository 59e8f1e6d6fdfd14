"""The right numbers in wrong places: transposed, in another order, shifted, repeated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import torch

from grader.patterns.near import alike, distinct, same
from grader.patterns.places import axes, listed, one, plural

MOST_LINES = 64  # rows that are compared with one another
MOST_PAIRS = 1 << 22  # entries of such a comparison
MOST_AXES = 4
LEAST_BOOLS = 3  # lines and entries in each: of True and False fewer agree by accident


def exchanged(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Transposed, the last two axes or others."""
    dim = got.dim()
    if not 2 <= dim <= MOST_AXES or same(got, expected):
        return None
    for order in _orders(dim):
        turned = expected.permute(order)
        if turned.shape == got.shape and same(got, turned):
            if order[:-2] == tuple(range(dim - 2)):
                return "it is the transpose of what it should be"
            return reordered(order)
    return None


def _orders(dim: int) -> list[tuple[int, ...]]:
    """All orders of the axes but the usual one: fewest moved axes first, the last ones before."""
    usual = tuple(range(dim))

    def moved(order: tuple[int, ...]) -> list[int]:
        return [axis for axis in usual if order[axis] != axis]

    return sorted(permutations(usual), key=lambda o: (len(moved(o)), [-a for a in moved(o)]))[1:]


def reordered(order: tuple[int, ...]) -> str:
    """Axes in another order, in words."""
    moved = [axis for axis, was in enumerate(order) if axis != was]
    if len(moved) == 2:
        return f"axes {moved[0]} and {moved[1]} have changed places"
    if order == tuple(reversed(range(len(order)))):
        return "the axes stand in reverse order"
    return "the axes stand in another order"


def _stacks(
    got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor, least: int
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """What stands along each axis, one line for each: (noun, lines of got, of expected, ...)."""
    least = max(least, LEAST_BOOLS) if got.dtype is torch.bool else least
    for axis, name in axes(got.dim()):
        count = got.shape[axis]
        ours, theirs, flags = (
            t.movedim(axis, 0).reshape(count, -1) for t in (got, expected, right)
        )
        if got.dtype is torch.bool and ours.shape[1] < LEAST_BOOLS:
            continue
        if least <= count <= MOST_LINES and count * count * ours.shape[1] <= MOST_PAIRS:
            yield name, ours, theirs, flags


def permuted(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Rows, columns, heads or samples in another order, where no two of them are equal."""
    if same(got, expected):
        return None
    for name, ours, theirs, flags in _stacks(got, expected, right, 2):
        match = _matches(ours, theirs)
        if (match.sum(0) == 1).all() and (match.sum(1) == 1).all():
            return _order(match.long().argmax(1).tolist(), name, flags)
    return None


def _matches(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """For each line of ours which of theirs it is."""
    return alike(ours[:, None], theirs[None]).all(-1)


def _order(order: list[int], name: str, right: torch.Tensor) -> str:
    names, count = plural(name), len(order)
    moved = [index for index in range(count) if order[index] != index]
    if len(moved) == 2:
        others = [index for index in range(count) if index not in moved]
        rest = ", the others are right" if others and right[others].all() else ""
        return f"{listed(moved, name)} have changed places{rest}"
    if order == [*reversed(range(count))]:
        return f"the {names} stand in reverse order"
    if count <= 6 and " " not in names:
        now, then = (", ".join(map(str, o)) for o in (range(count), order))
        return f"{names} {now} are {names} {then} of what was expected"
    if order == [*range(1, count), 0]:
        return f"the {names} have moved up by one, and the first stands last"
    if order == [count - 1, *range(count - 1)]:
        return f"the {names} have moved on by one, and the last stands first"
    return f"the {names} stand in another order"


def repeated(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """The same row everywhere, or column, head, sample."""
    for name, ours, theirs, _ in _stacks(got, expected, right, 2):
        # So many numbers that agree: of two pairs they might by accident.
        agreeing = (len(ours) - 1) * distinct(ours[0])
        if distinct(ours[0]) < 2 or agreeing < 3 or not same(ours, ours[:1]):
            continue
        if same(theirs, theirs[:1]):
            continue
        which = alike(ours[:1], theirs).all(-1).nonzero().flatten().tolist()
        if len(which) == 1:
            copied = one(which[0], len(theirs), name)
            return f"every {name} is {copied} of what was expected"
        return f"every {name} is the same"
    return None


def shifted(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """All rows but one stand one too low or too high; columns and others too."""
    if same(got, expected):
        return None
    for name, ours, theirs, _ in _stacks(got, expected, right, 3):
        if same(theirs[1:], theirs[:-1]):
            continue
        for mine, its, first, neighbour in (
            (ours[1:], theirs[:-1], "first", "before"),
            (ours[:-1], theirs[1:], "last", "after"),
        ):
            if not same(its, its[:1]) and same(mine, its):
                return f"every {name} but the {first} is what the one {neighbour} it should be"
    return None


def elsewhere(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """All numbers are there, in each row or in all, but not in their places."""
    if got.dtype is torch.bool or got.isnan().any() or same(got, expected):
        return None
    dim = got.dim()
    for axis, name in ((-1, "row"), (-2, "column")) if dim > 1 else ():
        if _holds(got, expected, right, axis, 3):
            return f"each {name} holds the right numbers, but not all in their places"
    if _holds(got.flatten(), expected.flatten(), right.flatten(), 0, 4):
        return "all the right numbers are there, but not all in their places"
    return None


def _holds(
    got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor, axis: int, least: int
) -> bool:
    """Whether lines along an axis hold the right numbers, different enough to tell."""
    if not same(got.sort(axis).values, expected.sort(axis).values):
        return False
    ours, flags = (t.movedim(axis, -1).reshape(-1, t.shape[axis]) for t in (expected, right))
    return any(distinct(line[~flag]) >= least for line, flag in zip(ours, flags, strict=True))
