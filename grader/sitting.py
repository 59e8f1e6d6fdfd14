"""One submission sits a suite: every step gets an outcome, whatever the submission does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from grader import feedback
from grader.atlas import Atlas, Place, Trace
from grader.bank import Namespace
from grader.calls import Answer, Died, Value
from grader.collected import CaseOutcome, Collected
from grader.compare import Difference, Different, difference
from grader.contracts import contract_of
from grader.given import Given
from grader.model import Step, Verdict
from grader.plugin import Cast
from grader.recall import Recall
from grader.rules import Finding
from grader.seats import Seat
from grader.student import NoValue, Player
from grader.submissions import Submission


@dataclass(frozen=True)
class Paper:
    """What is put before every submission: the suite, who knows the answers, and the numbers."""

    suite: Collected
    functions: tuple[str, ...]
    reference: Namespace
    atlas: Atlas
    seed: int
    device: str
    discreet: bool = False  # hidden steps stay hidden, as in homework

    @cached_property
    def recall(self) -> Recall:
        """The reference, which answers what a case asks of it once for all submissions."""
        return Recall(self.reference)

    @property
    def contracts(self) -> dict[str, Callable[..., Any]]:
        """The exercise's functions as the reference has them."""
        return {name: self.reference[name] for name in self.functions}


@dataclass(frozen=True)
class Shown:
    """The call to be shown for a failure: a case of the step, and the index of its call."""

    case: str
    index: int


@dataclass(frozen=True)
class StepOutcome:
    """What happened in one step, before its mistake is named."""

    step: Step
    verdict: Verdict
    message: str = ""
    evidence: dict[str, Trace] = field(default_factory=dict)
    shown: Shown | None = None
    difference: Difference | None = None
    line: int | None = None
    output: str = ""
    seconds: float = 0.0
    of_the_file: bool = False  # seen before any call: it tells nothing of a hidden step
    by_the_wall: bool = False  # ended while it waited


Look = Callable[[Sequence[str]], Sequence[Finding]]  # without what is given


def _nothing_forbidden(given: Sequence[str]) -> Sequence[Finding]:
    return ()


