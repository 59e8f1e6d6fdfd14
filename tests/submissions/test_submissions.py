"""What the command makes of these programs, and whether the folders are what they should be."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from grader.course import Course

from .exam import PATIENCE
from .programs import EXPECTED, FOLDERS, HERE, KEYS, PROGRAMS, Program

ROOT = HERE.parents[1]
with_exit = [one for one in PROGRAMS if "exit" in one.rest]


# -- the command -------------------------------------------------------------------


def check(*words: str) -> subprocess.CompletedProcess[str]:
    """`attn-grade check`, as a learner types it."""
    return subprocess.run(
        [sys.executable, "-m", "grader", "check", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow  # a whole command each; tests/grader/test_check.py has the commonest
@pytest.mark.parametrize("program", with_exit, ids=lambda one: one.file)
def test_the_exit_code_says_how_it_went(program: Program) -> None:
    done = check(program.exercise, str(program.path))
    assert done.returncode == program.rest["exit"]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_too_large_to_be_a_submission_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "03_causal_mask.py"
    large.write_text("# padding\n" * 14_000, encoding="utf-8")
    done = check("03", str(large))
    assert done.returncode == 2
    assert "larger than 128 KiB" in done.stderr


# -- this folder -------------------------------------------------------------------


def test_every_program_stands_in_expected_toml() -> None:
    there = {str(path.relative_to(HERE)) for one in FOLDERS for path in (HERE / one).iterdir()}
    assert {path for path in there if "__pycache__" not in path} == {one.file for one in PROGRAMS}


def test_everything_that_must_be_covered_has_a_program() -> None:
    covered = {one for program in PROGRAMS for one in program.texts("covers")}
    assert covered == set(EXPECTED["must_cover"])


def test_every_exercise_has_right_programs_and_wrong_ones(course: Course) -> None:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for program in PROGRAMS:
        found[program.folder, program.exercise] += 1
    for exercise in course.settings.exercises:
        assert found["right", exercise] >= 3
        assert found["wrong", exercise] >= 2


def test_expected_toml_names_only_what_there_is(course: Course) -> None:
    for program in PROGRAMS:
        exercise = course.exercise(program.exercise)
        steps = [step.id for step in exercise.steps]
        assert set(program.rest) <= KEYS, program.file
        assert program.rest.get("limits", "small") in EXPECTED["limits"], program.file
        assert set(exercise.functions) <= set(program.verdicts), program.file
        assert set(program.verdicts) <= {*exercise.functions, *steps}, program.file


@pytest.mark.parametrize(
    "file, marks",
    [
        ("right/03_bom.py", b"\xef\xbb\xbf"),
        ("right/03_crlf.py", b"\r\n"),
        ("right/02_tabs.py", b"\n\t"),
        ("right/03_old_mac.py", b"\r"),
        ("bad/utf16.py", b"\xff\xfe"),
        ("bad/null_bytes.py", b"\0"),
    ],
)
def test_version_control_has_left_the_bytes_alone(file: str, marks: bytes) -> None:
    assert marks in (HERE / file).read_bytes()
