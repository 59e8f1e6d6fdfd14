"""Authors get an exercise that keeps its promises from the first minute, and lose no one's work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.author import drifted, new_exercise, write_stubs
from grader.cli import main
from grader.course import Course
from grader.errors import CourseFault, UsageFault
from grader.verify import verify

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(tmp_path) -> Course:
    """A course with one exercise, copied from ours."""
    for part in (
        "exercises/03_causal_mask.md", "solutions/03_causal_mask.py",
        "tests/hidden/test_03_causal_mask.py", "tests/submissions/restyled/03_causal_mask.py",
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/submissions/right/03_*.py")),
    ):  # fmt: skip
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    text = 'title = "Small"\nexercises = [\n    "03_causal_mask"   # the only one\n]\n'
    (tmp_path / "course.toml").write_text(text, encoding="utf-8")
    return Course.open(tmp_path)


def typed(course: Course, *words: str):
    return CliRunner().invoke(main, ["--course", str(course.root), *words])


def test_a_new_exercise_keeps_every_promise(course):
    new_exercise(course, "twice_as_much")
    grown = Course.open(course.root)
    assert [exercise.id for exercise in grown.exercises] == ["03_causal_mask", "04_twice_as_much"]
    assert verify(grown, grown.exercise("04")).findings == ()


def test_new_says_what_it_wrote_and_what_to_do_next(course):
    done = typed(course, "author", "new", "halves")
    assert done.exit_code == 0
    assert "wrote solutions/04_halves.py" in done.output
    assert done.output.splitlines()[-1].endswith("author verify halves")


def test_a_comment_in_course_toml_survives_a_new_exercise(course):
    new_exercise(course, "halves")
    text = (course.root / "course.toml").read_text(encoding="utf-8")
    assert "# the only one" in text and '"04_halves",' in text


@pytest.mark.parametrize("name", ["Halves", "04_halves", "../halves", "two words", "", "a" * 300])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_written(course, name):
    before = sorted(course.root.rglob("*"))
    with pytest.raises(UsageFault):
        new_exercise(course, name)
    assert sorted(course.root.rglob("*")) == before


def test_a_name_that_is_taken_is_refused(course):
    with pytest.raises(UsageFault, match="already"):
        new_exercise(course, "causal_mask")


@pytest.mark.parametrize("file", ["solutions/04_halves.py", "exercises/04_halves.py"])
def test_a_file_that_is_in_the_way_is_not_overwritten(course, file):
    (course.root / file).write_text("mine", encoding="utf-8")
    with pytest.raises(UsageFault, match="exists already; nothing was written"):
        new_exercise(course, "halves")
    assert (course.root / file).read_text(encoding="utf-8") == "mine"
    assert not (course.root / "exercises" / "04_halves.md").exists()


def test_a_stub_is_written_once_and_then_up_to_date(course):
    (first,) = write_stubs(course.exercises)
    (second,) = write_stubs(course.exercises)
    assert not first.kept and second.kept and "up to date" in second.says


def test_a_stub_somebody_has_begun_to_fill_in_is_left_alone(course):
    list(write_stubs(course.exercises))
    stub = course.exercises[0].stub
    begun = stub.read_text(encoding="utf-8").replace(
        'raise NotImplementedError("Write causal_mask here.")', "return None"
    )
    stub.write_text(begun, encoding="utf-8")
    (written,) = write_stubs(course.exercises)
    assert written.kept and stub.read_text(encoding="utf-8") == begun
    (written,) = write_stubs(course.exercises, force=True)
    assert not written.kept and stub.read_text(encoding="utf-8") != begun


def test_a_stub_whose_signature_departs_has_drifted_and_a_filled_in_body_has_not(course):
    list(write_stubs(course.exercises))
    (exercise,) = course.exercises
    text = exercise.stub.read_text(encoding="utf-8")
    exercise.stub.write_text(text.replace("raise NotImplementedError", "return 3 or"))
    assert drifted(exercise) == ()
    assert typed(course, "author", "stub", "--check").exit_code == 0
    exercise.stub.write_text(text.replace("n_k: int | None = None", "n_k: int = 0"))
    assert drifted(exercise) != ()
    assert typed(course, "author", "stub", "--check").exit_code == 1


@pytest.fixture
def grown(course) -> Course:
    """A course with a fresh exercise, 04, to be spoilt."""
    new_exercise(course, "twice")
    return Course.open(course.root)


def spoilt(course: Course, file: str, old: str, new: str) -> set[str]:
    """What verification finds in 04 with something else in one of its files."""
    path = course.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    again = Course.open(course.root)
    return {finding.says for finding in verify(again, again.exercise("04")).findings}


@pytest.mark.slow
def test_a_second_style_that_is_the_first_one_renamed_is_found(grown):
    file = "tests/submissions/restyled/04_twice.py"
    found = spoilt(grown, file, "return torch.pow(x, 2)", "y = x * x\n    return y")
    assert found == {"its second style has a statement of the first: x * x"}


@pytest.mark.slow
def test_a_second_style_that_makes_another_mistake_is_found(grown):
    file = "tests/submissions/restyled/04_twice.py"
    found = spoilt(grown, file, "torch.pow(x, 2)", "torch.pow(x, 3)")
    assert found == {"in its second style it is not named"}


@pytest.mark.slow
def test_a_wrong_program_without_a_second_style_is_found(grown):
    file = "tests/submissions/restyled/04_twice.py"
    found = spoilt(grown, file, "def squares(", "def cubes(")
    assert found == {
        "04_twice.py has it in no second style",
        "04_twice.py restyles what is no wrong program",
    }


@pytest.mark.slow
def test_a_right_program_that_does_not_pass_is_found(grown):
    found = spoilt(grown, "tests/submissions/right/04_sum.py", "x + x", "x + x + x")
    assert found == {"it is right, and test_doubles_every_entry fails it"}


@pytest.mark.slow
def test_a_twin_that_nobody_declared_is_found_and_a_declared_one_is_named_with_the_other(grown):
    twin = """

