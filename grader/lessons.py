"""Lessons: Markdown with a title, a text to read, and a ladder of hints for each function."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from grader.config import did_you_mean
from grader.errors import CourseFault

HINTS = "## Hints"
FUNCTION = re.compile(r"### (\w+)")
NUMBERED = re.compile(r"([0-9]+)\. +(\S.*)")
FENCE = re.compile(r" {0,3}(```|~~~)")


@dataclass(frozen=True)
class Lesson:
    """One lesson as its file has it."""

    title: str
    body: str  # Markdown: from below the title to where the hints begin
    hints: tuple[tuple[str, tuple[str, ...]], ...]  # function name, its hints from nudge to near

    @property
    def words(self) -> int:
        """How many words the body has; a sign without letter or digit is none."""
        return sum(any(map(str.isalnum, token)) for token in self.body.split())

    def ladder(self, function: str) -> tuple[str, ...]:
        """The hints for one function, in order."""
        return dict(self.hints)[function]


def read(text: str, file: str = "the lesson") -> Lesson:
    """The lesson a text holds; raises `CourseFault` naming `file` and the line."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    title = lines[0].removeprefix("# ").strip()
    if not lines[0].startswith("# ") or not title.isprintable() or not title:
        raise CourseFault(f"{file}:1: the first line must be the title, as in `# Causal mask`")
    start = _start_of_hints(lines)
    if start is None:
        raise CourseFault(f"{file}: the section `{HINTS}` is missing")
    body = "\n".join(lines[1:start]).strip("\n")
    if not body.strip():
        raise CourseFault(f"{file}:2: there is nothing to read between title and hints")
    return Lesson(title, body, tuple(_ladders(lines, start + 1, file).items()))


def check_hints(lesson: Lesson, functions: Sequence[str], file: str = "the lesson") -> None:
    """Raise `CourseFault` unless exactly the exercise's functions have hints."""
    hinted = [function for function, _ in lesson.hints]
    for function in hinted:
        if function not in functions:
            near = did_you_mean(function, functions)
            raise CourseFault(f"{file}: `### {function}` is no function of this exercise{near}")
    for function in functions:
        if function not in hinted:
            raise CourseFault(f"{file}: `### {function}` is missing below `{HINTS}`")


def _start_of_hints(lines: Sequence[str]) -> int | None:
    """The index of the heading of the hints; one inside a fenced block is only an example."""
    fenced = False
    for index, line in enumerate(lines):
        fenced ^= bool(FENCE.match(line))
        if not fenced and line.rstrip() == HINTS:
            return index
    return None


def _ladders(lines: Sequence[str], start: int, file: str) -> dict[str, tuple[str, ...]]:
    ladders: dict[str, list[list[str]]] = {}
    heading = ""
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith("#"):
            heading = _function_of(line, ladders, f"{file}:{number}")
            ladders[heading] = []
        elif rung := NUMBERED.fullmatch(line.rstrip()):
            _check_number(int(rung[1]), heading, ladders, f"{file}:{number}")
            ladders[heading].append([rung[2]])
        elif line.strip() and (not line.startswith("  ") or not ladders.get(heading)):
            says = "this line belongs to no hint; indent it, or number it"
            raise CourseFault(f"{file}:{number}: {says}")
        elif heading and ladders[heading]:
            ladders[heading][-1].append(line)
    for function, hints in ladders.items():
        if not hints:
            raise CourseFault(f"{file}: `### {function}` has no hints below it")
    return {function: tuple(map(_joined, hints)) for function, hints in ladders.items()}


def _function_of(line: str, ladders: dict[str, list[list[str]]], where: str) -> str:
    found = FUNCTION.fullmatch(line.rstrip())
    if not found:
        raise CourseFault(f"{where}: below `{HINTS}` a heading is `### ` and a function's name")
    if found[1] in ladders:
        raise CourseFault(f"{where}: `### {found[1]}` stands here a second time")
    return found[1]


def _check_number(
    number: int, heading: str, ladders: dict[str, list[list[str]]], where: str
) -> None:
    if not heading:
        raise CourseFault(f"{where}: a hint needs the heading of its function above it")
    expected = len(ladders[heading]) + 1
    if number != expected:
        raise CourseFault(f"{where}: this hint should be number {expected}, not {number}")


def _joined(lines: list[str]) -> str:
    """A hint's text without the list's indentation."""
    rest = textwrap.dedent("\n".join(lines[1:]))
    return f"{lines[0]}\n{rest}".strip()
