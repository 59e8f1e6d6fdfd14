"""What of a report goes on one screen: the list of steps and the first cause, fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from grader.model import Report
from grader.reports.account import SHORT, SHORTER, SPACING, Detail, Section, account
from grader.reports.causes import causes
from grader.reports.layout import Page, clip
from grader.reports.rows import LOOSE, Folding, rows
from grader.reports.table import draw, width_of

FOLDINGS = (
    LOOSE,
    Folding(5, 3),
    Folding(3, 3),
    Folding(2, 2),
    Folding(2, 2, rest=3),
    Folding(2, 2, rest=2),
)
FEWEST_ROWS = 8  # of a table that has to be cut
NARROWEST = 60  # cells of a table, so that the page does not shrink with its sentences
NOTES = 9  # the rank of the notes: the first to go


@dataclass(frozen=True)
class Screen:
    """The list of steps and what is told of the first cause."""

    table: list[Text]
    story: list[Text]
    across: int  # cells from the left edge to where the table ends


def screen(report: Report, page: Page, room: int) -> Screen:
    """As much as `room` lines hold, a blank one between table and story included.

    First to go are the notes and mere spacing, then steps that passed are put together, then
    those that fail or wait beside the one that is told of, and only then are the prints,
    the inputs and what came back left out.
    """
    full = _story(report, page, SHORT)
    for folding in FOLDINGS:
        for reasons in (True, False):
            across, table = _table(report, page, folding, reasons=reasons)
            story = _fitted(full, room - len(table), spare=SPACING)
            if len(table) + _height(story) <= room:
                return Screen(table, _flat(story), across)
    return _crammed(report, page, room)


def _crammed(report: Report, page: Page, room: int) -> Screen:
    """The screen of a report with more to say than fits."""
    full = _story(report, page, SHORTER)
    across, table = _table(report, page, FOLDINGS[-1], reasons=False)
    wanted = _height([section for section in full if section.rank < 3])
    table = _cut(table, max(room - wanted, FEWEST_ROWS), page)
    story = _fitted(full, room - len(table), spare=1)
    for folding in FOLDINGS[:-1]:  # what was left out may have made room for these
        wider, longer = _table(report, page, folding, reasons=False)
        if len(longer) + _height(story) <= room:
            across, table = wider, longer
            break
    return Screen(table, _flat(story)[: max(room - len(table) - 1, 0)], across)


def _table(
    report: Report, page: Page, folding: Folding, *, reasons: bool
) -> tuple[int, list[Text]]:
    listed = rows(report, page, folding, reasons=reasons)
    across = min(max(width_of(listed), NARROWEST), page.width)
    return across, draw(listed, page, across)


def _story(report: Report, page: Page, detail: Detail) -> list[Section]:
    """The first cause, and the notes."""
    found = causes(report)
    told = account(report, found[0], page, detail) if found else []
    notes = tuple(
        Text(clip(f"Note: {note}", page.width, page.signs.ellipsis), style="dim")
        for note in report.notes
    )
    if notes and told:
        notes = (Text(), *notes)
    return [*told, Section(notes, NOTES)] if notes else told


def _fitted(story: Sequence[Section], room: int, spare: int) -> list[Section]:
    """The story without as many of its sections as must go, those of the highest rank first."""
    left = list(story)
    while _height(left) > room:
        rank = max(section.rank for section in left)
        if rank < spare:
            break
        left.remove(next(section for section in left if section.rank == rank))
    return left


def _cut(table: Sequence[Text], room: int, page: Page) -> list[Text]:
    """The first lines of the table, and how many more there are."""
    if len(table) <= room:
        return list(table)
    more = f"   {page.signs.ellipsis} and {len(table) - room + 1} more (-v shows them)"
    return [*table[: room - 1], Text(more, style="dim")]


def _flat(story: Sequence[Section]) -> list[Text]:
    return [line for section in story for line in section.lines]


def _height(story: Sequence[Section]) -> int:
    """The lines of a story with the blank line before it."""
    count = len(_flat(story))
    return count + 1 if count else 0
