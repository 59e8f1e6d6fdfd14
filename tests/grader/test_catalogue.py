"""Every mistake that can be named has one entry on one page, and `explain` finds it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.catalogue import PAGE, Entry, entry_of, page, reasons, sections
from grader.cli import main
from grader.course import Course
from grader.errors import CourseFault, UsageFault

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.open(ROOT)
SCALE = Entry(
    id="02_scores.forgets_to_scale",
    chapter="02 · Scores",
    function="scaled_scores",
    does="Nothing divides your scores.",
    why="They grow with the width.",
    shown_by=("Scores keep to unit size", "2 more"),
    look_at="What are they divided by?",
)
TWIN = Entry(
    id="02_scores.adds_one",
    chapter="02 · Scores",
    function="scaled_scores",
    does="You add 1 to every score.",
    why="",
    shown_by=("Scores are right",),
    look_at="Does a shift change weights?",
    note="`02_scores.adds_two`: a shift changes nothing",
)
MEASURED = Entry("probes.scale", "Measured", "", "A wrong scale.", "", ("Fitted.",), "Which size?")


@pytest.fixture
def small(tmp_path: Path) -> Course:
    """A course with a page of three entries."""
    (tmp_path / "course.toml").write_text('exercises = ["02_scores"]\n', encoding="utf-8")
    (tmp_path / PAGE).parent.mkdir()
    (tmp_path / PAGE).write_text(page([SCALE, TWIN, MEASURED]), encoding="utf-8")
    return Course.open(tmp_path)


def typed(course: Course, *words: str):
    return CliRunner().invoke(main, ["--course", str(course.root), *words])


def test_the_page_says_of_each_what_it_does_why_what_shows_it_and_what_to_look_at():
    text = page([SCALE, TWIN, MEASURED])
    assert "## 02 · Scores\n\n### `scaled_scores`\n\n#### 02_scores.forgets_to_scale\n" in text
    assert (
        "Nothing divides your scores.\n\n"
        "- **Why it is wrong:** They grow with the width.\n"
        "- **What shows it:** Scores keep to unit size · 2 more\n"
        "- **What to look at:** What are they divided by?\n"
    ) in text
    assert "- **Told with:** `02_scores.adds_two`: a shift changes nothing\n" in text
    assert text.count("### `scaled_scores`") == 1 and text.count("## 02 · Scores") == 1


def test_an_entry_is_found_by_its_id_or_by_what_stands_behind_the_dot(small):
    assert entry_of(small, "02_scores.adds_one")[0] == "02_scores.adds_one"
    assert entry_of(small, "Adds_One")[0] == "02_scores.adds_one"
    assert entry_of(small, "02.adds_one")[0] == "02_scores.adds_one"
    assert entry_of(small, "[02.adds_one]")[0] == "02_scores.adds_one"  # as a report has it
    assert entry_of(small, "`probes.scale`")[1].startswith("A wrong scale.")
    assert "## Measured" not in entry_of(small, "adds_one")[1]


def test_an_unknown_mistake_is_refused_with_the_nearest(small):
    with pytest.raises(UsageFault, match="did you mean forgets_to_scale"):
        entry_of(small, "forget_to_scale")
    with pytest.raises(UsageFault, match="in brackets"):
        entry_of(small, "xyz")


def test_two_of_one_name_are_both_told(small):
    twice = [SCALE, Entry(**vars(SCALE) | {"id": "03_more.forgets_to_scale"})]
    (small.root / PAGE).write_text(page(twice), encoding="utf-8")
    with pytest.raises(UsageFault, match=r"02_scores\.forgets.*03_more\.forgets"):
        entry_of(small, "forgets_to_scale")


def test_of_two_of_one_name_the_number_tells_which(small):
    twice = [SCALE, Entry(**vars(SCALE) | {"id": "03_more.forgets_to_scale"})]
    (small.root / PAGE).write_text(page(twice), encoding="utf-8")
    assert entry_of(small, "03.forgets_to_scale")[0] == "03_more.forgets_to_scale"


def test_the_reasons_of_a_mistake_are_what_it_does_and_why_that_is_wrong(small):
    told = ("Nothing divides your scores.", "They grow with the width.")
    assert reasons(small, "02_scores.forgets_to_scale") == told
    for without in ("02_scores.adds_one", "probes.scale", "02_scores.unknown", ""):
        assert reasons(small, without) == ("", "")
    (small.root / PAGE).unlink()
    assert reasons(small, "02_scores.forgets_to_scale") == ("", "")


def test_a_course_without_the_page_says_how_to_get_it(small):
    (small.root / PAGE).unlink()
    with pytest.raises(CourseFault, match="author catalogue"):
        sections(small)


def test_explain_prints_one_entry_that_fits_a_terminal(small):
    done = typed(small, "explain", "forgets_to_scale")
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "02_scores.forgets_to_scale"
    assert "Why it is wrong: They grow with the width." in done.output
    assert "**" not in done.output and "#" not in done.output
    assert max(map(len, done.output.splitlines())) <= 80
    assert typed(small, "explain", "nothing_like_it").exit_code == 2


def test_every_mistake_of_the_course_and_every_probe_has_its_entry():
    ids = {wrong.id for exercise in COURSE.exercises for wrong in exercise.misconceptions}
    probes = {
        "chance",
        "plan",
        "scale",
        "visibility",
        "influence",
        "cut_thread",
        "rotation",
        "magnitude",
    }
    assert set(sections(COURSE)) == ids | {f"probes.{name}" for name in probes}


def test_what_is_told_of_each_is_what_stands_in_the_solutions():
    found = sections(COURSE)
    for exercise in COURSE.exercises:
        for wrong in exercise.misconceptions:
            assert found[wrong.id].startswith(f"{wrong.says}\n")
            assert f"- **Why it is wrong:** {wrong.why}\n" in found[wrong.id] + "\n"
            assert f"- **What to look at:** {wrong.question}\n" in found[wrong.id] + "\n"


@pytest.mark.slow
def test_the_page_is_not_stale_and_the_command_would_say_so(tmp_path):
    assert typed(COURSE, "author", "catalogue", "--check").exit_code == 0
    for part in ("exercises", "solutions", "tests/hidden"):
        for path in (ROOT / part).glob("*03_causal_mask*"):
            (tmp_path / part).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / part)
    (tmp_path / "course.toml").write_text('exercises = ["03_causal_mask"]\n', encoding="utf-8")
    small = Course.open(tmp_path)
    assert typed(small, "author", "catalogue", "--check").exit_code == 1
    assert typed(small, "author", "catalogue").exit_code == 0
    assert typed(small, "author", "catalogue", "--check").exit_code == 0
    solution = tmp_path / "solutions" / "03_causal_mask.py"
    text = solution.read_text(encoding="utf-8").replace("Which query is the newest", "Who is")
    assert text != solution.read_text(encoding="utf-8")
    solution.write_text(text, encoding="utf-8")
    assert typed(small, "author", "catalogue", "--check").exit_code == 1


def test_a_class_is_found_by_its_name_however_it_is_spelt(small):
    of_a_class = replace(SCALE, id="02_scores.KeepsAll")
    (small.root / PAGE).write_text(page([TWIN, of_a_class]), encoding="utf-8")
    for wanted in ("02.KeepsAll", "[02_scores.KeepsAll]", "keepsall"):
        assert entry_of(small, wanted)[0] == "02_scores.KeepsAll"
