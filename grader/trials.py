"""Trials of the diagnosis: programs whose mistake is known, graded as submissions would be."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grader.answers import alike
from grader.atlas import Atlas, Evidence, Wrongs, places
from grader.calls import Recorded, Value
from grader.carrying import Attempt
from grader.diagnose import diagnose
from grader.grade import Examiner
from grader.model import Misconception, Verdict
from grader.outline import parsed
from grader.rules import building_on
from grader.sitting import StepOutcome

KILLED = (Verdict.FAILED, Verdict.RAISED)
MODULE = "attn_grade_trial"  # what a program that is tried goes by while it is

Said = tuple[str, str]  # where, what
Groups = tuple[Wrongs, ...]


@dataclass(frozen=True)
class Trial:
    """A program that makes one known mistake, and what became of it."""

    wrong: Misconception
    examiner: Examiner
    made: Attempt

    @classmethod
    def of(cls, examiner: Examiner, wrong: Misconception) -> Trial:
        """Grade a wrong program of the bank in this process."""
        atlas, exercise = examiner.paper.atlas, examiner.exercise
        target = f"{exercise.id}.{wrong.function}"
        functions = examiner.paper.functions
        meeting = {f for f in functions if target in atlas.bank.reach(exercise, f)}
        known = _outcomes_without(examiner, meeting)
        made = examiner.attempt_of_program(atlas.bank.variant(exercise, (wrong,)), known)
        for outcome in made.outcomes:
            for case, trace in outcome.evidence.items():
                atlas.learn((wrong,), case, trace)
        return cls(wrong, examiner, made)

    @classmethod
    def of_source(cls, examiner: Examiner, wrong: Misconception, source: str) -> Trial:
        """Grade a program of the course's own that makes the same mistake in other words."""
        functions, target = examiner.paper.functions, wrong.function
        meeting = {target, *building_on(parsed(source, MODULE), functions, (target,))}
        known = _outcomes_without(examiner, meeting)
        return cls(wrong, examiner, attempt_of_source(examiner, source, known))

    @cached_property
    def _testimony(self) -> tuple[list[Evidence], list[Evidence]]:
        """The same for every diagnosis: what answers were found to be alike is remembered in it."""
        return self.made.testimony()

    @cached_property
    def told(self) -> dict[str, Groups]:
        """What each failed step is told: the alternatives, each a group of mistakes."""
        return self._told_by(self.examiner.paper.atlas)

    def _told_by(self, atlas: Atlas) -> dict[str, Groups]:
        found = diagnose(atlas, *self._testimony)
        return {step: diagnosis.alternatives for step, diagnosis in found.items()}

    @property
    def stumbles(self) -> Iterator[Said]:
        """The steps in which the course itself is at fault, and what it said."""
        for outcome in map(self.made.own_outcome, self.made.outcomes):
            if outcome.verdict is Verdict.GRADER_ERROR:
                yield outcome.step.id, outcome.message

    @property
    def kills(self) -> frozenset[str]:
        """The steps that fail on it."""
        return frozenset(one.step.id for one in self.made.outcomes if one.verdict in KILLED)

    @property
    def killed(self) -> bool:
        """Whether some step fails on it, and for what it returns, not only for what it raises."""
        atlas = self.examiner.paper.atlas
        return any(
            isinstance(place.answer, Value) and place.differs(place.answer, atlas.reference(place))
            for outcome in self.made.outcomes
            if outcome.step.id in self.kills
            for case, trace in outcome.evidence.items()
            for place in places(case, trace)
        )

    @property
    def _mine(self) -> frozenset[str]:
        """The ids that are true of it: its own, and that of a pair it is declared to be one of."""
        declared = self.examiner.paper.atlas.bank.solution(self.examiner.exercise).misconceptions
        ids = {self.wrong.id, self.wrong.alike}
        return frozenset(ids | {other.id for other in declared if other.alike == self.wrong.id})

    @property
    def named(self) -> bool:
        """Whether some step gives it its own name."""
        return any((self.wrong,) in groups for groups in self.told.values())

    @property
    def uniquely(self) -> bool:
        """Whether it is named, and no other name stands beside, a declared one neither."""
        return {group for groups in self.told.values() for group in groups} == {(self.wrong,)}

    def other_names(self) -> Iterator[Said]:
        """Each step that tells it another's name, with that name."""
        for step, groups in self.told.items():
            ids = ["+".join(one.id for one in group) for group in groups]
            others = [one for one in ids if one not in self._mine]
            if others:
                yield step, ", ".join(others)

    def names_without_it(self) -> Iterator[tuple[str, str, bool]]:
        """The names of others that it is told where the bank does not know it, by step.

        Beside each whether it is the like mistake of another function, which is told as that
        function's work gone wrong. What is measured is no name of another's.
        """
        for step, groups in self._told_by(self.examiner.paper.atlas.without(self.wrong)).items():
            for group in groups:
                known = all(one.id in self._mine or one.is_measured for one in group)
                if not known:
                    names = "+".join(one.id for one in group)
                    yield step, names, self._is_the_same(group)

    def _is_the_same(self, group: tuple[Misconception, ...]) -> bool:
        """Whether mistakes in other functions answer all calls for values as this one does."""
        atlas = self.examiner.paper.atlas
        return all(one.function != self.wrong.function for one in group) and all(
            alike(atlas.of((self.wrong,), place), atlas.of(group, place), False)
            for outcome in self.made.outcomes
            if outcome.step.function == self.wrong.function and not outcome.step.needs
            for case, trace in outcome.evidence.items()
            for place in places(case, trace)
        )

    def departures(self, right: Attempt) -> Iterator[Said]:
        """The steps whose calls depend on what the program answers."""
        for ours, theirs in zip(self.made.outcomes, right.outcomes, strict=True):
            for case, trace in ours.evidence.items():
                if not _is_prefix(trace, theirs.evidence.get(case, ())):
                    yield ours.step.id, f"its calls depend on what {self.name} answers"

    @property
    def name(self) -> str:
        """The wrong program's name in its file."""
        return self.wrong.id.rpartition(".")[2]


