"""Cases that ask for the parts of a suite are called at once, all others by pytest, alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.author import new_exercise
from grader.bank import Bank
from grader.collected import with_suite
from grader.course import Course
from grader.errors import CourseFault
from grader.plugin import Cast
from grader.programs import in_process
from grader.student import Player
from grader.suite import Draw

SUITE = '''
import pytest
import torch

from grader.suite import SDPA, step

FORBIDDEN = SDPA


@pytest.fixture
def own():
    return 7


@step(points=1)
def test_of_ours(student, reference, draw, device, more=3):
    """It asks for ours"""
    student.twice(1.0)
    raise ValueError([draw.normal(2).tolist(), device, more])


@step(points=1)
def test_of_its_own(student, draw, own):
    """It has a fixture of its own"""
    student.twice(1.0)
    raise ValueError([draw.normal(2).tolist(), own])


@step(points=1)
@pytest.mark.parametrize("own", [8], indirect=True)
def test_of_a_fixture_with_a_parameter(student, own):
    """It gives its fixture a parameter"""
    raise ValueError(student.twice(own))


@step(points=1)
@pytest.mark.parametrize("n", [2, 5])
def test_of_a_parameter(student, n):
    """It has a parameter"""
    raise ValueError(student.twice(n))


@step(points=1)
@pytest.mark.skip(reason="not today")
def test_that_is_skipped(student):
    """It is not run"""
    student.twice(1)


@step(points=1)
def test_that_passes(student):
    """It raises nothing"""
    student.twice(1)


@step(points=1)
def test_that_skips_itself(student):
    """It says so while it runs"""
    student.twice(1)
    pytest.skip("not here")
'''


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseException | None]:
    """What each case of a suite raises, by its name."""
    root: Path = tmp_path_factory.mktemp("course")
    (root / "course.toml").write_text("exercises = [\n]\n", encoding="utf-8")
    new_exercise(Course.open(root), "twice")
    (root / "tests/hidden/test_01_twice.py").write_text(SUITE, encoding="utf-8")
    course = Course.open(root)
    exercise = course.exercise("01")
    right = Bank(course).reference(exercise)
    contracts = {"twice": right["twice"]}

    def found(suite):
        student, reference = (
            Player(role, contracts, in_process(right)) for role in ("student", "reference")
        )
        cast = Cast(student, reference, seed=5, device="cpu")
        return {
            case: suite.run(step, case, cast).raised
            for step in suite.steps
            for case in suite.cases(step)
        }

    return with_suite(exercise, found)


def test_a_case_gets_what_it_asks_for(raised):
    numbers, device, more = raised["test_of_ours"].args[0]
    assert device == "cpu" and more == 3 and len(numbers) == 2
    assert raised["test_of_a_parameter[2]"].args == (4,)
    assert raised["test_of_a_parameter[5]"].args == (10,)
    assert raised["test_that_passes"] is None


def test_a_fixture_of_the_suites_own_is_made_by_pytest(raised):
    assert raised["test_of_its_own"].args[0][1] == 7
    assert raised["test_of_a_fixture_with_a_parameter[8]"].args == (14,)


def test_every_case_draws_numbers_of_its_own_on_both_ways(raised):
    for name in ("test_of_ours", "test_of_its_own"):
        expected = Draw.seeded(5, f"test_01_twice/{name}").normal(2).tolist()
        assert raised[name].args[0][0] == expected


def test_a_case_that_is_skipped_has_not_passed(raised):
    assert isinstance(raised["test_that_is_skipped"], CourseFault)
    assert isinstance(raised["test_that_skips_itself"], pytest.skip.Exception)
