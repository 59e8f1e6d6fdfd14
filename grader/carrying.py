"""An error counts once: what fails beside a wrong function is graded again beside right ones.

Only functions that stand earlier in the exercise are given, and only when every step has
been run: nothing that is answered here can find its way into a verdict of theirs. Each
function sits in a seat of its own, which is left afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.atlas import Evidence
from grader.calls import Raised, Value
from grader.given import Given
from grader.model import Verdict
from grader.rules import builds_on
from grader.sitting import Sitting, StepOutcome
from grader.steadiness import unsteady

# What is no sign of an earlier function's mistake.
FINAL = (Verdict.PASSED, Verdict.GRADER_ERROR)
NAMED = (Verdict.FAILED, Verdict.RAISED)  # what a mistake may be named for


@dataclass(frozen=True)
class Again:
    """A step graded once more, beside right functions."""

    before: StepOutcome
    outcome: StepOutcome
    given: tuple[str, ...]  # the functions that were answered for it
    asked: tuple[str, ...]  # those of them that it called

    @property
    def _in_company(self) -> bool:
        """Whether the others had a part in it: they were asked, or let it be run at all."""
        return bool(self.asked) or self.before.verdict is Verdict.SKIPPED

    @property
    def right_in_itself(self) -> bool:
        """Whether it passes now, and because of what it was given."""
        return self._in_company and self.outcome.verdict is Verdict.PASSED

    @property
    def tells_more(self) -> bool:
        """Whether this outcome, rather than the one before, is the function's own."""
        return self._in_company and not self.right_in_itself and not self.asked_too_much

    @property
    def asked_too_much(self) -> bool:
        """Whether it asked an object that was given for what only the submission's own have.

        The contract tells nothing of that, so that no right object can answer it. Beside
        the submission's own the same call gave a value: it is no slip of the pen.
        """
        lacks = tuple(f"'{name}' object has no attribute " for name in self.given)
        return any(
            isinstance(now.answer, Raised)
            and now.answer.builtin == "AttributeError"
            and now.answer.text.startswith(lacks)
            and isinstance(own.answer, Value)
            for case, trace in self.outcome.evidence.items()
            for now, own in zip(trace, self.before.evidence.get(case, ()), strict=False)
        )


@dataclass(frozen=True)
class Attempt:
    """What became of every step, and of those that were graded again, by step id."""

    outcomes: tuple[StepOutcome, ...]
    again: dict[str, Again] = field(default_factory=dict)
    unsteady: frozenset[str] = frozenset()  # functions that answer one question in two ways

    def own_outcome(self, outcome: StepOutcome) -> StepOutcome:
        """What a step's function did by itself: beside right ones, where that was seen."""
        again = self.again.get(outcome.step.id)
        return again.outcome if again and again.tells_more else outcome

    def testimony(self) -> tuple[list[Evidence], list[Evidence]]:
        """The evidence of the steps that failed by themselves, and that of all steps."""
        failed, everything = [], []
        for before in self.outcomes:
            again = self.again.get(before.step.id)
            own = self.own_outcome(before)
            if not own.evidence:
                continue
            given = again.given if again and again.tells_more else ()
            passed = own.verdict is Verdict.PASSED
            evidence = Evidence(
                step=own.step.id, function=own.step.function, values=not own.step.needs,
                passed=passed, cases=own.evidence, given=given,
                unsteady=own.step.function in self.unsteady,
            )  # fmt: skip
            everything.append(evidence)
            untold = again and (again.right_in_itself or again.asked_too_much)
            if own.verdict in NAMED and not untold:
                failed.append(evidence)
        return failed, everything


def attempt(sitting: Sitting) -> Attempt:
    """Every step, then once more what may only fail because of something earlier, or by chance."""
    outcomes = sitting.outcomes()
    again = _graded_again(sitting, outcomes)
    return Attempt(tuple(outcomes), again, unsteady(sitting, outcomes))


def _graded_again(sitting: Sitting, outcomes: Sequence[StepOutcome]) -> dict[str, Again]:
    found: dict[str, Again] = {}
    for function in sitting.paper.functions:
        wrong = _wrong_before(function, sitting.paper.functions, outcomes)
        mine = [one for one in outcomes if one.step.function == function]
        meets_it = _meets(mine, wrong) or (wrong and _builds_on(sitting, function, wrong))
        if meets_it and _may_be_saved(mine):
            found |= _beside(wrong, sitting, mine)
    return found


def _wrong_before(
    function: str, functions: Sequence[str], outcomes: Sequence[StepOutcome]
) -> tuple[str, ...]:
    """The functions that stand earlier and have a step that did not pass."""
    wrong = {one.step.function for one in outcomes if one.verdict not in FINAL}
    return tuple(name for name in functions[: functions.index(function)] if name in wrong)


def _builds_on(sitting: Sitting, function: str, wrong: Sequence[str]) -> bool:
    """Whether a function that is written calls a wrong one, as far as its source tells."""
    tree = sitting.submission.tree
    return function not in sitting.unwritten and (tree is None or builds_on(tree, function, wrong))


def _meets(mine: Sequence[StepOutcome], wrong: Sequence[str]) -> bool:
    """Whether a function's own steps call a wrong one, as for an object to be given to it."""
    calls = (r.call for one in mine for trace in one.evidence.values() for r in trace)
    return any(call.function.partition(".")[0] in wrong for call in calls)


def _may_be_saved(mine: Sequence[StepOutcome]) -> bool:
    if any(one.of_the_file and one.verdict is not Verdict.FORBIDDEN for one in mine):
        return False  # the file itself cannot be loaded
    return any(one.verdict not in FINAL for one in mine)


def _beside(
    wrong: Sequence[str], sitting: Sitting, mine: Sequence[StepOutcome]
) -> dict[str, Again]:
    """One function's steps once more, with the wrong ones answered rightly.

    Classes are given with them: a right function takes no object of another's making.
    """
    paper, function = sitting.paper, mine[0].step.function
    earlier = paper.functions[: paper.functions.index(function)]
    names = [n for n in earlier if n in wrong or isinstance(paper.contracts[n], type)]
    given = Given({name: paper.contracts[name] for name in names}, paper.device)
    company = sitting.in_company(given)
    passed = {one.step.id for one in mine if one.verdict is Verdict.PASSED}
    found: dict[str, Again] = {}
    try:
        for before in mine:
            if before.verdict in FINAL:
                continue
            given.begin_step()  # a step that is not run asks for nothing
            outcome = company.outcome(before.step, passed)
            asked = tuple(name for name in wrong if name in given.asked)
            found[before.step.id] = Again(before, outcome, given.names, asked)
            if outcome.verdict is Verdict.PASSED:
                passed.add(before.step.id)
    finally:
        company.seat.close()
    return found
