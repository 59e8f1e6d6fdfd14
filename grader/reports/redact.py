"""What homework feedback keeps to itself: everything about a hidden step but its outcome."""

from __future__ import annotations

import math
from dataclasses import replace

from grader.model import Feedback, Misconception, Report, StepResult, Verdict


def redacted(report: Report) -> Report:
    """The report as its feedback mode lets it be told; every view starts from this.

    In homework a hidden step keeps its sentence, verdict, points and diagnosis, but no number
    that was measured: a submission can make that one of the inputs' own. It keeps what a
    note tells in full: a file that cannot be read is one cause for all steps. Its time
    goes too, and the total is rounded up to whole seconds: a submission could sleep
    for as long as an input is large.
    """
    if report.feedback is not Feedback.HOMEWORK:
        return report
    steps = tuple(
        told if told.step.public else _withheld(told, of_the_file=told.message in report.notes)
        for told in report.steps
    )
    return replace(report, steps=steps, seconds=float(math.ceil(report.seconds)))


def outcome(verdict: Verdict) -> str:
    """The verdict in words: "timed out"."""
    return verdict.value.replace("_", " ")


def headline(result: StepResult) -> str:
    """A step's sentence and verdict: all the message that a hidden one has in homework."""
    return f"{result.step.title}: {outcome(result.verdict)}"


def _in_general(mistake: Misconception) -> Misconception:
    return replace(mistake, says=mistake.in_general) if mistake.in_general else mistake


def _withheld(result: StepResult, *, of_the_file: bool) -> StepResult:
    passed = result.verdict is Verdict.PASSED
    told = result.message if of_the_file else headline(result)
    return StepResult(  # built anew, so that a field added to the model is withheld, not leaked
        step=result.step,
        verdict=result.verdict,
        points=result.points,
        message="" if passed else told,
        diagnoses=tuple(tuple(map(_in_general, group)) for group in result.diagnoses),
        certainty=result.certainty,
        carried_forward=result.carried_forward,
        waits_for=result.waits_for,
        line=result.line if of_the_file else None,
    )
