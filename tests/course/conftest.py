"""What tests of the course ask for.

The lesson that a test of numbers is about: test_numbers_03_causal_mask reads 03_causal_mask.
And the reference that the oracles judge.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from grader.bank import Bank
from grader.course import Course

ROOT = Path(__file__).parents[2]
EXERCISES = ROOT / "exercises"

# Checks that are imported are to say what they saw, as those of a test's own file do.
pytest.register_assert_rewrite(f"{__package__}.judges", f"{__package__}.conventions")

from .judges import Drawn  # noqa: E402


@pytest.fixture(scope="module")
def lesson(request: pytest.FixtureRequest) -> str:
    """The lesson as it is shown: without the hints."""
    name = request.path.stem.removeprefix("test_numbers_")
    text = (EXERCISES / f"{name}.md").read_text(encoding="utf-8")
    return text.partition("## Hints")[0]


@pytest.fixture(scope="module")
def prose(lesson: str) -> str:
    """The lesson with every run of white space as one space."""
    return " ".join(lesson.split())


@pytest.fixture(scope="session")
def course() -> Course:
    return Course.open(ROOT)


@pytest.fixture(scope="session")
def reference(course: Course) -> SimpleNamespace:
    """Every function and class of every reference, by its name."""
    bank = Bank(course)
    public: dict[str, Any] = {}
    for exercise in course.exercises:
        namespace = bank.reference(exercise)
        public |= {f: namespace[f] for f in bank.solution(exercise).functions}
    return SimpleNamespace(**public)


@pytest.fixture
def given(request: pytest.FixtureRequest) -> dict[str, tuple[Any, ...]]:
    """What an oracle calls its functions with, where it is asked what holds of all of them."""
    return request.module.arguments(Drawn(seed=7))
