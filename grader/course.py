"""Where a course lives: its exercises, found by number or name, and their four files each.

Opening a course reads course.toml and nothing else: workers are forked from processes
that must not hold any answer yet. Everything about an exercise is read when asked for.
"""

from __future__ import annotations

import hashlib
import os
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader import lessons, outline, stubs
from grader.config import Limits, Settings, did_you_mean, settings_of
from grader.errors import CourseFault, UsageFault
from grader.lessons import Lesson
from grader.model import Misconception, Step

SETTINGS = "course.toml"
VARIABLE = "ATTN_GRADE_COURSE"
LONGEST_NAME = 60
WIDEST = 80  # characters of a message to read at a glance


@dataclass(frozen=True)
class Exercise:
    """One exercise: one name, four files."""

    root: Path  # of the course
    id: str  # "03_causal_mask"

    @property
    def number(self) -> str:
        """Its number as text: "03"."""
        return self.id[:2]

    @property
    def name(self) -> str:
        """Its name without the number: "causal_mask"."""
        return self.id[3:]

    @property
    def lesson(self) -> Path:
        """What a learner reads."""
        return self.root / "exercises" / f"{self.id}.md"

    @property
    def stub(self) -> Path:
        """What a learner fills in; the one file of the four that may be missing."""
        return self.root / "exercises" / f"{self.id}.py"

    @property
    def solution(self) -> Path:
        """The right way and the wrong ways."""
        return self.root / "solutions" / f"{self.id}.py"

    @property
    def suite(self) -> Path:
        """The hidden steps."""
        return self.root / "tests" / "hidden" / f"test_{self.id}.py"

    @cached_property
    def title(self) -> str:
        """The lesson's first heading."""
        return self.text.title

    @cached_property
    def text(self) -> Lesson:
        """The lesson, read; its hints are not yet held against the functions."""
        return lessons.read(source_of(self.lesson), shown(self.lesson))

    @cached_property
    def hints(self) -> dict[str, tuple[str, ...]]:
        """The ladder of hints of each function, in the order of the functions."""
        lessons.check_hints(self.text, self.functions, shown(self.lesson))
        return {function: self.text.ladder(function) for function in self.functions}

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The exercise's functions and classes, in file order."""
        found = outline.functions_of(self.source.text, self.source.file)
        if not found:
            raise CourseFault(f"{self.source.file}: there is no function to be graded in it")
        return found

    @cached_property
    def misconceptions(self) -> tuple[Misconception, ...]:
        """The wrong programs of this exercise's own functions."""
        return outline.misconceptions_of(self.source.text, self.id, self.source.file)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The graded steps, in file order."""
        return outline.steps_of(source_of(self.suite), self.functions, shown(self.suite))

    @property
    def max_points(self) -> int:
        """The points there are; looks at the hidden suite only."""
        return outline.points_of(source_of(self.suite), shown(self.suite))

    @property
    def compares(self) -> bool:
        """Whether `attn-grade speed` has something to show of it."""
        return outline.compares(source_of(self.suite), shown(self.suite))

    @cached_property
    def source(self) -> stubs.Source:
        """The solution's source text."""
        return stubs.Source(self.id, source_of(self.solution), shown(self.solution))

    @cached_property
    def fresh_stub(self) -> str:
        """The stub as it is before anybody has written in it, derived from the solution."""
        return stubs.derive(self.source, self.title)

    @property
    def suite_hash(self) -> str:
        """SHA-256 of the hidden suite."""
        return _sha256(_bytes_of(self.suite))

    @property
    def solution_hash(self) -> str:
        """SHA-256 of the solution."""
        return _sha256(_bytes_of(self.solution))


