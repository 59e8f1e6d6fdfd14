"""Which mistake is it? The wrong programs that answer as the submission does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from grader.answers import alike
from grader.atlas import Atlas, Evidence, Place, Wrongs
from grader.calls import Answer, Raised, Value
from grader.model import Certainty, Misconception
from grader.pairs import pairs

MOST_ALTERNATIVES = 3
MOST_CLASHES = 4  # one call in so many may raise where the other program answers


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes that explain a failure, each alternative a group made together."""

    alternatives: tuple[Wrongs, ...] = ()

    @property
    def certainty(self) -> Certainty:
        """Unique, ambiguous or none."""
        if not self.alternatives:
            return Certainty.NONE
        return Certainty.UNIQUE if len(self.alternatives) == 1 else Certainty.AMBIGUOUS


class Fit(IntEnum):
    """What one step says of the thought that these mistakes were made."""

    CONTRADICTS = 0  # they would show in it, and do not
    SILENT = 1  # they would not show in it
    IN_PART = 2  # they show in it, and something else does too
    EXPLAINED = 3  # the answers are those of the mistakes throughout, and not the right ones


def diagnose(
    atlas: Atlas, failed: Sequence[Evidence], all_steps: Sequence[Evidence]
) -> dict[str, Diagnosis]:
    """A diagnosis for every failed step, from what the submission answered in all of them.

    A name is given to a function as a whole: no call of it may contradict the mistake, and
    every step that failed must show it, or be explained by another. Steps that a name does
    not explain to the last number have none.
    """
    found: dict[str, Diagnosis] = {}
    for function in dict.fromkeys(evidence.function for evidence in failed):
        steps = [evidence for evidence in failed if evidence.function == function]
        found |= _Function(atlas, function, steps, all_steps).diagnoses()
    return found


