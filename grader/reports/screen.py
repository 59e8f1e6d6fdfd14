"""What of a report goes on one screen: the list of steps and the first cause, fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from grader.model import Report
from grader.reports.account import (
    PRINTS,
    SHORT,
    SHORTER,
    SPACING,
    Detail,
    Section,
    account,
)
from grader.reports.causes import causes, notes
from grader.reports.folding import FOLDINGS, Folding
from grader.reports.layout import Page, clip
from grader.reports.rows import rows
from grader.reports.table import draw, width_of

FEWEST_ROWS = 6  # of a table that has to be cut
NARROWEST = 60  # cells of a table, so that the page does not shrink with its sentences
NOTES = 9  # the rank of the notes: the first to go
MOST_PRINTS = 12  # lines of what was printed, where there is room for that many

SMALL_INPUT = 24  # cells: one that is wider is left out first

# What is told, and the rank from which on it may be left out, in the order in which it is tried.
WISHES = (
    (SHORT, SPACING),
    (replace(SHORT, widest_input=SMALL_INPUT), SPACING),
    (replace(SHORT, widest_input=0), SPACING),
    (SHORTER, SPACING),
    (replace(SHORTER, prints=1), SPACING),
    (SHORTER, PRINTS),
)


@dataclass(frozen=True)
class Screen:
    """The list of steps and what is told of the first cause."""

    table: list[Text]
    story: list[Text]
    across: int  # cells from the left edge to where the table ends


def screen(report: Report, page: Page, room: int) -> Screen:
    """As much as `room` lines hold, a blank one between table and story included.

    The failing case matters more than the list of steps. First to go are the notes and mere
    spacing, then steps are put together, and only when no list could be shorter the
    inputs, what was printed, and at the very last what came back.
    """
    tables = [
        _table(report, page, folding, reasons=reasons)
        for folding in FOLDINGS
        for reasons in (True, False)
    ]
    for detail, spare in WISHES:
        story = _story(report, page, detail)
        wanted = _height([section for section in story if section.rank < spare])
        for across, table in tables:
            if len(table) + wanted <= room:
                return Screen(table, _told(report, page, detail, room - len(table)), across)
    return _crammed(report, page, room)


def _crammed(report: Report, page: Page, room: int) -> Screen:
    """The screen of a report with more to say than fits: the list is cut."""
    across, table = _table(report, page, FOLDINGS[-1], reasons=False)
    story = _story(report, page, SHORTER)
    wanted = _height([section for section in story if section.rank < PRINTS])
    table = _cut(table, max(room - wanted, FEWEST_ROWS), page)
    left = room - len(table)
    return Screen(table, _flat(_fitted(story, left))[: max(left - 1, 0)], across)


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
    lines = tuple(
        Text(clip(f"Note: {note}", page.width, page.signs.ellipsis), style="dim")
        for note in notes(report)
    )
    if lines and told:
        lines = (Text(), *lines)
    return [*told, Section(lines, NOTES)] if lines else told


def _told(report: Report, page: Page, detail: Detail, room: int) -> list[Text]:
    """The story in so many lines; those that are left over go to what was printed."""
    story = _fitted(_story(report, page, detail), room)
    spare = min(room - _height(story), MOST_PRINTS - detail.prints)
    if spare <= 0 or not any(section.rank == PRINTS for section in story):
        return _flat(story)
    longer = replace(detail, prints=detail.prints + spare)
    return _flat(_fitted(_story(report, page, longer), room))


def _fitted(story: Sequence[Section], room: int) -> list[Section]:
    """Those sections of the story that there is room for, the lowest ranks first."""
    chosen: set[int] = set()
    for index in sorted(range(len(story)), key=lambda index: story[index].rank):
        longer = [story[i] for i in sorted(chosen | {index})]
        if story[index].rank == 0 or _height(longer) <= room:
            chosen.add(index)
    return [story[index] for index in sorted(chosen)]


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