@dataclass(frozen=True)
class Course:
    """A checkout of a course: its folder, its settings, its exercises in teaching order."""

    root: Path
    settings: Settings
    hash: str  # SHA-256 of course.toml

    @classmethod
    def open(cls, path: Path) -> Course:
        """The course in a folder; raises `UsageFault` where it holds none."""
        root = Path(os.path.abspath(path))
        file = root / SETTINGS
        if not os.path.isfile(file):
            raise UsageFault(f"{root} is not the folder of a course: it holds no {SETTINGS}")
        return cls(root, settings_of(source_of(file), shown(file)), _sha256(_bytes_of(file)))

    @classmethod
    def find(cls, start: Path) -> Course:
        """The course around a folder: in it or in the nearest folder above it.

        The environment variable ATTN_GRADE_COURSE names another one, wherever one stands.
        """
        named = os.environ.get(VARIABLE)
        if named:
            return cls.open(Path(named))
        start = Path(os.path.abspath(start))
        for folder in (start, *start.parents):
            if os.path.isfile(folder / SETTINGS):
                return cls.open(folder)
        raise UsageFault(
            f"there is no course in {start} or above it (no {SETTINGS}); "
            "go to the folder of your course, or name it with --course FOLDER"
        )

    @classmethod
    def chosen(cls, folder: Path | None) -> Course:
        """The course of an explicit --course FOLDER, or else the one around where we stand."""
        try:
            here = Path.cwd()
        except FileNotFoundError:
            raise UsageFault("the folder you stand in no longer exists; go to another") from None
        return cls.open(folder) if folder is not None else cls.find(here)

    @cached_property
    def exercises(self) -> tuple[Exercise, ...]:
        """The exercises in teaching order; their files have not been looked at."""
        return tuple(Exercise(self.root, one) for one in self.settings.exercises)

    def exercise(self, text: str) -> Exercise:
        """The exercise somebody means: 03, 3, causal_mask, 03_causal_mask, or a path of it.

        Raises `UsageFault` with the nearest name and the list.
        """
        wanted = _bare(text)
        for one in self.exercises:
            numbers = wanted.isdecimal() and wanted.lstrip("0") == one.number.lstrip("0")
            if numbers or wanted in (one.id, one.name):
                return one
        raise UsageFault(self._unknown(text[:LONGEST_NAME], wanted[:LONGEST_NAME]))

    def limits(self, exercise: Exercise) -> Limits:
        """What a submission of this exercise may use up."""
        return self.settings.limits_of(exercise.id)

    def _unknown(self, typed: str, wanted: str) -> str:
        ids = self.settings.exercises
        near = did_you_mean(wanted, ids)
        says = f"there is no exercise {typed!r}{near or '.'}"
        known = f"This course has {', '.join(ids) or 'none yet'}."
        if len(f"Error: {says} {known}") <= WIDEST:
            return f"{says} {known}"
        return f"{says}\n{textwrap.fill(known, WIDEST, break_on_hyphens=False)}"


def shown(path: Path) -> str:
    """A path as one would type it from here, if that is shorter than the whole of it."""
    try:
        return min(os.path.relpath(path), str(path), key=len)
    except OSError:  # the folder we stand in is gone
        return str(path)


def source_of(path: Path) -> str:
    """The text of one of the course's own files; raises `CourseFault` where it cannot be read."""
    data = _bytes_of(path)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        says = f"this is not UTF-8 (byte 0x{data[error.start]:02x})"
        raise CourseFault(f"{shown(path)}:{line}: {says}; save it as UTF-8") from None


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = did_you_mean(path.name, _neighbours(path))
        says = f"{shown(path)} is missing, though {SETTINGS} lists the exercise{near}"
        raise CourseFault(says) from None
    except OSError as error:
        raise CourseFault(f"{shown(path)} cannot be read: {error.strerror}") from None


def _neighbours(path: Path) -> list[str]:
    try:
        return [name for name in os.listdir(path.parent) if name.endswith(path.suffix)]
    except OSError:
        return []


def _bare(text: str) -> str:
    """An exercise as typed, without folders, ending and capitals."""
    name = text.strip().replace("\\", "/").rstrip("/").rpartition("/")[2]
    for ending in (".py", ".md"):
        name = name.removesuffix(ending)
    return name.removeprefix("test_").lower().replace("-", "_").replace(" ", "_")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
