"""Which mistake is it? The wrong programs that answer as the submission does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from grader.answers import alike
from grader.atlas import Atlas, Evidence, Wrongs
from grader.fit import Fit, Fits, Testimony
from grader.model import Certainty, Misconception
from grader.pairs import pairs
from grader.probes import measured

MOST_ALTERNATIVES = 3


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


def diagnose(
    atlas: Atlas, failed: Sequence[Evidence], all_steps: Sequence[Evidence]
) -> dict[str, Diagnosis]:
    """A diagnosis for every failed step, from what the submission answered in all of them.

    A name is given to a function as a whole: no call of it may contradict the mistake, and
    every values step that failed must show it, or be explained by another. Where nothing
    is known that does so, it is said what can be measured.
    """
    found: dict[str, Diagnosis] = {}
    for name in dict.fromkeys(evidence.function for evidence in failed):
        steps = [evidence for evidence in failed if evidence.function == name]
        found |= _Function(atlas, name, steps, all_steps).diagnoses()
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
        found = {} if any(step.unsteady for step in self.failed) else self._of_all()
        nameless = [step for step in self.failed if not found.get(step.step)]
        read = measured(self.atlas, self._testimony.steps, nameless) if nameless else {}
        return {
            one.step: Diagnosis(((read[one.step],),))
            if one.step in read
            else _settled(found.get(one.step, []))
            for one in self.failed
        }

    def _of_all(self) -> dict[str, list[Wrongs]]:
        """The wrong programs that explain each step."""
        found = self._of_values([step for step in self.failed if step.values])
        named = {wrongs for alternatives in found.values() for wrongs in alternatives}
        for side in (step for step in self.failed if not step.values):
            found[side.step] = self._of_side(side, named)
        return found

    @cached_property
    def _testimony(self) -> Testimony:
        mine = [e for e in self.all_steps if e.function == self.name]
        return Testimony(self.atlas, [e for e in mine if e.passed or e in self.failed])

    def _of_values(self, steps: list[Evidence]) -> dict[str, list[Wrongs]]:
        """What explains each values step: single mistakes first, pairs where none covers all."""
        fits: dict[Wrongs, Fits] = {}
        if not steps:
            return {}
        for tier in self._tiers:
            fits |= self._testimony.fits(tier)
            whole = _explaining_all(fits)
            if any(self._is_own(one) for (one,) in whole):
                return {step.step: self._fitting_best(whole) for step in steps}
        anew = [*self._done_anew(), *whole]
        if anew:
            return {step.step: self._nearest(self._fitting_best(anew)) for step in steps}
        own = {wrongs for wrongs in fits if wrongs in self._tiers[0]}
        best = {
            step: [w for w in found if w in own] or found
            for step, found in _covering(fits, steps).items()
        }
        if not all(best.values()):
            together = self._together()
            if together:
                return {
                    step.step: _explaining_one(fits, step) or self._needed(together, step)
                    for step in steps
                }
        return best

    def _done_anew(self) -> list[Wrongs]:
        """The mistakes of right parts that explain every step, and in numbers.

        What explains every step and belongs to another file is no more likely than these.
        """
        tell = self._testimony
        whole = _explaining_all(tell.fits(self._repeated))
        return [wrongs for wrongs in whole if tell.shows_numbers(wrongs)]

    def _together(self) -> list[Wrongs]:
        """The pairs that explain every step, neither of the two being there by accident."""
        tell = self._testimony
        if tell.is_featureless:
            return []
        return [
            pair
            for pair in _explaining_all(tell.fits(pairs(tell, self._likely)))
            if tell.shown_by_one(pair)
            and all(self._is_mine(one) or tell.needs(pair, one) for one in pair)
        ]

    def _of_side(self, side: Evidence, named: set[Wrongs]) -> list[Wrongs]:
        """What explains a side step: a mistake that values have shown, or else one that shows."""
        tell = self._testimony
        already = [wrongs for wrongs in named if tell.explains_side(wrongs, side)]
        if already:
            return already
        for tier in self._tiers:
            found = [
                wrongs
                for wrongs in tier
                if tell.explains_side(wrongs, side) and tell.shows_values(wrongs, side)
            ]
            if found:
                return found
        return []

    def _fitting_best(self, wrongs: list[Wrongs]) -> list[Wrongs]:
        """Of several explanations those that fit the function's side steps too, if any do."""
        if len(wrongs) < 2:
            return wrongs
        steps = self._testimony.steps
        return [w for w in wrongs if self._testimony.is_like_all(w, steps)] or wrongs

    def _nearest(self, wrongs: list[Wrongs]) -> list[Wrongs]:
        """Of single mistakes those of the nearest part; further off it is the same once more."""
        far = {w: self._distances[_qualified(w[0])] for w in wrongs}
        return [w for w in wrongs if far[w] == min(far.values())]

    def _needed(self, together: list[Wrongs], step: Evidence) -> list[Wrongs]:
        """What a step takes of mistakes made together; those told by other words are one."""
        involved = {one for pair in together for one in pair}
        for one in self._likely:
            if one in involved and self._testimony.is_like_all((one,), [step]):
                return [(one,)]
        first, *rest = together
        return [first, *(pair for pair in rest if not self._twins(first, pair, step))]

    def _twins(self, pair: Wrongs, other: Wrongs, step: Evidence) -> bool:
        """Whether each mistake of a pair answers as one of the other's does."""
        return all(any(self._answer_alike(one, mine, step) for mine in pair) for one in other)

    def _answer_alike(self, one: Misconception, other: Misconception, step: Evidence) -> bool:
        of = self.atlas.of
        return all(alike(of((one,), p), of((other,), p), False) for p in step.calls())

    # -- which mistakes are thought of -------------------------------------------

    @cached_property
    def _tiers(self) -> tuple[list[Wrongs], list[Wrongs]]:
        """Single mistakes: in this very function, then in what it builds on."""
        own: list[Wrongs] = []
        others: list[Wrongs] = []
        for wrong in self._possible:
            (own if self._is_mine(wrong) else others).append((wrong,))
        return own, others

    @property
    def _repeated(self) -> list[Wrongs]:
        """Mistakes of parts that are right: who does a part's work anew may do it wrongly."""
        possible = {wrong.id for wrong in self._possible}
        return [(wrong,) for wrong in self._likely if wrong.id not in possible]

    @cached_property
    def _possible(self) -> Wrongs:
        """The wrong programs of what this function builds on that no part's steps refute.

        What only comes in through a part of this file that was seen to be right is left out.
        """
        return tuple(
            wrong
            for wrong in self.atlas.wrongs()
            if _qualified(wrong) in self._reach
            and (wrong.function == self.name or not self._is_own(wrong) or self._in_part(wrong))
        )

    @cached_property
    def _reach(self) -> Mapping[str, int]:
        """What may hold a mistake: not what only parts that were seen to be right lead to."""
        exercise = self.atlas.exercise
        right = {e.function for e in self.all_steps} - {self.name}
        right -= {e.function for e in self.all_steps if not e.passed}
        passed_by = frozenset(f"{exercise.id}.{name}" for name in right)
        return self.atlas.bank.reach(exercise, self.name, passed_by)

    @cached_property
    def _distances(self) -> Mapping[str, int]:
        """How far away everything is that the function builds on, or would do itself."""
        return self.atlas.bank.reach(self.atlas.exercise, self.name)

    def _in_part(self, wrong: Misconception) -> bool:
        """Whether a part of this file may hold the mistake, by what it answered itself.

        Not where the right function stood in for it. One that was not asked says nothing.
        """
        steps = [e for e in self.all_steps if e.function == wrong.function]
        given = any(wrong.function in step.given for step in self.failed)
        return not given and self._testimony.is_like_all((wrong,), steps)

    @cached_property
    def _likely(self) -> Wrongs:
        """All that may be thought of: the possible ones first, and of each kind the nearest."""
        possible = {wrong.id for wrong in self._possible}
        everyone = (w for w in self.atlas.wrongs() if _qualified(w) in self._distances)
        return tuple(
            sorted(everyone, key=lambda w: (w.id not in possible, self._distances[_qualified(w)]))
        )

    def _is_mine(self, wrong: Misconception) -> bool:
        """Whether a mistake is one in this very function."""
        return wrong.function == self.name and self._is_own(wrong)

    def _is_own(self, wrong: Misconception) -> bool:
        return wrong.id.partition(".")[0] == self.atlas.exercise.id


def _settled(alternatives: list[Wrongs]) -> Diagnosis:
    """More alternatives than a few tell a learner nothing."""
    return Diagnosis(tuple(alternatives) if len(alternatives) <= MOST_ALTERNATIVES else ())


def _qualified(wrong: Misconception) -> str:
    """The function a wrong program stands in for, with its exercise."""
    return f"{wrong.id.partition('.')[0]}.{wrong.function}"


def _explaining_all(fits: dict[Wrongs, Fits]) -> list[Wrongs]:
    return [w for w, by_step in fits.items() if min(by_step.values()) is Fit.EXPLAINED]


def _explaining_one(fits: dict[Wrongs, Fits], step: Evidence) -> list[Wrongs]:
    """The first single mistake that explains one step, in this very function if there is one."""
    return [w for w, by_step in fits.items() if by_step[step.step] is Fit.EXPLAINED][:1]


def _covering(fits: dict[Wrongs, Fits], steps: Sequence[Evidence]) -> dict[str, list[Wrongs]]:
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
