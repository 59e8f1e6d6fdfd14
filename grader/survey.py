"""A survey of all mistakes that can be named, for the catalogue: which steps show each."""

from __future__ import annotations

from collections.abc import Iterator

from grader import probes
from grader.catalogue import Entry, page
from grader.course import Course, Exercise
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Feedback
from grader.spread import spread
from grader.trials import Trial

MEASURED = "Measured"
MOST_STEPS = 3  # that are listed


def catalogue(course: Course, jobs: int = 1) -> str:
    """The page of the docs, from the solutions as they are; nothing of a student's is run."""
    chapters = spread(_chapter, course, course.exercises, jobs)
    return page([*(entry for chapter in chapters for entry in chapter), *_measured()])


def _chapter(course: Course, exercise: Exercise) -> list[Entry]:
    terms = Terms(course.settings.policy.seed, Feedback.PRACTICE, "cpu")
    return with_examiner(course, exercise, terms, lambda examiner: [*_entries(examiner)])


def _entries(examiner: Examiner) -> Iterator[Entry]:
    exercise = examiner.exercise
    own = examiner.paper.atlas.bank.solution(exercise).misconceptions
    for wrong in sorted(own, key=lambda one: exercise.functions.index(one.function)):
        kills = Trial.of(examiner, wrong).kills
        yield Entry(
            id=wrong.id,
            chapter=f"{exercise.number} · {exercise.title}",
            function=wrong.function,
            does=wrong.says,
            why=wrong.why,
            shown_by=_told(
                [s.title for s in exercise.steps if s.id in kills and s.function == wrong.function]
            ),
            look_at=wrong.question,
            note=f"`{wrong.alike}`: {wrong.because}" if wrong.alike else "",
        )


def _told(titles: list[str]) -> tuple[str, ...]:
    """The first few steps that show a mistake; most show in all of a function's."""
    rest = len(titles) - MOST_STEPS
    return (*titles[:MOST_STEPS], *([f"{rest} more"] if rest > 0 else []))


def _measured() -> Iterator[Entry]:
    for probe in probes.PROBES:
        yield Entry(probe.id, MEASURED, "", probe.finds, probe.why, (probe.how,), probe.look_at)
