"""A course is found from wherever one stands, and an exercise by whatever one calls it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import Course, Exercise, shown
from grader.errors import CourseFault, UsageFault
from grader.reference import reference_of

from .tiny_course import FILES, lay_out

SCALED_SUM_REFERENCE = '''\
"""02 · Scaled sum: one right way to write it."""

from __future__ import annotations

import math

# -- from 01_double --


_TWO = 2.0


# What it says.
def double(
    x: float,  # any number
    *,
    sign: float = 1.0,
) -> float:  # twice as much
    """Twice the number.

    x: any number. Returns a float.
    """
    return math.copysign(_TWO * abs(x), sign * x)


# -- 02_scaled_sum --


def scaled_sum(numbers: list[float], scale: float = 1.0) -> float:
    """The sum of the doubled numbers, scaled."""
    return scale * sum(double(number) for number in numbers)
'''


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ATTN_GRADE_COURSE", raising=False)
    return lay_out(tmp_path / "a course")


@pytest.fixture
def course(root: Path) -> Course:
    return Course.open(root)


# -- finding the course ----------------------------------------------------------------


def test_a_course_is_found_from_any_folder_inside_it(root):
    for folder in (root, root / "exercises", root / "tests" / "hidden"):
        assert Course.find(folder).root == root


def test_the_nearest_course_is_the_one(root):
    inner = lay_out(root / "exercises" / "inner")
    assert Course.find(inner / "solutions").root == inner


def test_where_there_is_no_course_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("ATTN_GRADE_COURSE", raising=False)
    with pytest.raises(UsageFault, match="--course") as caught:
        Course.find(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert caught.value.exit_code == 2


def test_the_environment_can_name_another_course(root, tmp_path, monkeypatch):
    other = lay_out(tmp_path / "other")
    monkeypatch.setenv("ATTN_GRADE_COURSE", str(other))
    assert Course.find(root).root == other


def test_a_folder_named_on_the_command_line_beats_the_environment(root, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTN_GRADE_COURSE", str(lay_out(tmp_path / "other")))
    assert Course.chosen(root).root == root


def test_without_a_named_folder_it_is_the_course_one_stands_in(root, monkeypatch):
    monkeypatch.chdir(root / "exercises")
    assert Course.chosen(None).root == root


def test_a_folder_that_is_gone_is_no_crash(root, monkeypatch):
    gone = root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageFault, match="no longer exists"):
        Course.chosen(None)


@pytest.mark.parametrize("name", ["nowhere", "course.toml", "exercises"])
def test_only_a_folder_with_a_course_file_can_be_opened(root, name):
    with pytest.raises(UsageFault, match="not the folder of a course"):
        Course.open(root / name)


def test_a_mistake_in_the_course_file_is_told_with_file_and_line(root):
    (root / "course.toml").write_text("exercises = []\ntitel = 'x'\n")
    with pytest.raises(CourseFault, match=r"course\.toml:2: .*did you mean title"):
        Course.open(root)


def test_opening_a_course_reads_no_answer(root):
    for name in FILES:
        if name != "course.toml":
            (root / name).unlink()
    assert len(Course.open(root).exercises) == 3


def test_reading_a_course_imports_neither_torch_nor_numpy_nor_pytest(root):
    code = (
        "import sys; from pathlib import Path; from grader.course import Course\n"
        f"course = Course.open(Path({str(root)!r}))\n"
        "from grader.reference import reference_of\n"
        "for one in course.exercises:\n"
        "    one.steps, one.hints, one.fresh_stub, reference_of(course, one)\n"
        "import grader.progress\n"
        "print([name for name in ('torch', 'numpy', 'pytest') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout == "[]\n"


# -- finding an exercise ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "02", "2", "002", "scaled_sum", "02_scaled_sum", "Scaled-Sum", " scaled sum ",
        "exercises/02_scaled_sum.py", "02_scaled_sum.md", "/somewhere/02_scaled_sum.py",
        "tests/hidden/test_02_scaled_sum.py", "./02_scaled_sum.py",
    ],
)  # fmt: skip
def test_an_exercise_goes_by_number_name_both_or_path(course, text):
    assert course.exercise(text) == Exercise(course.root, "02_scaled_sum")


def test_an_unknown_exercise_is_answered_with_the_nearest_and_with_all(course):
    with pytest.raises(UsageFault) as caught:
        course.exercise("scaled_some")
    assert caught.value.message == (
        "there is no exercise 'scaled_some'; did you mean 02_scaled_sum?\n"
        "This course has 01_double, 02_scaled_sum, 03_counter."
    )


def test_many_exercises_are_listed_on_lines_of_80_characters(root):
    ids = [f"{number:02}_exercise_{number}" for number in range(1, 20)]
    (root / "course.toml").write_text(f"exercises = {ids}")
    with pytest.raises(UsageFault) as caught:
        Course.open(root).exercise("33")
    first, *lines = caught.value.message.split("\n")
    assert first == "there is no exercise '33'."
    assert max(map(len, lines)) <= 80
    assert " ".join(lines) == f"This course has {', '.join(ids)}."


@pytest.mark.parametrize("text", ["", "0", "7", "..", "\x1b[31m", "9" * 5000, "é" * 5000, "/"])
def test_whatever_is_typed_the_answer_is_short_and_printable(course, text):
    with pytest.raises(UsageFault) as caught:
        course.exercise(text)
    assert all(line.isprintable() for line in caught.value.message.split("\n"))
    assert len(caught.value.message) < 300


def test_in_an_empty_course_there_is_nothing_to_find(root):
    (root / "course.toml").write_text("exercises = []")
    with pytest.raises(UsageFault, match="none yet"):
        Course.open(root).exercise("01")


# -- what an exercise is ---------------------------------------------------------------


def test_an_exercise_has_one_name_and_four_files(course, root):
    one = course.exercises[0]
    assert (one.id, one.number, one.name, one.title) == ("01_double", "01", "double", "Double")
    assert one.lesson == root / "exercises" / "01_double.md"
    assert one.stub == root / "exercises" / "01_double.py"
    assert one.solution == root / "solutions" / "01_double.py"
    assert one.suite == root / "tests" / "hidden" / "test_01_double.py"


def test_an_exercise_knows_its_functions_steps_points_and_hints(course):
    one = course.exercises[0]
    assert one.functions == ("double", "halve")
    assert [(step.id, step.function) for step in one.steps] == [
        ("test_twice_as_much", "double"), ("test_it_is_a_float", "double"),
        ("test_back_again", "halve"),
    ]  # fmt: skip
    assert one.max_points == 6
    assert [wrong.id for wrong in one.misconceptions] == [
        "01_double.squares", "01_double.divides_by_three",
    ]  # fmt: skip
    assert {name: len(ladder) for name, ladder in one.hints.items()} == {"double": 2, "halve": 1}


def test_the_limits_are_the_exercises_own_where_it_has_some(root):
    with (root / "course.toml").open("a") as file:
        file.write("[exercise.02_scaled_sum]\nmemory_mib = 7\n")
    course = Course.open(root)
    assert [course.limits(one).memory_mib for one in course.exercises] == [1024, 7, 1024]


def test_hashes_are_those_of_the_bytes(course, root):
    one = course.exercises[0]
    for found, path in [(one.suite_hash, one.suite), (one.solution_hash, one.solution),
                        (course.hash, root / "course.toml")]:  # fmt: skip
        assert found == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name, asked",
    [
        ("lesson", "title"), ("lesson", "hints"), ("solution", "functions"), ("suite", "steps"),
        ("suite", "suite_hash"), ("solution", "fresh_stub"), ("solution", "misconceptions"),
    ],
)  # fmt: skip
def test_a_missing_file_of_a_listed_exercise_is_the_courses_fault(course, name, asked):
    one = course.exercises[0]
    path = getattr(one, name)
    path.rename(path.with_name(path.name.replace("double", "duoble")))
    with pytest.raises(CourseFault, match="is missing") as caught:
        getattr(one, asked)
    assert path.name in caught.value.message
    assert "did you mean" in caught.value.message


def test_other_exercises_do_not_suffer_from_a_missing_file(course):
    course.exercises[0].suite.unlink()
    assert course.exercises[2].max_points == 5


def test_a_file_that_is_not_utf8_is_told_with_its_line(course):
    one = course.exercises[0]
    one.lesson.write_bytes(b"# Double\n\nCaf\xe9\n")
    with pytest.raises(CourseFault, match=r"01_double\.md:3: .*0xe9"):
        one.title  # noqa: B018 - reading it is what fails


def test_an_exercise_without_functions_is_the_courses_fault(course):
    one = course.exercises[0]
    one.solution.write_text('"""Nothing yet."""\n')
    with pytest.raises(CourseFault, match="no function"):
        one.hints  # noqa: B018


def test_faults_name_the_file_as_one_would_type_it(course, root, monkeypatch):
    monkeypatch.chdir(root)
    course.exercises[0].suite.write_text("def test_x(student): student.double(1)\n")
    with pytest.raises(CourseFault, match=r"^tests/hidden/test_01_double\.py:1: "):
        course.exercises[0].steps  # noqa: B018


def test_a_path_is_shown_the_shorter_way(root, monkeypatch):
    monkeypatch.chdir(root / "exercises")
    assert shown(root / "course.toml") == os.path.join("..", "course.toml")
    assert shown(Path("/etc/x")) == "/etc/x"


# -- the reference ---------------------------------------------------------------------


def test_the_reference_has_what_it_builds_on_and_no_wrong_program(course):
    assert reference_of(course, course.exercises[1]) == SCALED_SUM_REFERENCE


def test_the_reference_of_an_exercise_alone_has_no_headings(course):
    text = reference_of(course, course.exercises[0])
    assert "# --" not in text and "squares" not in text and "_WRONG" not in text
    assert text.count("_TWO = 2.0") == 1


@pytest.mark.parametrize("number", ["01", "02", "03"])
def test_the_reference_runs_by_itself(course, number):
    names: dict[str, object] = {}
    exec(compile(reference_of(course, course.exercise(number)), "reference", "exec"), names)
    found = {"01": lambda: names["halve"](names["double"](3.0)),
             "02": lambda: names["scaled_sum"]([1.0, 2.0], 0.5),
             "03": lambda: names["Counter"](1).add(2)}  # fmt: skip
    assert found[number]() == 3.0


def test_building_on_what_is_no_exercise_is_a_fault(course):
    one = course.exercises[1]
    changed = one.solution.read_text().replace("solutions.double", "solutions.duoble")
    one.solution.write_text(changed)
    with pytest.raises(CourseFault, match="did you mean double"):
        reference_of(course, one)


def test_two_things_of_one_name_cannot_share_a_file(course):
    one = course.exercises[1]
    changed = one.solution.read_text().replace("def scaled_sum", "_TWO = 3\n\n\ndef scaled_sum")
    one.solution.write_text(changed.replace("scale * sum", "_TWO * scale * sum"))
    with pytest.raises(CourseFault, match="both define _TWO"):
        reference_of(course, one)
