"""Rows in columns: the list of steps as it stands on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from grader.reports.layout import Page, breadth, clip

GAP = "  "
LEAST_SENTENCE = 10


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    number: str
    sign: str
    style: str
    sentence: str
    remark: str
    function: str
    points: str
    time: str = ""
    below: str = ""  # a second line: why


@dataclass(frozen=True)
class Columns:
    """The widths of the columns, in cells."""

    number: int
    function: int
    points: int
    time: int

    @property
    def before(self) -> int:
        """What stands before a sentence: the number and the sign."""
        return len(" ") + self.number + len(" x ")

    @property
    def after(self) -> int:
        """What stands after it: the function, the points and, where it is asked for, the time."""
        time = len(GAP) + self.time if self.time else 0
        return len(GAP) + self.function + len(GAP) + self.points + time


def width_of(rows: Sequence[Row]) -> int:
    """The width at which no sentence would be cut."""
    columns = _columns(rows)
    longest = max((breadth(row.sentence) + _breadth_of_remark(row) for row in rows), default=0)
    return columns.before + longest + columns.after


def draw(rows: Sequence[Row], page: Page, width: int) -> list[Text]:
    """The rows as lines of `width` cells, the longer sentences cut."""
    columns = _columns(rows)
    lines: list[Text] = []
    for row in rows:
        lines.append(_line(row, columns, page, width))
        if row.below:
            text = clip(row.below, width - columns.before, page.signs.ellipsis)
            lines.append(Text(" " * columns.before + text, style="dim"))
    return lines


def _line(row: Row, columns: Columns, page: Page, width: int) -> Text:
    room = max(width - columns.before - columns.after, LEAST_SENTENCE)
    remark = f" {page.signs.dot} {row.remark}" if row.remark else ""
    sentence = clip(row.sentence, room - breadth(remark), page.signs.ellipsis)
    quiet = "dim" if row.style == "dim" else ""
    return Text.assemble(
        (f" {row.number:>{columns.number}} ", "dim"),
        (row.sign, row.style),
        " ",
        (sentence, quiet),
        (remark, row.style),
        " " * (room - breadth(sentence) - breadth(remark)) + GAP,
        (row.function + " " * (columns.function - breadth(row.function)) + GAP, "dim"),
        (row.points.rjust(columns.points), quiet),
        (GAP + row.time.rjust(columns.time) if columns.time else "", "dim"),
    )


def _columns(rows: Sequence[Row]) -> Columns:
    return Columns(
        number=max((len(row.number) for row in rows), default=0),
        function=max((breadth(row.function) for row in rows), default=0),
        points=max((len(row.points) for row in rows), default=0),
        time=max((len(row.time) for row in rows), default=0),
    )


def _breadth_of_remark(row: Row) -> int:
    return breadth(f" · {row.remark}") if row.remark else 0
