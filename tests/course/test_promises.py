"""Every exercise keeps its promises, and nothing a learner does makes that look otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import submissions
from grader.author import new_exercise
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


@pytest.fixture
def small(tmp_path) -> Course:
    """A course with one small exercise, fresh from `author new`."""
    (tmp_path / "course.toml").write_text("exercises = [\n]\n", encoding="utf-8")
    new_exercise(Course.open(tmp_path), "twice")
    return Course.open(tmp_path)


def found(course: Course) -> set[tuple[str, str]]:
    """What is found when it is verified: where, and what."""
    again = Course.open(course.root)
    return {(f.where, f.says) for f in verify(again, again.exercise("01")).findings}


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.slow
def test_a_course_whose_stubs_are_filled_in_still_keeps_its_promises(small):
    """A learner may replace a stub wholesale, break it, or move it away."""
    exercise = small.exercise("01")
    for filled in (reference_of(small, exercise), "def twice(:\n", None):
        if filled is None:
            exercise.stub.unlink()
        else:
            exercise.stub.write_text(filled, encoding="utf-8")
        assert found(small) == set()


@pytest.mark.slow
def test_an_untouched_stub_that_departs_from_its_solution_is_found(small):
    exercise = small.exercise("01")
    stub = exercise.fresh_stub.replace("x: Tensor", "x: float")
    exercise.stub.write_text(stub, encoding="utf-8")
    assert {where for where, _ in found(small)} == {"01_twice.py"}


@pytest.mark.slow
def test_a_step_that_tests_nothing_is_found(small):
    idle = (
        '\n\n@step(points=1)\ndef test_idle(student, draw):\n    """It can be called"""\n'
        "    assert student.twice(draw.normal(3)) is not None\n"
    )
    add(small.exercise("01").suite, idle)
    silent = "asks no question; that is the second paragraph of its docstring"
    assert found(small) == {("test_idle", "no wrong program fails it"), ("test_idle", silent)}


@pytest.mark.slow
def test_a_wrong_program_that_is_right_and_one_that_is_a_twin_are_found(small):
    more = (
        "\n\n@misconception(twice)\ndef is_right(x):\n"
        '    """You did it.\n\n    Or not?\n    """\n'
        "    return twice(x)\n"
        "\n\n@misconception(twice)\ndef a_twin(x):\n"
        '    """You squared it.\n\n    What is twice 3?\n    """\n'
        "    return squares(x)\n"
    )
    add(small.exercise("01").solution, more)
    says = found(small)
    assert ("is_right", "no step sees what it does wrong") in says
    assert ("is_right", "does not tell why it is wrong; that is the last paragraph") in says
    assert ("a_twin", "behaves as squares does") in says
    assert (
        "squares",
        "unknown to the bank, test_doubles_every_entry tells it 01_twice.a_twin",
    ) in says


@pytest.mark.slow
def test_a_step_whose_calls_depend_on_an_answer_is_found(small):
    asking = (
        '\n\n@step(points=1)\ndef test_asks_back(student, reference):\n    """It answers"""\n'
        "    n = float(student.twice(3.0))\n"
        "    assert same_values(student.twice(n), reference.twice(n))\n"
    )
    add(small.exercise("01").suite, asking)
    assert any(w == "test_asks_back" and "depend on what" in says for w, says in found(small))


@pytest.mark.slow
def test_a_function_asked_with_one_kind_of_sizes_only_is_found(small):
    exercise = small.exercise("01")
    solution = exercise.solution.read_text(encoding="utf-8")
    solution = solution.replace("x: (..., n). Returns (..., n)", "x: (..., n, d). Returns them")
    exercise.solution.write_text(solution, encoding="utf-8")
    exercise.stub.unlink()
    suite = exercise.suite.read_text(encoding="utf-8")
    for shapes, missing in (
        ("(2, 5), (2, 3, 4)", {"equal"}),
        ("(3, 3), (2, 4, 4)", {"different"}),
        ("(3, 3), (2, 3, 4)", set()),
    ):
        text = suite.replace("(3,), (2, 5), (2, 3, 4)", shapes)
        exercise.suite.write_text(text, encoding="utf-8")
        assert {says.split()[-1] for where, says in found(small) if where == "twice"} == missing