def _outcomes_without(examiner: Examiner, meeting: set[str]) -> dict[str, StepOutcome]:
    """The steps that ask for none of the functions that meet a mistake, as the reference does."""
    return {
        outcome.step.id: outcome
        for outcome in examiner.right.outcomes
        if outcome.verdict is Verdict.PASSED and meeting.isdisjoint(_asked_for(outcome))
    }


def _asked_for(outcome: StepOutcome) -> set[str]:
    """The functions and classes that a step asks for, its own among them."""
    calls = (recorded.call for trace in outcome.evidence.values() for recorded in trace)
    return {outcome.step.function, *(call.function.partition(".")[0] for call in calls)}


def attempt_of_source(
    examiner: Examiner, source: str, known: Mapping[str, StepOutcome] | None = None
) -> Attempt:
    """The outcomes of a submission of the course's own, run in this process."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses look their module up
    try:
        program: dict[str, Any] = module.__dict__
        with warnings.catch_warnings():  # those are for its writer
            warnings.simplefilter("ignore")
            exec(compile(source, MODULE, "exec", dont_inherit=True), program)  # noqa: S102
            return examiner.attempt_of_program(program, known)
    finally:
        del sys.modules[MODULE]


def answer_alike(one: Trial, other: Trial) -> bool:
    """Whether two programs answer alike throughout, with the same verdicts."""
    for ours, theirs in zip(one.made.outcomes, other.made.outcomes, strict=True):
        if ours.verdict is not theirs.verdict:
            return False
        for case in ours.evidence.keys() & theirs.evidence.keys():
            pairs = zip(ours.evidence[case], theirs.evidence[case], strict=False)
            if not all(alike(a.answer, b.answer) for a, b in pairs):
                return False
    return True


def _is_prefix(trace: Sequence[Recorded], whole: Sequence[Recorded]) -> bool:
    """Whether the same questions were asked, in the same order, as far as it went."""
    return len(trace) <= len(whole) and all(
        ours.call.function == theirs.call.function
        and ours.call.mode == theirs.call.mode
        and _same_question(ours, theirs)
        for ours, theirs in zip(trace, whole, strict=False)
    )


def _same_question(ours: Recorded, theirs: Recorded) -> bool:
    mine, its = (Value([list(r.call.args), r.call.kwargs]) for r in (ours, theirs))
    return alike(mine, its)
