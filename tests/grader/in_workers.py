"""Sources graded as submissions are: in workers, whose reports come back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from grader import submissions
from grader.course import Course
from grader.grade import Terms, with_examiner
from grader.model import Feedback, Report
from grader.sandbox import open_nursery

Graded = Callable[..., Report]


@contextlib.contextmanager
def grading(course: Course) -> Iterator[Graded]:
    """Grades a source as a submission to one of the course's exercises, the first by default."""
    with contextlib.closing(open_nursery("apart")) as nursery:

        def grade(
            source: str, exercise: str = "01", feedback: Feedback = Feedback.PRACTICE
        ) -> Report:
            mine = submissions.of_bytes(source.encode(), "mine.py")
            terms = Terms(2017, feedback, "cpu")
            chosen = course.exercise(exercise)
            return with_examiner(course, chosen, terms, lambda one: one.report(mine, nursery))

        yield grade
