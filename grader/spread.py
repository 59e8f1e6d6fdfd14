"""The same work for several exercises at once, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from grader.course import Course, Exercise

Result = TypeVar("Result")
Work = Callable[[Course, Exercise], Result]


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Work[Result], course: Course, exercises: Sequence[Exercise], jobs: int
) -> Iterator[Result]:
    """What the work gives for each exercise, in their order, done by so many processes.

    work: a function of a module, called in the process that does it; what it gives and
    raises must be such as can be pickled.
    """
    if min(jobs, len(exercises)) < 2:
        yield from (work(course, exercise) for exercise in exercises)
        return
    # Started afresh: this process may have computed in parallel, after which no fork is safe.
    afresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(exercises)), mp_context=afresh) as pool:
        # The longest first, so that nobody waits for one that began last.
        by_size = sorted(exercises, key=_size, reverse=True)
        done = {e.id: pool.submit(_done, work, course.root, e.id) for e in by_size}
        try:
            yield from (done[exercise.id].result() for exercise in exercises)
        finally:
            pool.shutdown(cancel_futures=True)


def _done(work: Work[Result], root: Path, exercise: str) -> Result:
    course = Course.open(root)
    return work(course, course.exercise(exercise))


def _size(exercise: Exercise) -> int:
    return len(exercise.misconceptions) * len(exercise.steps)
