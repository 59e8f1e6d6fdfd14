"""What the learner has reached, kept in the course's own folder, `.attn-grade/progress.json`.

It is theirs and nobody's grade. Whatever becomes of the file, no command fails for it:
a damaged one is put aside, and where nothing can be written nothing is kept. The notes
that functions return say so, one sentence each; show them on stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from grader.course import Course, Exercise, shown
from grader.model import Report, Verdict
from grader.stubs import untouched

FOLDER = ".attn-grade"
FILE = "progress.json"
SCHEMA = 1
MOST = 10**6  # of points or hints: more than that is damage


class Standing(StrEnum):
    """How far one exercise has come."""

    NOT_TRIED = "not started"
    TRIED = "begun"
    PASSED = "passed"
    PASSED_OLDER = "passed with an older version"  # the hidden suite has changed since


DONE = (Standing.PASSED, Standing.PASSED_OLDER)


@dataclass(frozen=True)
class Reached:
    """What has been reached in one exercise."""

    best: int = 0
    last: int = 0
    max_score: int = 0
    suite: str = ""  # SHA-256 of the suite that `best` and `last` are scores of
    passed_with: str = ""  # SHA-256 of the suite that was last passed; empty if none was
    right: tuple[str, ...] = ()  # functions all of whose steps passed in the last attempt
    hints: Mapping[str, int] = field(default_factory=dict)  # shown so far, by function
    told: Mapping[str, str] = field(default_factory=dict)  # the mistake last named, by function
    gave_up: bool = False  # was shown the solution before passing

    def standing(self, suite_hash: str) -> Standing:
        """How far that is, now that the suite has this hash."""
        if self.passed_with:
            older = self.passed_with != suite_hash
            return Standing.PASSED_OLDER if older else Standing.PASSED
        return Standing.TRIED if self.suite else Standing.NOT_TRIED


@dataclass(frozen=True)
class Progress:
    """All that has been reached in a course."""

    exercises: Mapping[str, Reached]  # by exercise id; those of no longer listed ones too
    notes: tuple[str, ...] = ()
    can_be_saved: bool = True

    def of(self, exercise: Exercise) -> Reached:
        """What has been reached in one exercise."""
        return self.exercises.get(exercise.id, Reached())


def load(course: Course) -> Progress:
    """The progress kept so far; a file that is not one is put aside, with a note."""
    path = _path(course)
    try:
        return Progress(_read(path.read_bytes()))
    except FileNotFoundError:
        return Progress({})
    except (OSError, ValueError, RecursionError) as error:
        return _put_aside(path, error)


def change(
    course: Course, exercise: Exercise, how: Callable[[Reached], Reached]
) -> tuple[str, ...]:
    """Keep what `how` makes of what was reached in an exercise; returns notes."""
    before = load(course)
    if not before.can_be_saved:
        return before.notes
    after = dict(before.exercises) | {exercise.id: how(before.of(exercise))}
    return before.notes + _write(_path(course), after)


def following(course: Course, progress: Progress) -> Exercise | None:
    """The first exercise that is not passed, or else not passed as it now is; None at the end."""
    standings = {one: progress.of(one).standing(one.suite_hash) for one in course.exercises}
    for finished in (DONE, (Standing.PASSED,)):
        for exercise, standing in standings.items():
            if standing not in finished:
                return exercise
    return None


def stuck_at(exercise: Exercise, reached: Reached) -> str | None:
    """The function a hint is for: the first not got right, None where all are.

    Before any attempt: the first that the learner's file leaves as the stub has it.
    """
    if reached.suite:
        return next((name for name in exercise.functions if name not in reached.right), None)
    try:
        source = exercise.stub.read_text(encoding="utf-8", errors="replace")
    except OSError:
        source = ""
    still = untouched(source, exercise.functions)
    return next((name for name in exercise.functions if name in still), exercise.functions[0])


def record(course: Course, report: Report) -> tuple[str, ...]:
    """Keep an attempt at an exercise of this course; returns notes.

    An untouched stub is no attempt, and one that the grader broke off says nothing.
    """
    untouched = all(result.verdict is Verdict.NOT_STARTED for result in report.steps)
    if untouched or report.faulty:
        return ()
    return change(course, course.exercise(report.exercise), lambda was: _after(was, report))


def with_hints(reached: Reached, counts: Mapping[str, int]) -> Reached:
    """The same with other numbers of hints shown for some functions."""
    return replace(reached, hints=dict(reached.hints) | dict(counts))


def _after(was: Reached, report: Report) -> Reached:
    suite = report.hashes.suite
    steps: dict[str, list[bool]] = {}
    for result in report.steps:
        steps.setdefault(result.step.function, []).append(result.verdict is Verdict.PASSED)
    return replace(
        was,
        best=max(report.score, was.best if was.suite == suite else 0),
        last=report.score,
        max_score=report.max_score,
        suite=suite,
        passed_with=suite if report.passed else was.passed_with,
        right=tuple(function for function, passed in steps.items() if all(passed)),
        told=_named(report),
    )


def _named(report: Report) -> dict[str, str]:
    """The first mistake that was named for each function, where it was the only one."""
    found: dict[str, str] = {}
    for result in report.steps:
        if len(result.diagnoses) == 1 == len(result.diagnoses[0]):
            found.setdefault(result.step.function, result.diagnoses[0][0].id)
    return found


def _path(course: Course) -> Path:
    return course.root / FOLDER / FILE


# -- the file: nothing in it is trusted to be what was written ---------------------

EXAMPLE = asdict(Reached(hints={"f": 1}, told={"f": "03_x.mistake"}))


def _read(data: bytes) -> dict[str, Reached]:
    """What a file holds; raises ValueError saying why it is not one of ours."""
    document = json.loads(data.decode("utf-8"))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError("it is not of this version of attn-grade")
    entries = document.get("exercises")
    if not isinstance(entries, dict):
        raise ValueError("it lists no exercises")
    return {name: _reached(entry) for name, entry in entries.items()}


def _reached(entry: Any) -> Reached:
    if not isinstance(entry, dict):
        raise ValueError("an entry is no object")
    known = {part.name: entry[part.name] for part in fields(Reached) if part.name in entry}
    for name, value in known.items():
        if not _is_like(value, EXAMPLE[name]):
            raise ValueError(f"{name} is out of place")
    if "right" in known:
        known["right"] = tuple(known["right"])
    return Reached(**known)


def _is_like(value: Any, example: Any) -> bool:
    """Whether a value from a file may stand where `example` stands."""
    if isinstance(example, bool | str):
        return type(value) is type(example)
    if isinstance(example, int):
        return type(value) is int and 0 <= value <= MOST
    if isinstance(example, tuple):
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    (part,) = example.values()
    return isinstance(value, dict) and all(_is_like(one, part) for one in value.values())


def _put_aside(path: Path, error: Exception) -> Progress:
    """Keep a file that cannot be used, under another name, and begin anew."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"progress.damaged-{number}.json")):
        number += 1
    why = error.strerror if isinstance(error, OSError) else str(error)
    says = f"{shown(path)} could not be read ({why or type(error).__name__})"
    try:
        os.rename(path, aside)
    except OSError:
        return Progress({}, (f"{says}; nothing is saved until that is mended.",), False)
    return Progress({}, (f"{says}; it is now {aside.name}, and your progress begins anew.",))


def _write(path: Path, entries: Mapping[str, Reached]) -> tuple[str, ...]:
    """Replace the file in one move, so that it is never half written."""
    document = {"schema": SCHEMA, "exercises": {name: asdict(one) for name, one in entries.items()}}
    fresh = path.with_name(f".{FILE}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        return (f"Your progress cannot be saved: {shown(path)}: {error.strerror}.",)
    return ()