@dataclass
class Sitting:
    """A submission in its seat, with the paper before it."""

    paper: Paper
    submission: Submission
    seat: Seat
    unwritten: frozenset[str] = frozenset()  # functions whose stub is untouched
    look: Look = _nothing_forbidden  # for forbidden calls in the syntax tree
    given: tuple[str, ...] = ()  # functions that are answered for it
    known: Mapping[str, StepOutcome] = field(default_factory=dict)  # of steps, without running them
    timeouts: dict[str, list[StepOutcome]] = field(default_factory=dict)  # by function

    @cached_property
    def findings(self) -> Sequence[Finding]:
        """The forbidden calls in what is left of the submission beside what it is given."""
        return self.look(self.given)

    def in_company(self, given: Given) -> Sitting:
        """The same paper once more, for a submission that is given some functions."""
        seat = self.seat.in_company(given)
        return Sitting(self.paper, self.submission, seat, self.unwritten, self.look, given.names)

    def outcomes(self) -> list[StepOutcome]:
        """The outcome of every step, in order."""
        passed: set[str] = set()
        outcomes = []
        for step in self.paper.suite.steps:
            outcome = self.outcome(step, passed)
            if outcome.verdict is Verdict.PASSED:
                passed.add(step.id)
            outcomes.append(outcome)
        return outcomes

    def outcome(self, step: Step, passed: set[str]) -> StepOutcome:
        """The outcome of one step, with the ids of those that have passed."""
        known = self.known.get(step.id) or self._without_running(step, passed)
        return known or self._run(step)

    def _without_running(self, step: Step, passed: set[str]) -> StepOutcome | None:
        """The outcome of a step that need not, or must not, be run."""
        unreadable = self.submission.unreadable
        if unreadable:
            return StepOutcome(
                step, Verdict.RAISED, unreadable.says, line=unreadable.line, of_the_file=True
            )
        if step.function in self.unwritten:
            says = f"`{step.function}` is not written yet."
            return StepOutcome(step, Verdict.NOT_STARTED, says)
        for finding in self.findings:
            if step.function in finding.functions:
                says = (
                    f"`{finding.spelling}` does the work, or part of it, that this exercise asks "
                    "you to do yourself. Which simpler operations is it made of?"
                )
                return StepOutcome(
                    step, Verdict.FORBIDDEN, says, line=finding.line, of_the_file=True
                )
        needed = [s for s in self.paper.suite.steps if s.id in step.needs]
        timeouts = self.timeouts.get(step.function, [])
        if len(timeouts) > 1:  # twice is enough: its other steps would only take as long
            return replace(timeouts[-1], step=step, evidence={}, shown=None, output="", seconds=0.0)
        waiting = [s.title for s in needed if s.id not in passed]
        if waiting:
            return StepOutcome(step, Verdict.SKIPPED, feedback.waits_for(waiting))
        return None

    def _run(self, step: Step) -> StepOutcome:
        outcome = self._run_once(step)
        if outcome.by_the_wall:
            # It waited rather than computed: that may be the machine's fault, so once more counts.
            first, outcome = outcome, self._run_once(step)
            if outcome.by_the_wall:
                self._note(first)
        return self._note(outcome)

    def _note(self, outcome: StepOutcome) -> StepOutcome:
        if outcome.verdict is Verdict.TIMED_OUT and not outcome.of_the_file:
            self.timeouts.setdefault(outcome.step.function, []).append(outcome)
        return outcome

    def _run_once(self, step: Step) -> StepOutcome:
        started = time.perf_counter()
        # What a hidden step passed must not come out as a print of a public one.
        afresh = self.paper.discreet and step.public
        unloadable = self.seat.begin_step(afresh)
        if unloadable is None:
            outcome = self._run_cases(step)
        else:
            outcome = self._of_answer(step, unloadable, "")
            outcome = replace(
                outcome, output=self.seat.printed(), of_the_file=True, by_the_wall=False
            )
        return replace(outcome, seconds=time.perf_counter() - started)

    def _run_cases(self, step: Step) -> StepOutcome:
        """Run every case of a step; the first that fails is the one that is told of."""
        evidence: dict[str, Trace] = {}
        failed: StepOutcome | None = None
        answerer = self.seat.answerer()
        for case in self.paper.suite.cases(step):
            cast = Cast(
                Player("student", self.paper.contracts, answerer, self.seat.cpu_seconds),
                Player(
                    "reference",
                    self.paper.contracts,
                    self.paper.recall.of_case(case),
                    recording=False,
                ),  # fmt: skip
                self.paper.seed,
                self.paper.device,
            )
            before = len(self.seat.printed())
            ran = self.paper.suite.run(step, case, cast)
            evidence[case] = tuple(cast.student.recorded)
            if ran.raised is not None and failed is None:
                failed = self._of_failure(step, ran, ran.raised, evidence[case])
                # What other cases printed would stand beside inputs that it does not belong to.
                failed = replace(failed, output=self.seat.printed()[before:])
            if any(isinstance(recorded.answer, Died) for recorded in evidence[case]):
                break  # a dead worker costs the step it was in, and ends it
        passed = StepOutcome(step, Verdict.PASSED, output=self.seat.printed())
        return replace(failed or passed, evidence=evidence)

    def _of_failure(
        self, step: Step, ran: CaseOutcome, raised: BaseException, trace: Trace
    ) -> StepOutcome:
        """The outcome of a case that raised: whose fault it is, and what there is to show."""
        match raised:
            case NoValue(role="student", recorded=recorded):
                outcome = self._of_answer(step, recorded.answer, recorded.call.function)
                return replace(outcome, shown=Shown(ran.name, trace.index(recorded)))
            case Different(difference=seen):
                index = self._index_of(seen, ran.name, trace)
                return self._of_difference(step, seen, ran.name, trace, index)
        # A step may stumble over an answer of an unexpected form before it compares it.
        for index in range(len(trace)):
            found = self._against_reference(ran.name, index, trace)
            if found:
                return self._of_difference(step, found, ran.name, trace, index)
        if isinstance(raised, AssertionError) and trace:
            return StepOutcome(step, Verdict.FAILED, "This does not hold yet.")
        says = f"The course stumbled here, not you: {type(raised).__name__}: {raised}"
        return StepOutcome(step, Verdict.GRADER_ERROR, says)

    def _of_difference(
        self, step: Step, found: Difference, case: str, trace: Trace, index: int
    ) -> StepOutcome:
        """A failure to be shown at one call of its case, if the case made any."""
        shown = Shown(case, index) if trace else None
        asked = trace[index].call.function if trace else ""
        own = asked.partition(".")[0] == step.function  # or one of its methods
        line = self.submission.line_of(asked if own else step.function)
        return StepOutcome(
            step, Verdict.FAILED, found.says, shown=shown, difference=found, line=line
        )

    def _of_answer(self, step: Step, answer: Answer, function: str) -> StepOutcome:
        contract = contract_of(self.paper.reference, function)
        says = feedback.message_of(answer, function, contract, self.submission)
        line = getattr(answer, "line", None) or self.submission.line_of(function)
        by_the_wall = isinstance(answer, Died) and answer.by_the_wall
        return StepOutcome(
            step, feedback.verdict_of(answer), says, line=line, by_the_wall=by_the_wall
        )

    def _index_of(self, found: Difference, case: str, trace: Trace) -> int:
        """The call whose answer a difference speaks of, else the first that is wrong."""
        # From the last: a number that came back twice may be one and the same object.
        for index, recorded in reversed(list(enumerate(trace))):
            if isinstance(recorded.answer, Value) and _holds(recorded.answer.value, found.got):
                return index
        wrong = (i for i in range(len(trace)) if self._against_reference(case, i, trace))
        return next(wrong, len(trace) - 1)

    def _against_reference(self, case: str, index: int, trace: Trace) -> Difference | None:
        recorded = trace[index]
        expected = self.paper.atlas.reference(Place(case, index, trace))
        if not isinstance(recorded.answer, Value) or not isinstance(expected, Value):
            return None
        return difference(recorded.answer.value, expected.value, values_only=True)


def _holds(value: object, part: object) -> bool:
    """Whether `part` is this very value, or stands somewhere in it."""
    if value is part:
        return part is not None
    if isinstance(value, (list, tuple)):
        return any(_holds(inner, part) for inner in value)
    return isinstance(value, dict) and any(_holds(inner, part) for inner in value.values())
