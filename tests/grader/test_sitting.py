"""A wait that comes once was the machine's fault; one that comes twice is the program's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader import submissions
from grader.course import Course
from grader.grade import Terms, with_examiner
from grader.model import Feedback, Report, Step, Verdict
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


def report(nursery: Nursery) -> Report:
    course, found = Course.open(ROOT), []
    with_examiner(
        course,
        course.exercise("03_causal_mask"),
        Terms(seed=2017, feedback=Feedback.PRACTICE, device="cpu"),
        lambda examiner: found.append(
            examiner.report(submissions.read(RIGHT, RIGHT.name), nursery)
        ),
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
    return [result.step for result in report.steps if result.step.function == function]
