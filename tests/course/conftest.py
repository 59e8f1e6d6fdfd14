"""The lesson that a test of numbers is about: test_numbers_03_causal_mask reads 03_causal_mask."""

from __future__ import annotations

from pathlib import Path

import pytest

EXERCISES = Path(__file__).parents[2] / "exercises"


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
