"""One attempt graded: an examiner holds an exercise ready and makes a Report of a submission."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import TypeVar

import torch

from grader import __version__, feedback
from grader.atlas import Atlas, Place
from grader.bank import Bank, Namespace
from grader.calls import Call, Recorded, Value
from grader.carrying import Again, Attempt, attempt
from grader.collected import Collected, with_suite
from grader.course import Course, Exercise
from grader.diagnose import Diagnosis, diagnose
from grader.exchange import Allowance
from grader.model import (
    CarryForward,
    Case,
    Environment,
    Feedback,
    Hashes,
    Report,
    StepResult,
    Verdict,
)
from grader.operations import Operation, kernels_of, names_of
from grader.rules import PLAIN_IMPORTS, Finding, forbidden_calls
from grader.sandbox import ISOLATION, Nursery
from grader.seats import ProgramSeat, Rules, WorkerSeat
from grader.sitting import Paper, Sitting, StepOutcome
from grader.stubs import untouched
from grader.student import NoValue, Player
from grader.submissions import Submission

Result = TypeVar("Result")


@dataclass(frozen=True)
class Terms:
    """Under what terms an attempt is graded."""

    seed: int
    feedback: Feedback
    device: str  # "cpu" or "cuda"


@dataclass(frozen=True)
class Examiner:
    """One exercise ready to grade: its suite collected, its solution loaded."""

    course: Course
    exercise: Exercise
    terms: Terms
    paper: Paper
    hashes: Hashes  # of what was read, before any submission ran

    def report(self, submission: Submission, nursery: Nursery) -> Report:
        """Grade a submission in workers of this nursery."""
        started = time.perf_counter()
        seat = WorkerSeat(submission, self._rules(), nursery, self._allowance())
        look = partial(self._forbidden_calls, submission)
        sitting = Sitting(self.paper, submission, seat, self._unwritten(submission), look)
        try:
            made = attempt(sitting)
            results = self.results(made)
        finally:
            seat.close()
        return Report(
            exercise=self.exercise.id, title=self.exercise.title, path=submission.path,
            sha256=submission.sha256, seed=self.terms.seed, feedback=self.terms.feedback,
            steps=results, hashes=self.hashes,
            environment=_environment(self.terms.device),
            seconds=time.perf_counter() - started,
            notes=self._notes(made.outcomes, sitting.findings),
        )  # fmt: skip

    @contextmanager
    def seated(self, submission: Submission, nursery: Nursery) -> Iterator[Player]:
        """A submission in a worker, to be asked without being graded; it raises `NoValue`."""
        seat = WorkerSeat(submission, self._rules(), nursery, self._allowance())
        try:
            unloadable = seat.begin_step(afresh=False)
            if unloadable is not None:
                raise NoValue("student", Recorded(Call(self.paper.functions[-1]), unloadable))
            yield Player("student", self.paper.contracts, seat.answerer(), seat.cpu_seconds)
        finally:
            seat.close()

    def _notes(
        self, outcomes: Sequence[StepOutcome], findings: Sequence[Finding]
    ) -> tuple[str, ...]:
        """Remarks on the file itself, which even homework may tell in full."""
        blamed = {function for finding in findings for function in finding.functions}
        at_import = any(  # a trap was sprung while the file was loaded: nothing there is free
            outcome.verdict is Verdict.FORBIDDEN and outcome.of_the_file
            and outcome.step.function not in blamed
            for outcome in outcomes
        )  # fmt: skip
        notes = [_note(finding) for finding in findings if not (finding.functions or at_import)]
        if self.terms.feedback is Feedback.HOMEWORK:
            notes += [outcome.message for outcome in outcomes if outcome.of_the_file]
        return tuple(dict.fromkeys(notes))

    def attempt_of_program(
        self, program: Namespace, known: Mapping[str, StepOutcome] | None = None
    ) -> Attempt:
        """The outcomes of one of the course's own programs, run in this process.

        known: the outcomes of steps that need not be run, by their ids.
        """
        nobody, seat = Submission("", "", "", None), ProgramSeat(program)
        return attempt(Sitting(self.paper, nobody, seat, known=known or {}))

    @cached_property
    def right(self) -> Attempt:
        """The reference's own outcomes."""
        return self.attempt_of_program(self.paper.reference)

    def results(self, made: Attempt, atlas: Atlas | None = None) -> tuple[StepResult, ...]:
        """The outcomes with their diagnoses and failing cases.

        atlas: which wrong programs are thought of; by default all of them.
        """
        found = diagnose(atlas or self.paper.atlas, *made.testimony())
        return tuple(
            self._carried(again)
            if (again := made.again.get(one.step.id)) and again.right_in_itself
            else self._result(made.own_outcome(one), found.get(one.step.id, Diagnosis()), again)
            for one in made.outcomes
        )

    def _carried(self, again: Again) -> StepResult:
        """The result of a step that fails only because of an earlier function."""
        step = again.before.step
        counts = self.course.settings.policy.carry_forward is CarryForward.FULL
        return StepResult(
            step=step, verdict=Verdict.PASSED if counts else again.before.verdict,
            points=step.points if counts else 0, carried_forward=True, waits_for=again.asked,
            message=feedback.right_in_itself(step.function, again.asked),
            output=again.outcome.output, seconds=again.outcome.seconds,
        )  # fmt: skip

    def _result(
        self, outcome: StepOutcome, diagnosis: Diagnosis, again: Again | None
    ) -> StepResult:
        beside = again.asked if again and again.tells_more else ()
        says = outcome.message
        if again and again.asked_too_much:
            says += "\n" + feedback.asks_too_much(outcome.step.function, again.asked)
        return StepResult(
            step=outcome.step, verdict=outcome.verdict,
            points=outcome.step.points if outcome.verdict is Verdict.PASSED else 0,
            message=says, diagnoses=diagnosis.alternatives,
            certainty=diagnosis.certainty, case=self._case(outcome, beside), line=outcome.line,
            output=outcome.output, seconds=outcome.seconds,
        )  # fmt: skip

    def _case(self, outcome: StepOutcome, beside: Sequence[str]) -> Case | None:
        if outcome.shown is None:
            return None
        case, index = outcome.shown.case, outcome.shown.index
        trace = outcome.evidence[case]
        recorded, expected = trace[index], self.paper.atlas.reference(Place(case, index, trace))
        return feedback.case_of(
            recorded.call, self.paper.atlas.contract(recorded.call.function), recorded.answer,
            expected if isinstance(recorded.answer, Value) else None, outcome.difference,
            beside, trace[:index],
        )  # fmt: skip

    def _unwritten(self, submission: Submission) -> frozenset[str]:
        if submission.tree is None:
            return frozenset()
        return untouched(submission.source, self.paper.functions)

    def _forbidden_calls(self, submission: Submission, given: Sequence[str]) -> tuple[Finding, ...]:
        if submission.tree is None:
            return ()
        return forbidden_calls(submission.tree, self._forbidden, self.paper.functions, given)

    @property
    def _forbidden(self) -> frozenset[Operation]:
        return self.paper.suite.forbidden

    def _rules(self) -> Rules:
        """What the worker is told to refuse."""
        return Rules(
            kernels=tuple(kernels_of(self._forbidden)),
            operations=tuple(names_of(self._forbidden)),
            imports=tuple(sorted(PLAIN_IMPORTS | set(self.course.settings.policy.imports))),
            device=self.terms.device,
        )

    def _allowance(self) -> Allowance:
        limits = self.course.limits(self.exercise)
        return Allowance(
            limits.cpu_seconds, limits.submission_seconds, limits.memory_mib, limits.output_kib,
            cuda=self.terms.device == "cuda",
        )  # fmt: skip


