"""How well the thought that certain mistakes were made fits what a function answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import torch

from grader.answers import differs_in_numbers
from grader.atlas import Atlas, Evidence, Place, Wrongs
from grader.calls import Answer, Raised, Value
from grader.model import Misconception
from grader.worker.parts import tensors_in

MOST_CLASHES = 4  # one call in so many may raise where the other program answers


class Fit(IntEnum):
    """What one step says of the thought."""

    CONTRADICTS = 0  # the mistakes would show in it, and do not
    SILENT = 1  # they would not show in it
    IN_PART = 2  # they show in it, and something else does too
    EXPLAINED = 3  # the answers are those of the mistakes throughout, and not the right ones


Fits = dict[str, Fit]  # by step


@dataclass(frozen=True)
class Testimony:
    """What one function of a submission answered, in all its steps."""

    atlas: Atlas
    steps: Sequence[Evidence]
    _rights: dict[Place, bool] = field(default_factory=dict)

    @property
    def failed_values(self) -> list[Evidence]:
        """The values steps that did not pass."""
        return [step for step in self.steps if step.values and not step.passed]

    @property
    def passed(self) -> list[Evidence]:
        """The steps that passed."""
        return [step for step in self.steps if step.passed]

    @cached_property
    def first_wrong(self) -> list[Place]:
        """The first wrong call of each failed values step."""
        wrong = (
            next((place for place in step.calls() if not self._is_right(place)), None)
            for step in self.failed_values
        )
        return [place for place in wrong if place is not None]

    @property
    def is_featureless(self) -> bool:
        """Whether each wrong answer is one number throughout, as a tensor of zeros is.

        Of mistakes made together too many end in such an answer for any to be named.
        """
        given = [place.answer for place in self.first_wrong]
        tensors = [t for one in given if isinstance(one, Value) for t in tensors_in(one.value)]
        return bool(tensors) and all(_is_one_number(tensor) for tensor in tensors)

    def fits(self, candidates: Iterable[Wrongs]) -> dict[Wrongs, Fits]:
        """How each candidate fits each failed values step; what a call contradicts is left out."""
        found: dict[Wrongs, Fits] = {}
        for wrongs in candidates:
            # What explains a step answers its first wrong call as it was answered.
            if not any(self.is_like(wrongs, place) for place in self.first_wrong):
                continue
            fits = self._fits(wrongs)
            if fits and not self.refutes(wrongs):
                found[wrongs] = fits
        return found

    def refutes(self, wrongs: Wrongs) -> bool:
        """Whether a step that passed would not have, with these mistakes made."""
        return any(self._refuted(wrongs, step) for step in self.passed)

    def refutes_at_once(self, wrongs: Wrongs) -> bool:
        """Whether the first calls of the steps that passed are enough to refute mistakes."""
        first = (next(iter(step.calls()), None) for step in self.passed if step.values)
        return any(place is not None and self._would_show(wrongs, place) for place in first)

    def explains_side(self, wrongs: Wrongs, side: Evidence) -> bool:
        """Whether mistakes explain a step on dtype, device, arguments or gradients.

        There the very thing that a loose comparison ignores is wrong.
        """
        places = list(side.calls())
        return (
            all(self.is_like(wrongs, place, strict=True) for place in places)
            and any(self.atlas.visible(wrongs, place) for place in places)
            and not any(self._refuted(wrongs, step) for step in self.passed if step.values)
        )

    def is_like(self, wrongs: Wrongs, place: Place, strict: bool = False) -> bool:
        """Whether a call was answered as these mistakes have it."""
        return place.answered_as(wrongs, self.atlas, strict)

    def _is_right(self, place: Place) -> bool:
        if place not in self._rights:
            self._rights[place] = place.is_right(self.atlas)
        return self._rights[place]

    def is_like_all(self, wrongs: Wrongs, steps: Sequence[Evidence]) -> bool:
        """Whether all calls of some steps were."""
        return all(self.is_like(wrongs, place) for step in steps for place in step.calls())

    def shows_values(self, wrongs: Wrongs, step: Evidence) -> bool:
        """Whether mistakes show in more of a step than an exception."""
        return any(
            isinstance(place.answer, Value)
            and isinstance(self.atlas.of(wrongs, place), Value)
            and self.atlas.visible(wrongs, place)
            for place in step.calls()
        )

    def shows_numbers(self, wrongs: Wrongs) -> bool:
        """Whether mistakes show in more than what is NaN or infinite, as much may be."""
        return any(
            differs_in_numbers(self.atlas.of(wrongs, place), self.atlas.reference(place))
            for step in self.failed_values
            for place in step.calls()
        )

    def shown_by_one(self, together: Wrongs) -> bool:
        """Whether a failed call shows one of several mistakes by itself.

        Those that only ever show together are as well another that nobody has thought of.
        """
        return any(self._shows_alone(one) for one in together)

    def needs(self, together: Wrongs, one: Misconception) -> bool:
        """Whether one of several mistakes shows by itself, or changes numbers of the others.

        Where everything is NaN already, one more mistake fits by accident.
        """
        return self._shows_alone(one) or self._adds_numbers(together, one)

    def _shows_alone(self, one: Misconception) -> bool:
        return any(
            self.atlas.visible((one,), place) and self.is_like((one,), place)
            for step in self.failed_values
            for place in step.calls()
        )

    def _adds_numbers(self, together: Wrongs, one: Misconception) -> bool:
        others = tuple(other for other in together if other != one)
        return any(
            differs_in_numbers(self.atlas.of(together, place), self.atlas.of(others, place))
            for step in self.failed_values
            for place in step.calls()
        )

    def _fits(self, wrongs: Wrongs) -> Fits:
        """How mistakes fit each failed values step; nothing where they do not fit at all."""
        fits: Fits = {}
        for step in self.failed_values:
            fits[step.step] = self._fit(wrongs, step)
            if fits[step.step] is Fit.CONTRADICTS:
                return {}
        telling = [s for s in self.failed_values if fits[s.step] > Fit.SILENT]
        if not any(self.shows_values(wrongs, step) for step in telling) or self._clashes(wrongs):
            return {}  # alike exceptions alone explain nothing
        return fits

    def _fit(self, wrongs: Wrongs, step: Evidence) -> Fit:
        """What one failed step says of these mistakes."""
        places = list(step.calls())
        for place in places:  # most candidates end here, at the first call they change
            if self._contradicts(wrongs, place):
                return Fit.CONTRADICTS
        if not any(self.atlas.visible(wrongs, place) for place in places):
            return Fit.SILENT
        alike_throughout = all(self.is_like(wrongs, place) for place in places)
        return Fit.EXPLAINED if alike_throughout else Fit.IN_PART

    def _contradicts(self, wrongs: Wrongs, place: Place) -> bool:
        """Whether a call would show these mistakes, and shows none of them."""
        if not self.atlas.visible(wrongs, place):
            return False
        reference, answer = self.atlas.reference(place), self.atlas.of(wrongs, place)
        if self._is_right(place):
            return True
        if _raised(place.answer) != _raised(answer):
            return False  # which shapes a mistake makes impossible is a matter of style
        return not (self.is_like(wrongs, place) or place.shows(answer, reference))

    def _clashes(self, wrongs: Wrongs) -> bool:
        """Whether too often one of the two raised where the other answered."""
        places = [place for step in self.failed_values for place in step.calls()]
        visible = [place for place in places if self.atlas.visible(wrongs, place)]
        odd = sum(_raised(p.answer) != _raised(self.atlas.of(wrongs, p)) for p in visible)
        return odd * MOST_CLASHES > len(visible)

    def _refuted(self, wrongs: Wrongs, passed: Evidence) -> bool:
        """Whether a step that passed would not have, with these mistakes made."""
        return any(self._would_show(wrongs, place) for place in passed.calls())

    def _would_show(self, wrongs: Wrongs, place: Place) -> bool:
        """Whether mistakes would show in a call in which they do not."""
        visible = self.atlas.visible(wrongs, place)
        return visible and not self.is_like(wrongs, place, strict=True)


def _is_one_number(tensor: torch.Tensor) -> bool:
    if tensor.device.type == "meta" or tensor.is_complex() or tensor.numel() < 2:
        return False
    numbers = tensor.detach().cpu().double().flatten()
    return bool(torch.isclose(numbers, numbers[:1], equal_nan=True).all())


def _raised(answer: Answer) -> bool:
    return isinstance(answer, Raised)