@dataclass(frozen=True)
class _Function:
    """One function of a submission that failed in some steps."""

    atlas: Atlas
    name: str
    failed: Sequence[Evidence]
    all_steps: Sequence[Evidence]

    def diagnoses(self) -> dict[str, Diagnosis]:
        """A diagnosis for each of its failed steps."""
        values = [step for step in self.failed if step.values]
        sides = [step for step in self.failed if not step.values]
        found = self._of_values(values)
        named = {wrongs for alternatives in found.values() for wrongs in alternatives}
        for side in sides:
            found[side.step] = self._of_side(side, named)
        return {step: _settled(alternatives) for step, alternatives in found.items()}

    # -- values ------------------------------------------------------------------

    def _of_values(self, steps: list[Evidence]) -> dict[str, list[Wrongs]]:
        """What explains each values step: single mistakes first, pairs where none covers all."""
        if not steps:
            return {}
        best: dict[str, list[Wrongs]] = {step.step: [] for step in steps}
        fits: dict[Wrongs, dict[str, Fit]] = {}
        for tier in self._tiers():
            fits |= self._fits(tier, steps)
            whole = self._fitting_best(_explaining_all(fits))
            if whole:
                return {step.step: whole for step in steps}
        best = _covering(fits, steps)
        if not all(best.values()):
            found = self._fits(pairs(self.atlas, self._likely(), steps), steps)
            together = [pair for pair in _explaining_all(found) if self._one_shows(pair, steps)]
            if together:
                return {step.step: self._needed(together, step) for step in steps}
        return best

    def _fitting_best(self, wrongs: list[Wrongs]) -> list[Wrongs]:
        """Of several explanations those that fit the function's side steps too, if any do."""
        if len(wrongs) < 2:
            return wrongs
        places = [p for e in self.all_steps if e.function == self.name for p in e.calls()]
        fitting = [w for w in wrongs if all(self._alike(w, place, False) for place in places)]
        return fitting or wrongs

    def _one_shows(self, pair: Wrongs, steps: Sequence[Evidence]) -> bool:
        """Whether a call shows one of two mistakes by itself.

        Two that only ever show together are as well a third that nobody has thought of.
        """
        places = [place for step in steps for place in step.calls()]
        return any(
            self.atlas.visible((one,), place) and self._alike((one,), place, False)
            for one in pair
            for place in places
        )

    def _needed(self, together: list[Wrongs], step: Evidence) -> list[Wrongs]:
        """What a step takes of mistakes made together; those told by other words are one."""
        places = list(step.calls())
        involved = {one for pair in together for one in pair}
        for one in self._likely():
            if one in involved and all(self._alike((one,), place, False) for place in places):
                return [(one,)]
        first = together[0]
        others = [pair for pair in together[1:] if not self._twins(first, pair, places)]
        return [first, *others]

    def _twins(self, pair: Wrongs, other: Wrongs, places: Sequence[Place]) -> bool:
        """Whether each mistake of a pair answers as one of the other's does."""
        return all(
            any(
                all(alike(self.atlas.of((o,), p), self.atlas.of((m,), p), False) for p in places)
                for m in pair
            )
            for o in other
        )

    def _tiers(self) -> Iterable[list[Wrongs]]:
        """Single mistakes: in this very function, then in what it builds on."""
        own, others = [], []
        for wrong in self._possible():
            mine = wrong.function == self.name and self._is_own(wrong.id)
            (own if mine else others).append((wrong,))
        return own, others

    def _possible(self) -> Wrongs:
        """The wrong programs of what this function builds on that no part's steps refute."""
        reach = self.atlas.bank.reach(self.atlas.exercise, self.name)
        return tuple(
            wrong
            for wrong in self.atlas.wrongs()
            if _qualified(wrong) in reach
            and (wrong.function == self.name or self._seen_in_part((wrong,)))
            and not (self._is_own(wrong.id) and wrong.function in self._given)
        )

    @property
    def _given(self) -> frozenset[str]:
        return frozenset(name for step in self.failed for name in step.given)

    def _likely(self) -> Wrongs:
        """The possible ones, those in the function itself first.

        What only comes in through a part of this file that was seen to be right is left out.
        """
        bank, exercise = self.atlas.bank, self.atlas.exercise
        right = {e.function for e in self.all_steps} - {self.name}
        right -= {e.function for e in self.all_steps if not e.passed}
        reach = bank.reach(exercise, self.name, frozenset(f"{exercise.id}.{r}" for r in right))
        possible = [w for w in self._possible() if _qualified(w) in reach]
        return tuple(sorted(possible, key=lambda w: (w.function != self.name, not self._is_own(w.id))))

    def _seen_in_part(self, wrongs: Wrongs) -> bool:
        """Whether a part of this file answered as the mistake in it would have it.

        A part that was not asked says nothing; neither do exercises that are no part of the
        file.
        """
        if not self._is_own(wrongs[0].id):
            return True
        steps = [e for e in self.all_steps if e.function == wrongs[0].function]
        return all(self._alike(wrongs, place, False) for e in steps for place in e.calls())

    def _is_own(self, wrong_id: str) -> bool:
        return wrong_id.partition(".")[0] == self.atlas.exercise.id

    def _fits(
        self, candidates: Iterable[Wrongs], steps: Sequence[Evidence]
    ) -> dict[Wrongs, dict[str, Fit]]:
        """How each candidate fits each failed step; those that a call contradicts are left out."""
        passed = [e for e in self.all_steps if e.function == self.name and e.passed]
        found: dict[Wrongs, dict[str, Fit]] = {}
        for wrongs in candidates:
            fits = {}
            for step in steps:
                fits[step.step] = self._fit(wrongs, step)
                if fits[step.step] is Fit.CONTRADICTS:
                    break
            else:
                shown = any(fit > Fit.SILENT for fit in fits.values())
                if not shown or self._clashes(wrongs, steps):
                    continue
                if not any(self._refuted(wrongs, step) for step in passed):
                    found[wrongs] = self._with_raised(wrongs, fits, steps)
        return found

    def _fit(self, wrongs: Wrongs, step: Evidence) -> Fit:
        """What one failed step says of these mistakes."""
        places = list(step.calls())
        for place in places:  # most candidates end here, at the first call they change
            if self._contradicts(wrongs, place):
                return Fit.CONTRADICTS
        visible = [place for place in places if self.atlas.visible(wrongs, place)]
        if not visible:
            return Fit.SILENT
        if all(self._alike(wrongs, place, False) for place in places):
            return Fit.EXPLAINED
        return Fit.IN_PART

    def _contradicts(self, wrongs: Wrongs, place: Place) -> bool:
        """Whether a call would show these mistakes, and shows none of them."""
        if not self.atlas.visible(wrongs, place):
            return False
        reference, answer = self.atlas.reference(place), self.atlas.of(wrongs, place)
        if alike(place.answer, reference):
            return True
        if _raised(place.answer) != _raised(answer):
            return False  # which shapes a mistake makes impossible is a matter of style
        return not (self._alike(wrongs, place, False) or place.shows(answer, reference))

    def _clashes(self, wrongs: Wrongs, steps: Sequence[Evidence]) -> bool:
        """Whether too often one of the two raised where the other answered."""
        visible = [p for s in steps for p in s.calls() if self.atlas.visible(wrongs, p)]
        odd = sum(_raised(p.answer) != _raised(self.atlas.of(wrongs, p)) for p in visible)
        return odd * MOST_CLASHES > len(visible)

    def _refuted(self, wrongs: Wrongs, passed: Evidence) -> bool:
        """Whether a step that passed would not have, with these mistakes made."""
        return any(
            self.atlas.visible(wrongs, place) and not self._alike(wrongs, place, True)
            for place in passed.calls()
        )

    def _with_raised(
        self, wrongs: Wrongs, fits: dict[str, Fit], steps: Sequence[Evidence]
    ) -> dict[str, Fit]:
        """Alike exceptions alone explain nothing: some step must show the mistake in values."""
        if any(self._shows_values(wrongs, step) for step in steps if fits[step.step] > Fit.SILENT):
            return fits
        return {step: min(fit, Fit.SILENT) for step, fit in fits.items()}

    def _shows_values(self, wrongs: Wrongs, step: Evidence) -> bool:
        return any(
            isinstance(place.answer, Value)
            and isinstance(self.atlas.of(wrongs, place), Value)
            and self.atlas.visible(wrongs, place)
            for place in step.calls()
        )

    def _alike(self, wrongs: Wrongs, place: Place, strict: bool) -> bool:
        return place.is_like(self.atlas.of(wrongs, place), self.atlas.reference(place), strict)

    # -- side steps --------------------------------------------------------------

    def _of_side(self, side: Evidence, named: set[Wrongs]) -> list[Wrongs]:
        """What explains a step on dtype, device, arguments or gradients.

        There the very thing that a loose comparison ignores is wrong. A mistake that the
        values steps have shown comes first.
        """
        already = [wrongs for wrongs in named if self._explains_side(wrongs, side)]
        if already:
            return already
        for tier in self._tiers():
            found = [
                wrongs
                for wrongs in tier
                if self._explains_side(wrongs, side) and self._shows_values(wrongs, side)
            ]
            if found:
                return found
        return []

    def _explains_side(self, wrongs: Wrongs, side: Evidence) -> bool:
        passed = [e for e in self.all_steps if e.function == self.name and e.values and e.passed]
        return (
            all(self._alike(wrongs, place, True) for place in side.calls())
            and any(self.atlas.visible(wrongs, place) for place in side.calls())
            and not any(self._refuted(wrongs, step) for step in passed)
        )


