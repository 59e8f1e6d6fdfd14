"""The Report as a learner reads it: one screen of 24 lines, or everything under -v."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from grader.model import Report, Verdict
from grader.reports.account import FULL, account
from grader.reports.causes import carried, causes, notes, untouched, unwritten
from grader.reports.escape import encodable, escaped, spelt_for, visible
from grader.reports.folding import UNFOLDED
from grader.reports.layout import Page, breadth, clip, signs_for, wrap
from grader.reports.redact import redacted
from grader.reports.rows import rows
from grader.reports.screen import NARROWEST, screen
from grader.reports.table import draw, width_of

if TYPE_CHECKING:
    from rich.console import Console

MOST_LINES = 23  # of a screen of 24: the prompt that follows needs one too
LEAST_WIDTH, MOST_WIDTH = 40, 100


def render(
    report: Report,
    console: Console,
    verbose: bool = False,
    next_step: str = "",
    width: int | None = None,
) -> None:
    """Print the report on the console; `next_step` is the one command to type next.

    Where the console is no terminal or colours are off, the same lines come out plain, and
    where its encoding lacks the signs, in ASCII. `width` is the console's where not given.
    """
    told = spelt_for(escaped(redacted(report)), console.encoding)
    command = encodable(visible(next_step), console.encoding)
    across = max(min(width or console.width, MOST_WIDTH), LEAST_WIDTH)
    page = Page(across, signs_for(console.encoding))
    for line in _lines(told, page, command, verbose=verbose):
        # Neither wrapped nor cropped: a command must come out whole.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _lines(report: Report, page: Page, command: str, *, verbose: bool) -> list[Text]:
    if untouched(report):
        name = f"{_name(report, page)}: not started (0 of {report.max_score} points)"
        heading = Text(clip(name, page.width, page.signs.ellipsis), style="bold")
        return [heading, *(_particulars(report, page) if verbose else []), *_next(command)]
    return (_everything if verbose else _one_screen)(report, page, command)


def _one_screen(report: Report, page: Page, command: str) -> list[Text]:
    closing = _closing(report, page, command)
    aside = _aside(report, page)
    room = MOST_LINES - len(["heading", "blank", "blank"]) - len(aside) - len(closing)
    shown = screen(report, page, room)
    blocks = [[*shown.table, *aside], shown.story, closing]
    return [_heading(report, page, shown.across), Text(), *_joined(blocks)]


def _everything(report: Report, page: Page, command: str) -> list[Text]:
    listed = rows(report, page, UNFOLDED, timed=True)
    across = min(max(width_of(listed), NARROWEST), page.width)
    stories = [
        [line for section in account(report, cause, page, FULL) for line in section.lines]
        for cause in causes(report)
    ]
    blocks = [
        [*draw(listed, page, across), *_aside(report, page)],
        *stories,
        _particulars(report, page),
        _closing(report, page, command),
    ]
    return [_heading(report, page, across), Text(), *_joined(blocks)]


def _heading(report: Report, page: Page, across: int) -> Text:
    score = _score(report)
    name = clip(_name(report, page), across - len(score) - 2, page.signs.ellipsis)
    gap = across - breadth(name) - len(score)
    return Text.assemble((name, "bold"), " " * gap, score)


def _name(report: Report, page: Page) -> str:
    number = report.exercise.partition("_")[0]
    return f"{number} {page.signs.dot} {report.title}" if number.isdigit() else report.title


def _score(report: Report) -> str:
    return f"{report.score} of {report.max_score} points"


def _aside(report: Report, page: Page) -> list[Text]:
    """What is neither right nor wrong: functions that wait, and those not written yet."""
    said: list[str] = []
    for function, wrong in carried(report):
        waits = f"; it waits for {', '.join(f'`{name}`' for name in wrong)}" if wrong else ""
        said.append(f"`{function}` is right in itself{waits}")
    absent = unwritten(report)
    if absent:
        said.append(f"not written yet: {', '.join(absent)}")
    return [Text(clip(f"   {one}", page.width, page.signs.ellipsis), style="dim") for one in said]


def _closing(report: Report, page: Page, command: str) -> list[Text]:
    """The score in a sentence, and the one thing to do next, on the same line if it fits."""
    score = f"{_score(report)}{_unjudged(report)}."
    if report.passed:
        score = f"Well done: all {len(report.steps)} steps are right, {score}"
    following = _next(command)
    together = Text(" ").join([Text(score), *following])
    return [together] if breadth(together.plain) <= page.width else [Text(score), *following]


def _unjudged(report: Report) -> str:
    points = sum(one.step.points for one in report.steps if one.verdict is Verdict.GRADER_ERROR)
    return f", {points} not judged" if points else ""


def _next(command: str) -> list[Text]:
    return [Text.assemble("Next: ", (command, "bold cyan"))] if command else []


def _particulars(report: Report, page: Page) -> list[Text]:
    """What the marks depend on, and the notes."""
    place, hashes, dot = report.environment, report.hashes, f" {page.signs.dot} "
    digests = {
        "submission": report.sha256,
        "suite": hashes.suite,
        "solution": hashes.solution,
        "course": hashes.course,
    }
    said = [
        f"{round(report.seconds, 2):g} s on {place.device}{dot}seed {report.seed}"
        f"{dot}grader {place.grader}, Python {place.python}, torch {place.torch}",
        f"isolation: {place.isolation}",
        dot.join(f"{name} {digest[:8]}" for name, digest in digests.items()),
        *(f"Note: {note}" for note in notes(report)),
    ]
    return [Text(line, style="dim") for one in said for line in wrap(one, page.width)]


def _joined(blocks: Sequence[Sequence[Text]]) -> list[Text]:
    """The blocks with a blank line between; empty ones leave no trace."""
    joined: list[Text] = []
    for block in blocks:
        if block:
            joined += [*([Text()] if joined else []), *block]
    return joined
