"""The learner's commands: list, lesson, hint, reset and solution."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from grader import progress
from grader.catalogue import PAGE, Entry, page
from grader.cli import hints, learn
from grader.course import Course
from grader.progress import Reached
from grader.reference import reference_of

from .tiny_course import lay_out

HOMEWORK = '\n[policy]\nfeedback = "homework"\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ATTN_GRADE_COURSE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    root = lay_out(tmp_path / "course")
    monkeypatch.chdir(root)
    return root


def run(*args: str, folder: Path | None = None) -> Result:
    result = CliRunner().invoke(
        click.Group(commands=[*learn.COMMANDS, *hints.COMMANDS]), args, obj=folder
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*args: str, folder: Path | None = None) -> str:
    """What a command that succeeds prints."""
    result = run(*args, folder=folder)
    assert result.exit_code == 0, result.output
    return result.output


def reach(root: Path, number: str, **what: object) -> None:
    """Pretend that the learner has reached something."""
    course = Course.open(root)
    one = course.exercise(number)
    progress.change(course, one, lambda was: Reached(**({"suite": one.suite_hash} | what)))


def passes(root: Path, number: str) -> None:
    one = Course.open(root).exercise(number)
    reach(root, number, best=one.max_points, passed_with=one.suite_hash, right=one.functions)


# -- list ------------------------------------------------------------------------------


def test_the_list_shows_every_exercise_and_what_to_type_first(root):
    assert told("list") == (
        "Small sums\n\n"
        "> 01  Double      0/6  not started\n"
        "  02  Scaled sum  0/4  not started\n"
        "  03  Counter     0/5  not started\n"
        "\nNext: attn-grade lesson 01\n"
    )


def test_the_list_shows_scores_and_marks_the_next_exercise(root):
    passes(root, "01")
    told("reset", "02")
    reach(root, "02", best=3)
    assert told("list") == (
        "Small sums\n\n"
        "  01  Double      6/6  passed\n"
        "> 02  Scaled sum  3/4  begun\n"
        "  03  Counter     0/5  not started\n"
        "\nNext: attn-grade check 02\n"
    )


def test_where_a_file_is_missing_the_list_offers_a_fresh_one(root):
    told("reset", "01")
    reach(root, "01", best=3)
    (root / "exercises" / "01_double.py").unlink()
    assert told("list").endswith(
        "\n\nexercises/01_double.py is missing.\nNext: attn-grade reset 01\n"
    )


def test_a_changed_suite_shows_in_the_list(root):
    told("reset", "01")
    for number in ("01", "02", "03"):
        passes(root, number)
    reach(root, "01", best=6, max_score=7, suite="old", passed_with="old")
    output = told("list")
    assert "> 01  Double      6/7  passed with an older version\n" in output
    assert output.endswith("Next: attn-grade check 01\n")


def test_a_solution_seen_before_passing_shows_in_the_list(root):
    reach(root, "01", suite="", gave_up=True)
    assert "0/6  not started, solution seen\n" in told("list")
    passes(root, "01")
    assert "6/6  passed\n" in told("list")


def test_when_all_is_passed_the_list_says_so(root):
    for number in ("01", "02", "03"):
        passes(root, number)
    assert told("list").endswith(
        "All exercises are passed. Compare with ours: attn-grade solution 03\n"
    )
    with (root / "course.toml").open("a") as file:
        file.write(HOMEWORK)
    assert told("list").endswith("All exercises are passed.\n")


def test_an_empty_course_has_an_empty_list(root):
    (root / "course.toml").write_text('title = "New"\nexercises = []\n')
    assert told("list").startswith("New\n")


def test_a_course_elsewhere_is_named_in_every_command_to_type(root, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    spaced = root.rename(tmp_path / "my course")
    line = told("list", folder=spaced).splitlines()[-1]
    assert line == f"Next: attn-grade --course '{spaced}' lesson 01"


def test_damaged_progress_is_noted_on_stderr_and_the_list_still_comes(root):
    (root / ".attn-grade").mkdir()
    (root / ".attn-grade" / "progress.json").write_text("damage")
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.startswith("Small sums\n")
    assert result.stderr.count("\n") == 1 and "damaged-1" in result.stderr


# -- lesson ----------------------------------------------------------------------------


def test_a_lesson_is_its_text_and_the_next_command(root):
    assert told("lesson", "1") == (
        "01 · Double\n\n"
        "What is twice 21? Say it before you read on.\n\n"
        "## The formula\n\n    2 · x\n\nTwo is *two*.\n\n"
        "Your file: exercises/01_double.py\nNext: attn-grade check 01\n"
    )


def test_a_malformed_lesson_is_the_courses_fault(root):
    (root / "exercises" / "01_double.md").write_text("Double\n")
    result = run("lesson", "01")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: exercises/01_double.md:1: ")


# -- hint ------------------------------------------------------------------------------


def test_each_call_gives_one_hint_more_and_the_ladder_ends(root):
    first, second, third, fourth = (told("hint", "01", "double") for _ in range(4))
    assert first == (
        "double · hint 1 of 2\n\nLook at the formula. It is short.\n\n"
        "Next: attn-grade check 01\nOne more hint: attn-grade hint 01 double\n"
    )
    assert second == (
        "double · hint 2 of 2\n\nWhich operator multiplies?\n\n    x ? 2\n\nThat one.\n\n"
        "That was the last hint. Next: attn-grade check 01\n"
    )
    assert third == fourth
    assert third.startswith("There are no more hints for double. Once more, from the first:\n")
    assert "1. Look at the formula." in third and "2. Which operator" in third
    assert third.endswith(
        "Next: attn-grade lesson 01\nOr one right way: attn-grade solution 01 --give-up\n"
    )


def test_in_homework_the_end_of_the_ladder_does_not_offer_the_solution(root):
    with (root / "course.toml").open("a") as file:
        file.write(HOMEWORK)
    output = [told("hint", "03") for _ in range(2)][-1]
    assert "no more hints" in output and "solution" not in output


def test_reset_starts_the_ladder_again(root):
    for _ in range(3):
        told("hint", "01", "double")
    told("hint", "01", "halve")
    assert "double · hint 1 of 2" in told("hint", "01", "double", "--reset")
    assert "double · hint 2 of 2" in told("hint", "01", "double")
    assert "no more hints for halve" in told("hint", "01", "halve")
    assert "double · hint 1 of 2" in told("hint", "01", "--reset")
    assert "halve · hint 1 of 1" in told("hint", "01", "halve")


def test_without_a_function_the_hint_is_for_the_first_not_right_yet(root):
    assert told("hint", "01").startswith("double · hint 1 of 2\n")
    reach(root, "01", right=("double",))
    assert told("hint", "01").startswith("halve · hint 1 of 1\n")


def test_where_everything_is_right_no_hint_is_spent(root):
    passes(root, "01")
    output = told("hint", "01")
    assert output == (
        "All functions of 01 · Double are right.\n"
        "To read the hints again: attn-grade hint 01 double\n"
    )
    assert told("hint", "01", "double").startswith("double · hint 1 of 2\n")
    assert told("hint", "01", "--reset").startswith("double · hint 1 of 2\n")


def test_a_hint_begins_with_why_the_mistake_that_the_last_check_named_is_one(root):
    squares = Entry("01_double.squares", "01", "double", "You squared.", "It grows.", ("x",), "y?")
    (root / PAGE).parent.mkdir()
    (root / PAGE).write_text(page([squares]), encoding="utf-8")
    reach(root, "01", told={"double": "01_double.squares", "halve": "01_double.gone"})
    assert told("hint", "01", "double").startswith(
        "Your last check named this: You squared.\n\nIt grows.\n\ndouble · hint 1 of 2\n"
    )
    assert told("hint", "01", "halve").startswith("halve · hint 1 of 1\n")
    (root / PAGE).unlink()
    assert told("hint", "01", "double").startswith("double · hint 2 of 2\n")


def test_a_fresh_stub_has_no_mistake_any_more(root):
    reach(root, "01", told={"double": "01_double.squares"})
    told("reset", "01")
    assert progress.load(Course.open(root)).of(Course.open(root).exercise("01")).told == {}


def test_an_unknown_function_is_answered_with_the_nearest_and_with_all(root):
    result = run("hint", "01", "duoble")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: 01_double has no function 'duoble'; did you mean double? It has double, halve\n"
    )


def test_a_ladder_cut_short_since_is_no_crash(root):
    reach(root, "01", hints={"double": 9, "gone": 2})
    assert "no more hints for double" in told("hint", "01", "double")


def test_hints_work_where_nothing_can_be_saved_with_one_note(root):
    (root / ".attn-grade").write_text("in the way")
    for _ in range(2):
        result = run("hint", "01", "double")
        assert result.exit_code == 0
        assert result.stdout.startswith("double · hint 1 of 2\n")
        assert result.stderr.startswith("Note: ") and result.stderr.count("\n") == 1


def test_a_long_hint_is_wrapped_to_the_screen(root, monkeypatch):
    lesson = root / "exercises" / "03_counter.md"
    lesson.write_text(lesson.read_text().replace("Keep the count", "Keep the count " * 20))
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, told("hint", "03").splitlines()[:-3])) <= 40
    monkeypatch.setenv("COLUMNS", "200")
    assert 70 < max(map(len, told("hint", "03", "--reset").splitlines()[:-3])) <= 80


def test_hints_listed_again_hang_below_their_numbers(root, monkeypatch):
    lesson = root / "exercises" / "01_double.md"
    long = "Look at it once more. " * 10
    lesson.write_text(lesson.read_text().replace("Look at the formula.", long))
    monkeypatch.setenv("COLUMNS", "200")
    lines = [told("hint", "01", "double") for _ in range(3)][-1].splitlines()
    assert 70 < max(map(len, lines)) <= 80
    assert lines[2].startswith("1. Look at it once more. Look")
    assert all(line.startswith("   ") for line in lines[3 : lines.index("", 2)])
    second = lines.index("2. Which operator multiplies?")
    assert lines[second:][1:5] == ["", "       x ? 2", "", "   That one."]


# -- reset -----------------------------------------------------------------------------


def test_reset_writes_a_stub_where_there_is_none(root):
    output = told("reset", "01")
    assert output == "A fresh stub lies in exercises/01_double.py\n\nNext: attn-grade lesson 01\n"
    stub = (root / "exercises" / "01_double.py").read_text(encoding="utf-8")
    assert stub == Course.open(root).exercises[0].fresh_stub


def test_reset_of_a_fresh_stub_does_nothing(root):
    told("reset", "01")
    before = sorted(os.listdir(root / "exercises"))
    assert "there is nothing to do" in told("reset", "01")
    assert sorted(os.listdir(root / "exercises")) == before


def test_reset_keeps_what_was_written_and_says_where(root):
    stub = root / "exercises" / "01_double.py"
    for number, text in enumerate(["one", "two"], 1):
        stub.write_text(text)
        assert f"Your file is kept as exercises/01_double.kept-{number}.py\n" in told("reset", "01")
        assert (root / "exercises" / f"01_double.kept-{number}.py").read_text() == text


def test_after_reset_hints_begin_with_the_first_function_again(root):
    reach(root, "01", right=("double", "halve"))
    told("reset", "01")
    (root / "exercises" / "01_double.py").write_text("mine")
    told("reset", "01")
    assert "double · hint 1 of 2" in told("hint", "01")


def test_a_stub_that_cannot_be_restored_is_one_clear_line(root):
    (root / "exercises" / "01_double.py").mkdir()
    result = run("reset", "01")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "cannot be made afresh" in result.stderr


# -- solution --------------------------------------------------------------------------


def test_before_passing_the_solution_stays_shut_and_says_what_to_do(root):
    result = run("solution", "01")
    assert result.exit_code == 1
    assert "def double" not in result.output
    assert "attn-grade hint 01\n" in result.output
    assert "attn-grade solution 01 --give-up\n" in result.output
    assert "not started\n" in told("list")


def test_after_passing_the_solution_opens_with_no_wrong_program_in_it(root):
    passes(root, "01")
    output = told("solution", "01")
    assert output == reference_of(Course.open(root), Course.open(root).exercises[0])
    assert "misconception" not in output and "squares" not in output


def test_an_older_pass_opens_it_too(root):
    reach(root, "01", passed_with="older")
    assert "def double" in told("solution", "01")


def test_giving_up_opens_it_and_is_remembered(root):
    assert "def double" in told("solution", "01", "--give-up")
    assert "solution seen" in told("list")
    assert "def double" in told("solution", "01")


def test_looking_after_passing_is_no_giving_up(root):
    passes(root, "01")
    told("solution", "01", "--give-up")
    course = Course.open(root)
    assert not progress.load(course).of(course.exercises[0]).gave_up


def test_in_homework_the_solution_stays_shut_whatever_one_types(root):
    passes(root, "01")
    with (root / "course.toml").open("a") as file:
        file.write(HOMEWORK)
    for more in ([], ["--give-up"]):
        result = run("solution", "01", *more)
        assert result.exit_code == 2
        assert "homework" in result.stderr and "def double" not in result.output


# -- all of them -----------------------------------------------------------------------

WITH_EXERCISE = ("lesson", "hint", "reset", "solution")


@pytest.mark.parametrize("command", WITH_EXERCISE)
@pytest.mark.parametrize("text", ["duoble", "9", "", "../../etc/passwd", "\x1b[2J"])
def test_a_mistyped_exercise_is_told_in_two_clear_lines(root, command, text):
    result = run(command, "--", text)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: there is no exercise ")
    assert len(result.stderr.splitlines()) == 2
    assert all(len(line) <= 80 and line.isprintable() for line in result.stderr.splitlines())


@pytest.mark.parametrize("command", ["list", *WITH_EXERCISE])
def test_without_a_course_every_command_says_so(root, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    result = run(command, *([] if command == "list" else ["01"]))
    assert result.exit_code == 2
    assert "there is no course" in result.stderr


@pytest.mark.parametrize("command", ["list", *WITH_EXERCISE])
def test_a_mistake_in_the_course_file_ends_every_command_with_its_line(root, command):
    (root / "course.toml").write_text("exercises = [\n")
    result = run(command, *([] if command == "list" else ["01"]))
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: course.toml:1: ")


# -- in a process of their own ---------------------------------------------------------

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*3[0-7](?:;[0-9]+)*m")
COMMAND = [sys.executable, "-c", "from grader.cli import main; main(prog_name='attn-grade')"]


@pytest.fixture
def environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in os.environ if name not in ("NO_COLOR", "TERM")}
    package = str(Path(__file__).resolve().parents[2])
    return kept | {"TERM": "xterm-256color", "COLUMNS": "120", "PYTHONPATH": package}


def on_a_terminal(root: Path, environment: dict[str, str], *args: str) -> str:
    """What a command shows where stdout is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *args], cwd=root, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := piece_of(ours):
            shown += piece
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode("utf-8").replace("\r\n", "\n")


