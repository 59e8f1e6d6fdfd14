"""`attn-grade speed` times what a suite compares, with the learner's own functions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.author import new_exercise
from grader.cli import main
from grader.course import Course
from grader.speed import Row

COMPARISON = '''

from grader.suite import comparison


@comparison("entries", sizes=(10, 2000))
def what_it_saves(student, draw, n):
    """What doubling saves: once, and again and again

    The rest is for authors.
    """
    x = draw.normal(n)
    again = sum(student.twice.seconds(x) for _ in range(20))
    return {"once": student.twice.seconds(x), "again and again": again}
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course with one exercise that compares, and one that does not."""
    (tmp_path / "course.toml").write_text("exercises = [\n]\n", encoding="utf-8")
    for name in ("twice", "thrice"):
        new_exercise(Course.open(tmp_path), name)
    with (tmp_path / "tests/hidden/test_01_twice.py").open("a", encoding="utf-8") as suite:
        suite.write(COMPARISON)
    return tmp_path


def asked(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(folder), "speed", *words])
    return result.exit_code, result.output


def mine(folder: Path, source: str) -> str:
    file = folder / "mine.py"
    file.write_text(source, encoding="utf-8")
    return str(file)


@pytest.mark.slow
def test_both_ways_are_timed_at_every_size(folder, monkeypatch):
    monkeypatch.setenv("ATTN_GRADE_WORKERS", "apart")
    code, shown = asked(folder, "01", mine(folder, "def twice(x):\n    return 2 * x\n"))
    assert code == 0
    assert shown.startswith("What doubling saves: once, and again and again\n")
    heading, *rows = [re.split(r" {2,}", line.strip()) for line in shown.splitlines()[2:]]
    assert heading == ["entries", "once", "again and again", "times as fast"]
    assert [row[0] for row in rows] == ["10", "2,000"]
    for row in rows:
        assert all(re.fullmatch(r"\d+\.\d\d ms", cell) for cell in row[1:3])
        assert float(row[3]) > 1


@pytest.mark.slow
def test_a_function_that_gives_nothing_is_told_of_with_what_to_do(folder, monkeypatch):
    monkeypatch.setenv("ATTN_GRADE_WORKERS", "apart")
    for source, says in (
        ("def twice(x):\n    return x.nonsense\n", "AttributeError"),
        ("def twice(x):\n    raise NotImplementedError\n", "What is not written there yet?"),
        ("def twice(x:\n", "SyntaxError"),
        ("def thrice(x):\n    return x\n", "`twice`"),
    ):
        code, shown = asked(folder, "01", mine(folder, source))
        assert code == 1 and says in shown and "check 01" in shown


def test_an_exercise_without_a_comparison_says_which_have_one(folder):
    code, shown = asked(folder, "02")
    assert (code, shown) == (2, "Error: 02_thrice has no two ways to compare; these have: 01\n")


def test_a_row_tells_how_often_the_first_way_fits_into_the_last():
    assert Row(10, {"one": 0.5, "other": 3.0, "third": 4.0}).times_faster == 8.0
