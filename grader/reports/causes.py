"""What a report is about: which steps share one cause, which wait, what is not written yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grader.model import Report, StepResult, Verdict

FOLLOWING = (Verdict.NOT_STARTED, Verdict.SKIPPED)


@dataclass(frozen=True)
class Cause:
    """One thing that went wrong, and the steps it happened in."""

    numbers: tuple[int, ...]  # of the steps, counted from 1
    result: StepResult  # of the first of them

    def holds_up_all(self, report: Report) -> bool:
        """Whether nothing else happened: each step has this cause or waits for one."""
        others = (
            result
            for number, result in enumerate(report.steps, start=1)
            if number not in self.numbers
        )
        return len(report.steps) > 1 and all(waits_for(report, other) for other in others)


def causes(report: Report) -> tuple[Cause, ...]:
    """What went wrong, in the order of the steps, the grader's own faults last."""
    found = [
        (number, result)
        for number, result in enumerate(report.steps, start=1)
        if _went_wrong(report, result)
    ]
    groups: list[Cause] = []
    for number, result in found:
        alike = [at for at, cause in enumerate(groups) if same_cause(cause.result, result)]
        if alike:
            earlier = groups[alike[0]]
            groups[alike[0]] = Cause((*earlier.numbers, number), earlier.result)
        else:
            groups.append(Cause((number,), result))
    return tuple(sorted(groups, key=lambda cause: cause.result.verdict is Verdict.GRADER_ERROR))


def same_cause(one: StepResult, other: StepResult) -> bool:
    """Whether two steps did not pass for one and the same reason.

    Two that answered wrongly never did: what they returned differs, whatever was said.
    """
    if one.verdict is Verdict.FAILED and (one.case or other.case):
        return False
    return bool(one.message) and (
        (one.verdict, one.message, one.line, one.diagnoses)
        == (other.verdict, other.message, other.line, other.diagnoses)
    )


def notes(report: Report) -> tuple[str, ...]:
    """The notes that no cause tells already."""
    told = {cause.result.message for cause in causes(report)}
    return tuple(note for note in report.notes if note not in told)


def untouched(report: Report) -> bool:
    """Whether nothing was written yet, in any function."""
    return bool(report.steps) and set(unwritten(report)) == set(_functions(report))


def unwritten(report: Report) -> tuple[str, ...]:
    """The functions of which no step has been started, in file order."""
    return tuple(
        function
        for function in _functions(report)
        if all(result.verdict in FOLLOWING for result in _of(report, function))
        and any(result.verdict is Verdict.NOT_STARTED for result in _of(report, function))
        and not _is_wrong(report, function)
    )


def waits_for(report: Report, result: StepResult) -> tuple[int, ...]:
    """The numbers of the steps that a skipped step waits for."""
    if result.verdict is not Verdict.SKIPPED:
        return ()
    return tuple(
        number
        for number, other in enumerate(report.steps, start=1)
        if other.step.id in result.step.needs and other.verdict is not Verdict.PASSED
    )


def carried(report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each function that is right in itself, with the earlier ones that it waits for."""
    for function in _functions(report):
        mine = [result for result in _of(report, function) if result.carried_forward]
        if mine:
            yield function, tuple(dict.fromkeys(n for one in mine for n in one.waits_for))


def _went_wrong(report: Report, result: StepResult) -> bool:
    if result.carried_forward or result.verdict is Verdict.PASSED:
        return False
    if result.verdict is Verdict.NOT_STARTED:
        # An untouched stub is never called; what was called is misspelt, or ends unwritten.
        return result.case is not None
    return result.verdict is not Verdict.SKIPPED


def _is_wrong(report: Report, function: str) -> bool:
    return any(_went_wrong(report, result) for result in _of(report, function))


def _functions(report: Report) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.step.function for result in report.steps))


def _of(report: Report, function: str) -> Iterator[StepResult]:
    return (result for result in report.steps if result.step.function == function)