def _raised(answer: Answer) -> bool:
    return isinstance(answer, Raised)


def _qualified(wrong: Misconception) -> str:
    """The function a wrong program stands in for, with its exercise."""
    return f"{wrong.id.partition('.')[0]}.{wrong.function}"


def _explaining_all(fits: dict[Wrongs, dict[str, Fit]]) -> list[Wrongs]:
    return [w for w, by_step in fits.items() if min(by_step.values()) is Fit.EXPLAINED]


def _covering(
    fits: dict[Wrongs, dict[str, Fit]], steps: Sequence[Evidence]
) -> dict[str, list[Wrongs]]:
    """Of mistakes that each explain some steps, those that leave no step without a trace.

    Of several for one step, those that explain the most steps.
    """
    explaining = {
        step.step: [w for w, by_step in fits.items() if by_step[step.step] is Fit.EXPLAINED]
        for step in steps
    }
    unexplained = [step for step, found in explaining.items() if not found]
    reach = {w: sum(fit is Fit.EXPLAINED for fit in by.values()) for w, by in fits.items()}
    best: dict[str, list[Wrongs]] = {}
    for step, found in explaining.items():
        traced = [w for w in found if all(fits[w][one] is Fit.IN_PART for one in unexplained)]
        most = max((reach[w] for w in traced), default=0)
        best[step] = [w for w in traced if reach[w] == most]
    return best


def _settled(alternatives: list[Wrongs]) -> Diagnosis:
    """More alternatives than a few tell a learner nothing."""
    return Diagnosis(tuple(alternatives) if len(alternatives) <= MOST_ALTERNATIVES else ())
