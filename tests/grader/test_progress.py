"""What a learner has reached is kept, and nothing that befalls the file stops a command."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from grader import progress
from grader.course import Course, Exercise
from grader.model import (
    Environment,
    Feedback,
    Hashes,
    Misconception,
    Report,
    StepResult,
    Verdict,
)
from grader.progress import Reached, Standing, change, following, load, record, stuck_at, with_hints

from .tiny_course import lay_out

P, F, N, E = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_STARTED, Verdict.GRADER_ERROR


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course.open(lay_out(tmp_path / "course"))


@pytest.fixture
def double(course: Course) -> Exercise:
    return course.exercises[0]


def file_of(course: Course) -> Path:
    return course.root / ".attn-grade" / "progress.json"


def report(exercise: Exercise, *verdicts: Verdict, suite: str = "") -> Report:
    steps = tuple(
        StepResult(step, verdict, step.points if verdict is P else 0)
        for step, verdict in zip(exercise.steps, verdicts, strict=True)
    )
    return Report(
        exercise=exercise.id, title=exercise.title, path="x.py", sha256="0" * 64, seed=1,
        feedback=Feedback.PRACTICE, steps=steps,
        hashes=Hashes(suite or exercise.suite_hash, "s", "c"),
        environment=Environment("g", "p", "t", "cpu", "none"), seconds=0.1,
    )  # fmt: skip


# -- attempts --------------------------------------------------------------------------


def test_before_anything_nothing_is_reached(course, double):
    kept = load(course)
    assert kept.of(double) == Reached() and kept.notes == ()
    assert kept.of(double).standing(double.suite_hash) is Standing.NOT_TRIED
    assert not file_of(course).parent.exists()


def test_an_attempt_is_kept_from_one_command_to_the_next(course, double):
    assert record(course, report(double, P, F, P)) == ()
    reached = load(course).of(double)
    assert (reached.best, reached.last, reached.max_score) == (5, 5, 6)
    assert reached.right == ("halve",)
    assert reached.standing(double.suite_hash) is Standing.TRIED


def test_the_best_and_the_last_score_are_both_kept(course, double):
    record(course, report(double, P, F, P))
    record(course, report(double, P, F, F))
    reached = load(course).of(double)
    assert (reached.best, reached.last) == (5, 2)


def test_what_was_passed_once_stays_passed(course, double):
    record(course, report(double, P, P, P))
    record(course, report(double, F, F, F))
    assert load(course).of(double).standing(double.suite_hash) is Standing.PASSED


def test_another_suite_makes_a_pass_one_of_an_older_version(course, double):
    record(course, report(double, P, P, P))
    double.suite.write_text(double.suite.read_text() + "\n# changed\n")
    fresh = Course.open(course.root).exercises[0]
    assert load(course).of(fresh).standing(fresh.suite_hash) is Standing.PASSED_OLDER
    record(course, report(fresh, F, F, F))
    assert load(course).of(fresh).standing(fresh.suite_hash) is Standing.PASSED_OLDER
    record(course, report(fresh, P, P, P))
    assert load(course).of(fresh).standing(fresh.suite_hash) is Standing.PASSED


def test_a_best_score_of_another_suite_is_not_compared(course, double):
    record(course, report(double, P, P, F, suite="older"))
    record(course, report(double, P, F, F))
    reached = load(course).of(double)
    assert (reached.best, reached.suite) == (2, double.suite_hash)


def test_an_untouched_stub_is_no_attempt(course, double):
    assert record(course, report(double, N, N, N)) == ()
    assert load(course).of(double) == Reached()


def test_what_the_grader_broke_off_is_no_attempt(course, double):
    record(course, report(double, P, E, P))
    assert load(course).of(double) == Reached()


def test_exercises_do_not_disturb_each_other(course, double):
    record(course, report(double, P, P, P))
    record(course, report(course.exercises[2], F))
    kept = load(course)
    assert kept.of(double).best == 6
    assert kept.of(course.exercises[2]).suite and kept.of(course.exercises[1]) == Reached()


def test_hints_and_giving_up_are_kept_beside_the_scores(course, double):
    record(course, report(double, P, F, P))
    change(course, double, lambda was: with_hints(was, {"double": 2}))
    change(course, double, lambda was: with_hints(was, {"halve": 1}))
    change(course, double, lambda was: replace(was, gave_up=True))
    record(course, report(double, P, P, P))
    reached = load(course).of(double)
    assert reached.hints == {"double": 2, "halve": 1}
    assert reached.gave_up and reached.best == 6


def test_the_mistake_that_was_named_is_kept_until_the_next_attempt(course, double):
    first, *others = report(double, F, F, P).steps
    one, two = (Misconception(f"01_double.{name}", "double", "You err.") for name in ("a", "b"))
    for named, kept in [
        (((one,),), {"double": one.id}),
        (((one,), (two,)), {}),
        (((one, two),), {}),
    ]:
        steps = (replace(first, diagnoses=named), *others)
        record(course, replace(report(double, F, F, P), steps=steps))
        assert load(course).of(double).told == kept


# -- what comes next -------------------------------------------------------------------


def test_the_next_exercise_is_the_first_not_passed(course, double):
    assert following(course, load(course)) == double
    record(course, report(double, P, P, P))
    assert following(course, load(course)) == course.exercises[1]
    record(course, report(course.exercises[2], P))
    assert following(course, load(course)) == course.exercises[1]
    record(course, report(course.exercises[1], P))
    assert following(course, load(course)) is None


def test_what_was_passed_with_an_older_version_comes_last(course, double):
    record(course, report(double, P, P, P, suite="older"))
    record(course, report(course.exercises[1], P))
    assert following(course, load(course)) == course.exercises[2]
    record(course, report(course.exercises[2], P))
    assert following(course, load(course)) == double


def test_a_hint_is_for_the_first_function_not_got_right(course, double):
    record(course, report(double, F, F, P))
    assert stuck_at(double, load(course).of(double)) == "double"
    record(course, report(double, P, P, F))
    assert stuck_at(double, load(course).of(double)) == "halve"
    record(course, report(double, P, P, P))
    assert stuck_at(double, load(course).of(double)) is None


def test_before_an_attempt_a_hint_is_for_the_first_function_not_begun(double):
    assert stuck_at(double, Reached()) == "double"  # there is no file yet
    double.stub.write_text(double.fresh_stub)
    assert stuck_at(double, Reached()) == "double"
    written = 'raise NotImplementedError("Write double here.")'
    double.stub.write_text(double.fresh_stub.replace(written, "return 2 * x"))
    assert stuck_at(double, Reached()) == "halve"
    double.stub.write_bytes(b"\xff not Python (")
    assert stuck_at(double, Reached()) == "double"


# -- the file --------------------------------------------------------------------------

GOOD = {"best": 1, "last": 1, "max_score": 6, "suite": "s", "hints": {"double": 1}}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"{", b"[]", b"null", b"[" * 100000, b'{"schema": 1}',
        b'{"schema": 2, "exercises": {}}', b'{"schema": 1, "exercises": []}',
        b'{"schema": 1, "exercises": {"01_double": 3}}',
        *(
            json.dumps({"schema": 1, "exercises": {"01_double": GOOD | wrong}}).encode()
            for wrong in (
                {"best": -1}, {"best": "1"}, {"best": True}, {"best": 1.5}, {"best": 10**9},
                {"best": None}, {"suite": 3}, {"gave_up": 1}, {"hints": {"double": "x"}},
                {"hints": {"double": -1}}, {"hints": []}, {"right": "double"}, {"right": [1]},
                {"told": {"double": 1}}, {"told": []}, {"told": {"double": ["x"]}},
            )
        ),
        b'{"schema": 1, "exercises": {"01_double": {"best": ' + b"9" * 5000 + b"}}}",
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_put_aside_with_a_note(course, double, data):
    file_of(course).parent.mkdir()
    file_of(course).write_bytes(data)
    kept = load(course)
    assert kept.of(double) == Reached()
    (note,) = kept.notes
    assert "progress.damaged-1.json" in note
    assert (file_of(course).parent / "progress.damaged-1.json").read_bytes() == data
    assert load(course).notes == ()


def test_an_earlier_damaged_file_is_not_overwritten(course):
    file_of(course).parent.mkdir()
    for text in ("first", "second"):
        file_of(course).write_text(text)
        load(course)
    names = sorted(file.name for file in file_of(course).parent.iterdir())
    assert names == ["progress.damaged-1.json", "progress.damaged-2.json"]


def test_a_change_after_damage_starts_anew_and_tells(course, double):
    file_of(course).parent.mkdir()
    file_of(course).write_text("damage")
    (note,) = record(course, report(double, P, P, P))
    assert "begins anew" in note
    assert load(course).of(double).best == 6


def test_exercises_the_course_no_longer_lists_are_kept(course, double):
    file_of(course).parent.mkdir()
    file_of(course).write_text(json.dumps({"schema": 1, "exercises": {"99_gone": GOOD}}))
    record(course, report(double, P, P, P))
    assert load(course).exercises["99_gone"].hints == {"double": 1}


def test_fields_of_a_newer_program_do_no_harm(course, double):
    file_of(course).parent.mkdir()
    entry = GOOD | {"mood": "sunny"}
    file_of(course).write_text(json.dumps({"schema": 1, "exercises": {"01_double": entry}}))
    assert load(course).of(double).best == 1


def test_the_file_is_replaced_in_one_move_and_nothing_else_is_left(course, double, monkeypatch):
    record(course, report(double, P, F, F))
    moved = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(Path(b)), real(a, b)))
    record(course, report(double, P, P, P))
    assert moved == [file_of(course)]
    assert [file.name for file in file_of(course).parent.iterdir()] == ["progress.json"]


def test_where_nothing_can_be_saved_there_is_one_note_and_no_error(course, double):
    (course.root / ".attn-grade").write_text("a file in the way")
    (note,) = record(course, report(double, P, P, P))
    assert ".attn-grade" in note and "saved" in note
    assert load(course).of(double) == Reached()
    assert (course.root / ".attn-grade").read_text() == "a file in the way"


def test_a_full_disk_leaves_the_earlier_file_whole(course, double, monkeypatch):
    record(course, report(double, P, F, F))
    before = file_of(course).read_bytes()

    def full(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    (note,) = record(course, report(double, P, P, P))
    assert "No space left" in note
    assert file_of(course).read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_no_error(course, double):
    course.root.chmod(0o555)
    try:
        (note,) = record(course, report(double, P, P, P))
    finally:
        course.root.chmod(0o755)
    assert "cannot be saved" in note


def test_a_file_that_cannot_be_read_is_never_overwritten(course, double, monkeypatch):
    record(course, report(double, P, F, F))
    before = file_of(course).read_bytes()
    monkeypatch.setattr(progress, "_read", lambda data: refuse())
    monkeypatch.setattr(os, "rename", lambda a, b: refuse())
    (note,) = record(course, report(double, P, P, P))
    monkeypatch.undo()
    assert "nothing is saved" in note
    assert file_of(course).read_bytes() == before


def refuse() -> None:
    raise PermissionError(13, "Permission denied")
