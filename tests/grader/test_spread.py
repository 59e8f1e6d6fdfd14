"""Work on several exercises is done by several processes, and comes back in their order."""

from __future__ import annotations

import os

import pytest

from grader.course import Course
from grader.errors import CourseFault
from grader.spread import spread

from . import tiny_course


def of_exercise(course: Course, exercise) -> tuple[str, int]:
    """Which exercise, and the process that was asked."""
    return exercise.id, os.getpid()


def stumbles_over_the_second(course: Course, exercise) -> str:
    if exercise.number == "02":
        raise CourseFault(f"{exercise.id} is broken")
    return exercise.id


@pytest.fixture
def course(tmp_path) -> Course:
    tiny_course.lay_out(tmp_path)
    return Course.open(tmp_path)


@pytest.mark.slow
def test_two_processes_share_the_work_and_the_order_stays(course):
    found = list(spread(of_exercise, course, course.exercises, jobs=2))
    assert [name for name, _ in found] == [one.id for one in course.exercises]
    assert os.getpid() not in {process for _, process in found}


def test_one_job_or_one_exercise_needs_no_other_process(course):
    alone = [("01_double", os.getpid())]
    assert list(spread(of_exercise, course, course.exercises[:1], jobs=8)) == alone
    assert list(spread(of_exercise, course, course.exercises, jobs=1))[:1] == alone


@pytest.mark.slow
def test_a_fault_of_the_course_comes_back_as_one(course):
    work = spread(stumbles_over_the_second, course, course.exercises, jobs=2)
    assert next(work) == "01_double"
    with pytest.raises(CourseFault, match="02_scaled_sum is broken"):
        next(work)
