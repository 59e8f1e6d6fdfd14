"""Every exercise keeps its promises, and nothing a learner does makes that look otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grader import submissions
from grader.course import Course
from grader.figures import cells
from grader.reference import reference_of
from grader.stubs import drift, untouched
from grader.verify import verify

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.open(ROOT)
EXERCISES = COURSE.exercises


def named(exercise) -> str:
    return exercise.id


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_exercise_keeps_every_promise(exercise):
    figures = verify(COURSE, exercise)
    assert figures.findings == ()
    assert figures.killed == figures.restyled == figures.wrong >= 10
    assert figures.unique + 2 * figures.pairs >= 0.95 * figures.wrong
    assert figures.misnamed == 0 and figures.right >= 3
    page = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(cells(figures))} |" in page  # `author verify --write` makes it so


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_a_filled_in_stub_has_not_drifted(exercise):
    filled = exercise.fresh_stub.replace("raise NotImplementedError", "return print")
    assert filled != exercise.fresh_stub
    assert drift(filled, exercise.source) == ()
    assert untouched(filled, exercise.functions) == frozenset()


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_untouched_stub_counts_as_not_started_in_every_function(exercise):
    assert untouched(exercise.fresh_stub, exercise.functions) == set(exercise.functions)


@pytest.mark.parametrize("exercise", EXERCISES, ids=named)
def test_the_shown_solution_is_a_submission_without_wrong_programs(exercise):
    shown = submissions.of_bytes(reference_of(COURSE, exercise).encode(), "shown.py")
    assert shown.unreadable is None
    assert set(exercise.functions) <= set(shown.defines())
    wrong = {m.id.partition(".")[2] for m in exercise.misconceptions}
    assert not wrong & set(shown.defines()) and "grader" not in shown.source


def test_a_course_whose_stubs_are_filled_in_still_keeps_its_promises(copied_course):
    """A learner may replace a stub wholesale, break it, or move it away."""
    exercise = copied_course.exercise("03")
    for filled in (reference_of(copied_course, exercise), "def causal_mask(:\n", None):
        if filled is None:
            exercise.stub.unlink()
        else:
            exercise.stub.write_text(filled, encoding="utf-8")
        assert verify(copied_course, exercise).findings == ()


def test_an_untouched_stub_that_departs_from_its_solution_is_found(copied_course):
    exercise = copied_course.exercise("03")
    stub = exercise.fresh_stub.replace("n_k: int | None = None", "n_k: int = 0")
    exercise.stub.write_text(stub, encoding="utf-8")
    (finding,) = verify(copied_course, exercise).findings
    assert finding.where == "03_causal_mask.py"


@pytest.fixture
def copied_course(tmp_path) -> Course:
    for part in ("course.toml", "exercises", "solutions", "tests/hidden", "tests/submissions"):
        source, target = ROOT / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return Course.open(tmp_path)


def test_a_step_that_tests_nothing_is_found(copied_course):
    exercise = copied_course.exercise("03")
    idle = (
        '\n\n@step(points=1)\ndef test_idle(student, reference):\n    """It can be called"""\n'
        "    assert student.causal_mask(2) is not None\n"
    )
    with exercise.suite.open("a", encoding="utf-8") as suite:
        suite.write(idle)
    findings = verify(copied_course, copied_course.exercise("03")).findings
    assert [(f.where, f.says) for f in findings] == [("test_idle", "no wrong program fails it")]


def test_a_wrong_program_that_is_right_and_one_that_is_a_twin_are_found(copied_course):
    exercise = copied_course.exercise("03")
    more = (
        "\n\n@misconception(causal_mask)\ndef is_right(n_q, n_k=None, device=None):\n"
        '    """You did it.\n\n    Or not?\n    """\n'
        "    return causal_mask(n_q, n_k, device)\n"
        "\n\n@misconception(causal_mask)\n"
        "def a_twin(n_q, n_k=None, device=None):\n"
        '    """You lined them up.\n\n    Which ends?\n    """\n'
        "    return aligns_the_first_tokens(n_q, n_k, device)\n"
    )
    with exercise.solution.open("a", encoding="utf-8") as solution:
        solution.write(more)
    findings = verify(copied_course, copied_course.exercise("03")).findings
    says = {(f.where, f.says) for f in findings}
    assert ("is_right", "no step sees what it does wrong") in says
    assert any("behaves as 03_causal_mask.a_twin does" in text for _, text in says)


def test_a_step_whose_calls_depend_on_an_answer_is_found(copied_course):
    exercise = copied_course.exercise("03")
    asking = (
        '\n\n@step(points=1)\ndef test_asks_back(student, reference):\n    """It answers"""\n'
        "    n = int(student.causal_mask(3).sum())\n"
        "    assert same_values(student.causal_mask(n), reference.causal_mask(n))\n"
    )
    with exercise.suite.open("a", encoding="utf-8") as suite:
        suite.write(asking)
    findings = verify(copied_course, copied_course.exercise("03")).findings
    assert any(f.where == "test_asks_back" and "depend on what" in f.says for f in findings)