def piece_of(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when nobody writes there any more
        return b""


def test_on_a_terminal_the_list_is_a_coloured_table_with_the_same_words(root, environment):
    passes(root, "01")
    shown = on_a_terminal(root, environment, "list")
    assert COLOUR.search(shown)
    words = ESCAPE.sub("", shown).split()
    assert words == told("list").split()


def test_no_color_is_respected(root, environment):
    passes(root, "01")
    for args in (["list"], ["lesson", "01"], ["solution", "01"]):
        assert not COLOUR.search(on_a_terminal(root, environment | {"NO_COLOR": "1"}, *args))


def test_on_a_terminal_a_lesson_is_set_at_most_80_wide(root, environment):
    lesson = root / "exercises" / "01_double.md"
    lesson.write_text(lesson.read_text().replace("What is", "What is it, " * 30))
    shown = on_a_terminal(root, environment, "lesson", "01")
    lines = ESCAPE.sub("", shown).split("\n")
    assert 70 < max(len(line) for line in lines) <= 80
    assert "01 · Double" in lines[0] and "*two*" not in shown
    assert lines[-2] == "Next: attn-grade check 01"


def test_on_a_terminal_a_solution_is_coloured_and_otherwise_the_same(root, environment):
    passes(root, "01")
    solution = root / "solutions" / "01_double.py"
    solution.write_text(solution.read_text().replace("Half the", "Half the very " + "same " * 20))
    shown = on_a_terminal(root, environment, "solution", "01")
    assert COLOUR.search(shown)
    assert ESCAPE.sub("", shown) == told("solution", "01")


def test_where_signs_cannot_be_written_they_are_spelt(root, environment):
    done = subprocess.run(
        [*COMMAND, "lesson", "01"], cwd=root, env=environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.decode("ascii").startswith("01 - Double\n")


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["list"],
        ["lesson", "01"],
        ["hint", "01"],
        ["reset", "01"],
        ["solution", "01", "--give-up"],
    ],
    ids=lambda args: args[0],
)
def test_reading_commands_import_neither_torch_nor_numpy_nor_pytest(root, environment, args):
    code = (
        "import sys; from grader.cli import main\n"
        f"main({args!r}, standalone_mode=False)\n"
        "heavy = [name for name in ('torch', 'numpy', 'pytest', 'rich') if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