def with_examiner(
    course: Course, exercise: Exercise, terms: Terms, use: Callable[[Examiner], Result]
) -> Result:
    """Make an exercise ready to grade, and return what `use` makes of its examiner.

    Whatever forks workers must have been started before: from here on this process
    holds the solutions.
    """
    # One thread: small tensors gain nothing from more, and sums are the same on every machine.
    torch.set_num_threads(1)
    bank = Bank(course)
    functions = bank.solution(exercise).functions
    reference = bank.reference(exercise)
    hashes = _hashes(exercise, course)

    def ready(suite: Collected) -> Result:
        discreet = terms.feedback is Feedback.HOMEWORK
        atlas = Atlas(bank, exercise, suite.scales)
        paper = Paper(suite, functions, reference, atlas, terms.seed, terms.device, discreet)
        return use(Examiner(course, exercise, terms, paper, hashes))

    return with_suite(exercise, ready)


def _note(finding: Finding) -> str:
    return (
        f"`{finding.spelling}` on line {finding.line} is not used by a graded function; "
        "it costs nothing."
    )


def _hashes(exercise: Exercise, course: Course) -> Hashes:
    return Hashes(exercise.suite_hash, exercise.solution_hash, course.hash)


def _environment(device: str) -> Environment:
    return Environment(__version__, platform.python_version(), version("torch"), device, ISOLATION)
