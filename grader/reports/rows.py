"""The list of steps, a row each; where room is short, alike ones share one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from grader.model import Report, StepResult, Verdict
from grader.reports.causes import causes, waits_for
from grader.reports.folding import Folding, Group, Kind, Numbered, groups
from grader.reports.layout import Page
from grader.reports.redact import headline, outcome
from grader.reports.table import Row

# The verdicts of a step that was stopped from outside: why is worth a line of its own.
STOPPED = (Verdict.FORBIDDEN, Verdict.TIMED_OUT, Verdict.CRASHED, Verdict.OUT_OF_MEMORY)


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
    for group in groups(report, folding):
        one = group.steps[0]
        if len(group.steps) > 1:
            drawn.append(_shared_row(report, group, page))
            continue
        stopped = reasons and one.result.verdict in STOPPED and one.number not in told
        said = one.result.message
        below = said if stopped and said != headline(one.result) else ""
        drawn.append(_row(report, one, page, below=below, timed=timed))
    return drawn


def _shared_row(report: Report, group: Group, page: Page) -> Row:
    first, last = group.steps[0], group.steps[-1]
    sign, style = _sign(first.result, page)
    functions = {one.result.step.function for one in group.steps}
    gained = sum(one.result.points for one in group.steps)
    return Row(
        number=f"{first.number}{page.signs.dash}{last.number}" if group.neighbours else "",
        sign=sign,
        style=style,
        sentence=_sentence(report, group, page),
        remark=_shared_remark(report, group),
        function=functions.pop() if len(functions) == 1 else "",
        points=f"{gained}/{sum(one.result.step.points for one in group.steps)}",
    )


def _sentence(report: Report, group: Group, page: Page) -> str:
    """How many steps there are, what they have in common, and their numbers if scattered."""
    first = group.steps[0].result
    said = f"{len(group.steps)} steps"
    if group.kind is Kind.PASSED and not group.neighbours:
        function = first.step.function
        said = f"{len(group.steps)} of {_steps_of(report, function)} steps"
    elif group.kind is Kind.SAME_MISTAKE:
        sure = len(first.diagnoses) == 1
        said += ", the same mistake" if sure else ", perhaps the same mistake"
    elif group.kind is Kind.FAILED:
        said = f"{len(group.steps)} more steps"
    elif group.kind is None and first.verdict is not Verdict.PASSED:
        said += "" if waits_for(report, first) else " with the same cause"
    return said if group.neighbours else f"{said}: {_numbers(group.steps, page)}"


def _shared_remark(report: Report, group: Group) -> str:
    """What is said of all the steps of a group; empty where they are not of one mind."""
    awaited = sorted({n for one in group.steps for n in waits_for(report, one.result)})
    remarks = {_remark(one.result, awaited, several=True) for one in group.steps}
    return remarks.pop() if len(remarks) == 1 else ""


def _steps_of(report: Report, function: str) -> int:
    return sum(result.step.function == function for result in report.steps)


def _numbers(steps: Sequence[Numbered], page: Page) -> str:
    """Numbers of steps, neighbours as a range: "4–6, 8, 9"."""
    runs = groupby(enumerate(steps), lambda pair: pair[1].number - pair[0])
    parts: list[str] = []
    for _, run in runs:
        numbers = [str(step.number) for _, step in run]
        parts += [f"{numbers[0]}{page.signs.dash}{numbers[-1]}"] if len(numbers) > 2 else numbers
    return ", ".join(parts)


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
        case Verdict.SKIPPED:
            return page.signs.waiting, "dim"
        case Verdict.NOT_STARTED if result.case is None:  # an untouched stub
            return page.signs.waiting, "dim"
        case Verdict.GRADER_ERROR:
            return page.signs.fault, "yellow"
    if result.carried_forward:  # nothing is wrong with this one
        return page.signs.waiting, "dim"
    return page.signs.failed, "red"


def _remark(result: StepResult, waiting_for: Sequence[int], several: bool = False) -> str:
    match result.verdict:
        case Verdict.PASSED | Verdict.FAILED:
            return ""
        case Verdict.GRADER_ERROR:
            return "not your fault"
        case Verdict.SKIPPED if waiting_for:
            steps = "steps" if len(waiting_for) > 1 else "step"
            verb = "wait" if several else "waits"
            return f"{verb} for {steps} {', '.join(map(str, waiting_for))}"
    return outcome(result.verdict)
