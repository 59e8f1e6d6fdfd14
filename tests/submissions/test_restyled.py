"""The wrong programs as somebody else would write them, through the real thing: each is named."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from grader import submissions
from grader.course import Course
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Feedback
from grader.sandbox import open_nursery
from grader.styles import Restyled

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.open(ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_every_mistake_is_named_in_its_second_style(exercise):
    restyled = Restyled(exercise)

    def unnamed(examiner: Examiner) -> dict[str, set[str]]:
        found = {}
        with contextlib.closing(open_nursery("apart")) as nursery:
            for wrong in exercise.misconceptions:
                source = restyled.submission(wrong).encode()
                report = examiner.report(submissions.of_bytes(source, "mine.py"), nursery)
                said = {one.id for r in report.steps for group in r.diagnoses for one in group}
                if said != {wrong.id}:
                    found[wrong.id] = said
        return found

    terms = Terms(seed=2017, feedback=Feedback.PRACTICE, device="cpu")
    assert with_examiner(COURSE, exercise, terms, unnamed) == {}
