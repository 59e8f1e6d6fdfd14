"""What is right and what is not in a wrong tensor: the pattern, in words."""

from __future__ import annotations

from collections.abc import Callable

import torch

from grader.patterns import amounts, forms, gaps, moves, places, sums
from grader.patterns.near import LARGEST
from grader.patterns.shapes import pattern as pattern_of_shapes

__all__ = ["LARGEST", "pattern", "pattern_of_shapes"]

Pattern = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], str | None]

# What says most stands first: of every entry, then of lines, then of the wrong entries only.
STORIES: tuple[Pattern, ...] = (
    gaps.nan, gaps.inverted, forms.opposite, amounts.constant, amounts.factor, moves.exchanged,
    amounts.amount, moves.permuted, moves.repeated, sums.lumped, forms.unsigned, forms.clipped,
    forms.rounded, forms.function, sums.sharpness, amounts.lines, sums.rows, sums.columns,
    amounts.wherever,
)  # fmt: skip
PLACES: tuple[Pattern, ...] = (
    places.triangle, moves.shifted, moves.elsewhere, sums.already, places.single,
    places.zeros_only, places.corner, places.handful, places.lines,
)  # fmt: skip
LAST: tuple[Pattern, ...] = (forms.nearly, forms.one_sided, places.few)
SIMPLEST: tuple[Pattern, ...] = (forms.opposite, amounts.constant, amounts.factor)
PARTIAL = ("only ", "wrong ", "all that ")  # places of which one may say what stands there


def pattern(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str:
    """The first pattern that holds, as a clause; empty where none does.

    got, expected: of one shape, on the CPU, in float64 or bool; right: where they agree.
    """
    if not got.dim() or not got.numel():
        return ""
    wrong = got, expected, right
    if got.numel() > LARGEST:
        return _first(SIMPLEST, *wrong)
    if story := _first(STORIES, *wrong):
        return story
    place, nature = _first(PLACES, *wrong), amounts.wrong_ones(*wrong)
    if place and nature and place.startswith(PARTIAL):
        return f"{place}; {nature}"
    return place or nature or _first(LAST, *wrong)


def _first(finders: tuple[Pattern, ...], *wrong: torch.Tensor) -> str:
    found = (find(*wrong) for find in finders)
    return next((says for says in found if says), "")
