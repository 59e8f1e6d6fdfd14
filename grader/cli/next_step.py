"""The one thing to do after a check, as a command that works when pasted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from grader.cli.spelling import command
from grader.course import Course, Exercise
from grader.errors import CourseFault
from grader.model import Report
from grader.submissions import Submission


def next_step(
    course: Course,
    exercise: Exercise,
    submission: Submission,
    report: Report,
    folder: Path | None,
    elsewhere: str | None,
) -> str:
    """The command that brings this learner on.

    folder: of the course, where it was given. elsewhere: the path that was graded, as one
    would type it here; None for the exercise's own file.
    """
    from grader.reports.causes import causes, untouched, unwritten

    def spelt(verb: str, *more: str) -> str:
        return command(folder, verb, *more)

    if report.faulty:
        return spelt("doctor")
    if report.passed:
        after = course.exercises[course.exercises.index(exercise) + 1 :]
        return spelt("lesson", after[0].number) if after else spelt("list")
    file = () if elsewhere is None else (elsewhere,)
    nothing_there = submission.tree and not any(map(submission.line_of, exercise.functions))
    if nothing_there and not report.score:
        return _for_none_of_it(course, exercise, submission, folder, file)
    if untouched(report):
        return spelt("lesson", exercise.number)
    first = causes(report)
    if not first or first[0].holds_up_all(report):
        return spelt("check", exercise.number, *file)  # one thing stops it all: mend it
    told = first[0].result.diagnoses
    if file and len(told) == 1 == len(told[0]):  # what a hint says of it is kept of one's own file
        return spelt("explain", told[0][0].short_id)
    # What is not written yet may be what the first failure comes from.
    stuck = {first[0].result.step.function, *unwritten(report)}
    return spelt("hint", exercise.number, next(f for f in exercise.functions if f in stuck))


def _for_none_of_it(
    course: Course,
    exercise: Exercise,
    submission: Submission,
    folder: Path | None,
    file: tuple[str, ...],
) -> str:
    """Where to go with a file in which none of the exercise's functions stands."""
    if not file:  # a fresh stub mends an empty one, not a file from elsewhere
        return command(folder, "reset", exercise.number)
    for other in course.exercises:
        with suppress(CourseFault):  # one that is broken is not what was meant
            if all(map(submission.line_of, other.functions)):
                return command(folder, "check", other.number, *file)
    return command(folder, "lesson", exercise.number)
