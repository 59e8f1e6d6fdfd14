"""Hidden suites under pytest: the fixtures of a step, and who plays its parts.

By default, plain `pytest` runs a suite with the reference in the student's place; grading
chooses a cast for each case (`grader.collected`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.bank import Bank, Namespace
from grader.course import Course
from grader.programs import in_process
from grader.student import Player
from grader.suite import Draw


@dataclass(frozen=True)
class Cast:
    """Who plays the parts of a suite, on which device, with which numbers."""

    student: Player
    reference: Player
    seed: int
    device: str


CAST = pytest.StashKey[Callable[[str], Cast]]()  # the cast for a suite's file name
RIGHT = pytest.StashKey[dict[str, "Right"]]()  # the references that were executed, by suite


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    """The players of this case; by default the reference plays both parts."""
    stash, suite = request.config.stash, str(request.path)
    choose = stash.get(CAST, None)
    if choose:
        return choose(suite)
    known = stash.setdefault(RIGHT, {})
    if suite not in known:
        known[suite] = Right.of(suite)
    return known[suite].cast()


@pytest.fixture
def student(cast: Cast) -> Player:
    """The functions under test."""
    return cast.student


@pytest.fixture
def reference(cast: Cast) -> Player:
    """The right functions."""
    return cast.reference


@pytest.fixture
def device(cast: Cast) -> str:
    """Where the graded tensors live."""
    return cast.device


@pytest.fixture
def draw(cast: Cast, request: pytest.FixtureRequest) -> Draw:
    """Numbers that depend on the course's seed, the step and its case."""
    request.node.add_report_section("setup", "seed", f"seed {cast.seed}")
    return drawn(cast, request.node)


def drawn(cast: Cast, item: pytest.Item) -> Draw:
    """The numbers of a case: those of its own name."""
    return Draw.seeded(cast.seed, f"{item.path.stem}/{item.name}", cast.device)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of graded steps."""
    config.addinivalue_line("markers", "step(points, needs, public): a graded step")


@dataclass(frozen=True)
class Right:
    """The reference that a suite is run with where nobody is graded."""

    namespace: Namespace
    contracts: dict[str, Callable[..., Any]]
    seed: int

    @classmethod
    def of(cls, suite: str) -> Right:
        """The one of a suite's course."""
        course = Course.find(Path(suite).parent)
        exercise = course.exercise(Path(suite).stem.removeprefix("test_"))
        right = Bank(course).reference(exercise)
        contracts = {name: right[name] for name in exercise.functions}
        return cls(right, contracts, course.settings.policy.seed)

    def cast(self) -> Cast:
        """The reference in both parts, each with objects of its own."""
        student, reference = (
            Player(role, self.contracts, in_process(self.namespace))
            for role in ("student", "reference")
        )
        return Cast(student, reference, self.seed, "cpu")
