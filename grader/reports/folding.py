"""Which steps share one row of the list, so that there is room for what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader.model import Report, StepResult, Verdict
from grader.reports.causes import Cause, causes, same_cause, unwritten, waits_for


class Kind(StrEnum):
    """What a step may be gathered for with others, wherever in the list they stand."""

    PASSED = "passed"
    WAITING = "waiting"  # for a step that did not pass
    SAME_MISTAKE = "the same mistake"  # as the first cause, which is told in full
    FAILED = "failed"  # in any other way


CONSEQUENCES = (Kind.SAME_MISTAKE, Kind.WAITING)
NEIGHBOURS = 3  # that must have one cause to share a row


@dataclass(frozen=True)
class Folding:
    """How steps share rows: `passed` is how many neighbours must have passed; None: never.

    `gathered` are the kinds that share a row of their function though they are no
    neighbours; `across` gathers consequences from all functions.
    """

    passed: int | None = None
    same_cause: int | None = NEIGHBOURS
    gathered: tuple[Kind, ...] = ()
    across: bool = False


UNFOLDED = Folding(same_cause=None)
ALL_ALIKE = (Kind.PASSED, *CONSEQUENCES)
# From the loosest to the tightest; the last make few rows of any list.
FOLDINGS = (
    Folding(),
    Folding(5),
    Folding(3),
    Folding(2, 2),
    Folding(2, 2, (Kind.PASSED,)),
    Folding(2, 2, (Kind.PASSED, Kind.WAITING)),
    Folding(2, 2, ALL_ALIKE),
    Folding(2, 2, (*ALL_ALIKE, Kind.FAILED)),
    Folding(2, 2, (*ALL_ALIKE, Kind.FAILED), across=True),
)


@dataclass(frozen=True)
class Numbered:
    """A step's result and its place in the report, counted from 1."""

    number: int
    result: StepResult


@dataclass(frozen=True)
class Group:
    """Steps that share a row; a single one has a row to itself."""

    steps: tuple[Numbered, ...]
    kind: Kind | None = None  # None: neighbours, or a single step

    @property
    def neighbours(self) -> bool:
        """Whether no other step stands between them."""
        return self.steps[-1].number - self.steps[0].number + 1 == len(self.steps)


def groups(report: Report, folding: Folding) -> list[Group]:
    """The steps of the functions that have been begun, each in one group, in their order."""
    found = causes(report)
    first = found[0] if found else None
    runs: list[list[Numbered]] = []
    gathered: dict[tuple[object, ...], list[Numbered]] = {}
    kinds: list[Kind | None] = []
    for step in _begun(report):
        kind = _kind(report, step, first)
        kind = kind if kind in folding.gathered else None
        # What is not gathered gets a key that is its own.
        key: tuple[object, ...] = (kind, step.result.verdict, _scope(step, kind, folding))
        key = key if kind else (step.number,)
        if key in gathered:
            gathered[key].append(step)
        elif kind is None and runs and kinds[-1] is None and _alike(runs[-1][-1], step):
            runs[-1].append(step)
        else:
            gathered[key] = [step]
            runs.append(gathered[key])
            kinds.append(kind)
    return [
        group
        for run, kind in zip(runs, kinds, strict=True)
        for group in _settled(run, kind, folding)
    ]


def _settled(run: Sequence[Numbered], kind: Kind | None, folding: Folding) -> list[Group]:
    """A run as one group, or each step of it alone."""
    if len(run) > 1 and (kind is not None or _may_fold(run, folding)):
        return [Group(tuple(run), kind)]
    return [Group((one,)) for one in run]


def _may_fold(run: Sequence[Numbered], folding: Folding) -> bool:
    passed = run[0].result.verdict is Verdict.PASSED
    least = folding.passed if passed else folding.same_cause
    return least is not None and len(run) >= least


def _begun(report: Report) -> list[Numbered]:
    absent = unwritten(report)
    return [
        Numbered(number, result)
        for number, result in enumerate(report.steps, start=1)
        if result.step.function not in absent
    ]


def _kind(report: Report, step: Numbered, first: Cause | None) -> Kind | None:
    """What a step may be gathered for; None for what must be seen by itself."""
    result = step.result
    if result.verdict is Verdict.PASSED:
        return Kind.PASSED
    if waits_for(report, result):
        return Kind.WAITING
    if result.carried_forward or first is None or step.number in first.numbers:
        return None
    if result.verdict not in (Verdict.FAILED, Verdict.RAISED):
        return None
    same = bool(result.diagnoses) and result.diagnoses == first.result.diagnoses
    return Kind.SAME_MISTAKE if same else Kind.FAILED


def _scope(step: Numbered, kind: Kind | None, folding: Folding) -> str:
    """The function within which a kind is gathered; empty for all of them."""
    return "" if folding.across and kind in CONSEQUENCES else step.result.step.function


def _alike(one: Numbered, other: Numbered) -> bool:
    if one.result.step.function != other.result.step.function:
        return False
    if one.result.verdict is not other.result.verdict:
        return False
    return one.result.verdict is Verdict.PASSED or same_cause(one.result, other.result)
