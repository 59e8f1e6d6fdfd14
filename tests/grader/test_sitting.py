"""A sitting tells the program's waits from the machine's, and chance from a mistake."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader import submissions
from grader.course import Course
from grader.grade import Terms, with_examiner
from grader.model import Feedback, Report, Step, StepResult, Verdict
from grader.sandbox import Nursery, open_nursery
from grader.sitting import Sitting, StepOutcome

ROOT = Path(__file__).parents[2]
RIGHT = ROOT / "tests" / "submissions" / "right" / "03_latin1_cookie.py"
STALLED = "test_more_keys_than_queries"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with contextlib.closing(open_nursery("apart")) as nursery:
        yield nursery


@pytest.fixture
def stalls(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Makes one step of any sitting wait in its first runs; returns what is run from then on."""

    def stalling(times: int) -> list[str]:
        honest, runs = Sitting._run_once, []

        def run_once(self: Sitting, step: Step) -> StepOutcome:
            runs.append(step.id)
            if step.id == STALLED and runs.count(STALLED) <= times:
                return StepOutcome(step, Verdict.TIMED_OUT, "It waited.", by_the_wall=True)
            return honest(self, step)

        monkeypatch.setattr(Sitting, "_run_once", run_once)
        return runs

    return stalling


def report(nursery: Nursery, source: str = RIGHT.read_text(encoding="latin-1")) -> Report:
    course, found = Course.open(ROOT), []
    submission = submissions.of_bytes(source.encode("latin-1"), "mine.py")
    with_examiner(
        course,
        course.exercise("03_causal_mask"),
        Terms(seed=2017, feedback=Feedback.PRACTICE, device="cpu"),
        lambda examiner: found.append(examiner.report(submission, nursery)),
    )
    return found[0]


def test_a_step_that_waited_once_is_judged_by_its_second_run(nursery, stalls):
    runs = stalls(1)
    graded = report(nursery)
    assert graded.passed and graded.score == graded.max_score
    assert runs.count(STALLED) == 2


def test_a_step_that_waited_twice_has_timed_out_and_its_functions_other_steps_with_it(
    nursery, stalls
):
    runs = stalls(2)
    graded = report(nursery)
    verdicts = {result.step.id: result.verdict for result in graded.steps}
    later = [s.id for s in graded_steps(graded, "causal_mask") if s.id not in runs]
    assert verdicts[STALLED] is Verdict.TIMED_OUT
    assert later and {verdicts[step] for step in later} == {Verdict.TIMED_OUT}
    assert {verdicts[s.id] for s in graded_steps(graded, "apply_mask")} == {Verdict.PASSED}


def graded_steps(report: Report, function: str) -> list[Step]:
    return [result.step for result in graded_steps_of(report, function)]


def graded_steps_of(report: Report, function: str) -> list[StepResult]:
    return [result for result in report.steps if result.step.function == function]


RANDOM = """
import random
import torch

def causal_mask(n_q, n_k=None, device=None):
    {counted}
    return torch.zeros(n_q, n_q if n_k is None else n_k, dtype=torch.bool).logical_not()

def apply_mask(scores, mask):
    return scores + {noise}
"""


@pytest.mark.parametrize(
    "noise, unsteady",
    [("torch.rand(())", True), ("random.random()", True), ("1.0", False), ("mask.sum()", False)],
)
def test_a_wrong_step_is_asked_once_more_and_two_answers_are_chance(nursery, noise, unsteady):
    graded = report(nursery, RANDOM.format(counted="pass", noise=noise))
    mistakes = {
        one.id
        for result in graded.steps
        if result.step.function == "apply_mask"
        for together in result.diagnoses
        for one in together
    }
    assert ("probes.chance" in mistakes) is unsteady
    assert not unsteady or mistakes == {"probes.chance"}


def test_what_is_printed_when_it_is_asked_once_more_stands_in_no_report(nursery):
    counting = "print('asked for', n_q, n_k)"
    graded = report(nursery, RANDOM.format(counted=counting, noise="1.0"))
    by_step = [r.output.count("asked for") for r in graded_steps_of(graded, "causal_mask")]
    # What the second answer prints stands nowhere: it is no part of the step.
    assert max(by_step) == 1