@misconception(twice)
def multiplies_by_itself(x: Tensor) -> Tensor:
    \"\"\"Your function takes the second power.

    What is twice 3?

    A power is no multiple.
    \"\"\"
    return x**2
"""
    solution = "solutions/04_twice.py"
    restyled = grown.root / "tests/submissions/restyled/04_twice.py"
    text = restyled.read_text(encoding="utf-8")
    restyled.write_text(
        f"{text}\n\ndef multiplies_by_itself(x):\n    return torch.square(x)\n", encoding="utf-8"
    )
    end = "    return result\n"
    found = spoilt(grown, solution, end, end + twin)
    assert "behaves as squares does" in found
    mark = "@misconception(twice)\ndef multiplies"
    declared = mark.replace("(twice)", '(twice, alike="squares: x² is x·x")')
    assert spoilt(grown, solution, mark, declared) == set()
    figures = verify(Course.open(grown.root), Course.open(grown.root).exercise("04"))
    assert (figures.wrong, figures.pairs, figures.restyled) == (3, 1, 3)
    wrong = declared.replace("squares", "doubles_only_the_first_entry")
    assert "is declared to be like doubles_only_the_first_entry, and is not" in spoilt(
        grown, solution, declared, wrong
    )


@pytest.mark.parametrize("says", ['alike="cubes: no"', 'alike="squares"', "alike=3", "like=1"])
def test_a_pair_must_name_one_above_and_give_a_reason(grown, says):
    solution = grown.root / "solutions" / "04_twice.py"
    text = solution.read_text(encoding="utf-8")
    mark = "@misconception(twice)\ndef doubles"
    solution.write_text(text.replace(mark, mark.replace("(twice)", f"(twice, {says})")))
    with pytest.raises(CourseFault, match="like"):
        Course.open(grown.root).exercise("04").misconceptions  # noqa: B018


@pytest.mark.slow
def test_a_draft_is_reported_on_without_failing(grown):
    (grown.root / "tests/submissions/right/04_sum.py").unlink()
    strict, draft = (typed(grown, "author", "verify", "04", *more) for more in ((), ("--draft",)))
    assert strict.exit_code == 3 and draft.exit_code == 0
    assert "2 right programs in other styles; there should be 3" in draft.output


@pytest.mark.slow
def test_nothing_is_written_of_what_is_not_proven(grown):
    (grown.root / "tests/submissions/right/04_sum.py").unlink()
    config = grown.root / "course.toml"
    text = config.read_text(encoding="utf-8").replace('    "03_causal_mask"', "    ")
    config.write_text(text.replace(",", "", 1), encoding="utf-8")
    done = typed(Course.open(grown.root), "author", "verify", "--write", "--draft")
    assert done.exit_code == 0 and "wrote" not in done.output
    assert not (grown.root / "docs" / "figures.md").exists()


@pytest.mark.slow
def test_the_table_is_written_for_the_whole_course_only(grown, monkeypatch):
    assert typed(grown, "author", "verify", "04", "--write").exit_code == 2
    config = grown.root / "course.toml"
    text = config.read_text(encoding="utf-8").replace('    "03_causal_mask"', "    ")
    config.write_text(text.replace(",", "", 1), encoding="utf-8")
    done = typed(Course.open(grown.root), "author", "verify", "--write")
    page = (grown.root / "docs" / "figures.md").read_text(encoding="utf-8")
    assert done.exit_code == 0 and "wrote docs/figures.md" in done.output
    assert "| 04_twice | 1 | 1 | 2 | 2 | 2 | 2 | 0 | 2 | 0 | 0 | 3 |" in page
    assert "| **all** | 1 | 1 |" in page


@pytest.mark.slow
def test_verify_prints_figures_and_exits_with_3_for_a_broken_promise(grown):
    done = typed(grown, "author", "verify", "04")
    assert done.exit_code == 0 and "every promise is kept" in done.output
    assert "misnamed" in done.output.splitlines()[0]
    lesson = grown.exercise("04").lesson
    text = lesson.read_text(encoding="utf-8").replace("## Hints", "word " * 600 + "\n\n## Hints")
    lesson.write_text(text, encoding="utf-8")
    done = typed(grown, "author", "verify", "04")
    assert done.exit_code == 3 and "at most 600" in done.output
