"""The list of steps, a row each; where room is short, alike neighbours share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.model import Report, StepResult, Verdict
from grader.reports.causes import causes, same_cause, unwritten, waits_for
from grader.reports.layout import Page
from grader.reports.redact import outcome
from grader.reports.table import Row

# The verdicts of a step that was stopped from outside: why is worth a line of its own.
STOPPED = (Verdict.FORBIDDEN, Verdict.TIMED_OUT, Verdict.CRASHED, Verdict.OUT_OF_MEMORY)


@dataclass(frozen=True)
class Folding:
    """How many neighbours must be alike to share a row; None: they never do."""

    passed: int | None
    same_cause: int | None
    rest: int | None = None  # steps that did not pass, whatever the cause, but the one told of


LOOSE = Folding(passed=None, same_cause=3)
UNFOLDED = Folding(passed=None, same_cause=None)


@dataclass(frozen=True)
class Numbered:
    """A step's result and its place in the report, counted from 1."""

    number: int
    result: StepResult


def rows(
    report: Report, page: Page, folding: Folding, *, reasons: bool = False, timed: bool = False
) -> list[Row]:
    """The steps of the functions that have been begun; none where one cause holds up all.

    `reasons` says below a step why it was stopped, `timed` adds its seconds.
    """
    found = causes(report)
    if found and found[0].holds_up_all(report) and not timed:
        return []
    told = found[0].numbers if found else ()  # in full, below the list
    drawn: list[Row] = []
    for run in _runs(_begun(report), folding, told):
        one = run[0]
        if len(run) > 1:
            drawn.append(_shared_row(run, page))
            continue
        stopped = reasons and one.result.verdict in STOPPED and one.number not in told
        below = one.result.message if stopped else ""
        drawn.append(_row(report, one, page, below=below, timed=timed))
    return drawn


def _begun(report: Report) -> list[Numbered]:
    absent = unwritten(report)
    return [
        Numbered(number, result)
        for number, result in enumerate(report.steps, start=1)
        if result.step.function not in absent
    ]


def _runs(steps: Sequence[Numbered], folding: Folding, told: Sequence[int]) -> list[list[Numbered]]:
    """The steps in order, neighbours that may share a row together."""
    runs: list[list[Numbered]] = []
    for step in steps:
        if runs and _together(runs[-1][-1], step, folding, told):
            runs[-1].append(step)
        else:
            runs.append([step])
    return [
        part
        for run in runs
        for part in ([run] if _may_fold(run, folding) else [[one] for one in run])
    ]


def _together(one: Numbered, other: Numbered, folding: Folding, told: Sequence[int]) -> bool:
    if folding.rest is None or one.number in told or other.number in told:
        return _alike(one.result, other.result)
    passed = [step.result.verdict is Verdict.PASSED for step in (one, other)]
    return one.result.step.function == other.result.step.function and passed[0] == passed[1]


def _alike(one: StepResult, other: StepResult) -> bool:
    if one.step.function != other.step.function or one.verdict is not other.verdict:
        return False
    return one.verdict is Verdict.PASSED or same_cause(one, other)


def _may_fold(run: Sequence[Numbered], folding: Folding) -> bool:
    passed = run[0].result.verdict is Verdict.PASSED
    least = folding.passed if passed else folding.same_cause
    if not passed and not _of_one_cause(run):
        least = folding.rest
    return least is not None and len(run) >= least


def _of_one_cause(run: Sequence[Numbered]) -> bool:
    return all(_alike(run[0].result, step.result) for step in run)


def _shared_row(run: Sequence[Numbered], page: Page) -> Row:
    first = run[0].result
    sign, style = _sign(first, page)
    passed = first.verdict is Verdict.PASSED
    points = sum(one.result.points for one in run)
    what = "steps" if passed else "steps with the same cause"
    if not _of_one_cause(run):
        what = "more steps that fail, or wait for one"
    return Row(
        number=f"{run[0].number}{page.signs.dash}{run[-1].number}",
        sign=sign,
        style=style,
        sentence=f"{len(run)} {what}",
        remark=_remark(first, ()) if _of_one_cause(run) else "",
        function=first.step.function,
        points=f"{points}/{sum(one.result.step.points for one in run)}",
    )


def _row(report: Report, one: Numbered, page: Page, *, below: str, timed: bool) -> Row:
    result = one.result
    sign, style = _sign(result, page)
    points = "?" if result.verdict is Verdict.GRADER_ERROR else str(result.points)
    return Row(
        number=str(one.number),
        sign=sign,
        style=style,
        sentence=result.step.title,
        remark=_remark(result, waits_for(report, result)),
        function=result.step.function,
        points=f"{points}/{result.step.points}",
        below=below,
        time=f"{result.seconds:.2f} s" if timed and result.seconds else "",
    )


def _sign(result: StepResult, page: Page) -> tuple[str, str]:
    match result.verdict:
        case Verdict.PASSED:
            return page.signs.passed, "green"
        case Verdict.SKIPPED | Verdict.NOT_STARTED:
            return page.signs.waiting, "dim"
        case Verdict.GRADER_ERROR:
            return page.signs.fault, "yellow"
    if result.carried_forward:  # nothing is wrong with this one
        return page.signs.waiting, "dim"
    return page.signs.failed, "red"


def _remark(result: StepResult, waiting_for: Sequence[int]) -> str:
    match result.verdict:
        case Verdict.PASSED | Verdict.FAILED:
            return ""
        case Verdict.GRADER_ERROR:
            return "not your fault"
        case Verdict.SKIPPED if waiting_for:
            steps = "steps" if len(waiting_for) > 1 else "step"
            return f"waits for {steps} {', '.join(map(str, waiting_for))}"
    return outcome(result.verdict)
