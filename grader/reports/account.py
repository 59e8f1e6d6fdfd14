"""One cause in full, as it stands on the page: the case, the prints, a question, the mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from grader.model import Case, Report, StepResult
from grader.reports.causes import Cause
from grader.reports.layout import (
    Page,
    breadth,
    clip,
    clip_left,
    fits_one_shelf,
    hanging,
    shelf,
    wrap,
)
from grader.reports.prose import Prose, prose
from grader.reports.values import drawn_inputs, results, side_by_side, told_in_words

WIDEST_PROSE = 78  # cells; longer lines are hard to read
INDENT = "  "
DEEPER = INDENT * 2


@dataclass(frozen=True)
class Detail:
    """How much is told: words of prose, lines of a message, of a value, of what was printed."""

    words: int | None  # None: all of them
    message: int
    value: int
    prints: int
    widest_input: int | None = None  # cells; wider ones are left out. None: none is too wide
    exact: bool = False  # whether all digits are wanted, whatever room they take


SHORT = Detail(words=80, message=8, value=8, prints=3)
SHORTER = Detail(words=80, message=5, value=8, prints=2, widest_input=0)
FULL = Detail(words=None, message=40, value=40, prints=40, exact=True)


@dataclass(frozen=True)
class Section:
    """A few lines that belong together; the higher the rank, the sooner they are left out."""

    lines: tuple[Text, ...]
    rank: int = 0  # 0: never left out


# The ranks, in the order in which room is found for them.
PLACE, RESULTS, PRINTS, INPUTS = range(1, 5)
SPACING = 8  # a blank line that only looks good


def account(report: Report, cause: Cause, page: Page, detail: Detail) -> list[Section]:
    """The sections of one cause in the order in which they are read."""
    result = cause.result
    said = prose(report, result, detail.words, page.signs.ellipsis)
    sections = [
        Section(_heading(report, cause, page)),
        Section(_message(said.message, page, detail)),
        *_case(report, result, page, detail),
        Section(_paragraph(f"{said.difference} {said.pattern}", page)),
        Section(_prints(result.output, page, detail), rank=PRINTS),
        Section(_paragraph(said.question, page)),
        Section((Text(),) if said.mistakes else (), rank=SPACING),
        Section(_mistakes(said, page)),
        Section(_paragraph(said.why, page)),
    ]
    return [section for section in sections if section.lines]


def _heading(report: Report, cause: Cause, page: Page) -> tuple[Text, ...]:
    if cause.holds_up_all(report):
        return (Text(f"One cause for all {len(report.steps)} steps", style="bold"),)
    several = len(cause.numbers) > 1
    numbers = ("Steps " if several else "Step ") + ", ".join(map(str, cause.numbers))
    title = "the same cause" if several else cause.result.step.title
    text = f"{numbers} {page.signs.dot} {title}"
    return (Text(clip(text, page.width, page.signs.ellipsis), style="bold"),)


def _message(message: str, page: Page, detail: Detail) -> tuple[Text, ...]:
    """A message; its indented lines, such as code with a caret, are kept as they are."""
    lines: list[Text] = []
    for line in _with_caret_in_sight(message.split("\n"), page):
        if line.startswith(" "):
            lines.append(Text(clip(INDENT + line, page.width, page.signs.ellipsis)))
        else:
            lines += _paragraph(line, page)
    if len(lines) > detail.message:
        lines = [*lines[: detail.message - 1], Text(INDENT + page.signs.ellipsis)]
    return tuple(lines)


def _with_caret_in_sight(lines: Sequence[str], page: Page) -> list[str]:
    """The lines, of a line of code and its caret beyond the edge the part around the caret."""
    shown = list(lines)
    half = (page.width - len(INDENT)) // 2
    for at in range(1, len(shown)):
        code, caret = shown[at - 1], shown[at]
        if caret.strip() == "^" and code.startswith(DEEPER):
            before, after = code[len(DEEPER) : len(caret) - 1], code[len(caret) - 1 :]
            # Room for what the caret is under, and for the sign that there is more.
            if len(INDENT) + breadth(DEEPER + before + "^" + page.signs.ellipsis) > page.width:
                before = clip_left(before, half, page.signs.ellipsis)
            shown[at - 1] = DEEPER + before + after
            shown[at] = DEEPER + " " * breadth(before) + "^"
    return shown


def _case(report: Report, result: StepResult, page: Page, detail: Detail) -> list[Section]:
    place = "" if result.line is None else f"{report.path}:{result.line}".replace("\n", " ")
    if result.case is None:
        return [Section(_place(place, page) if place else (), rank=PLACE)]
    room = page.width - len(DEEPER)
    words = told_in_words(result.case) if detail.widest_input != 0 else []
    lines = wrap(", ".join(f"{name} = {value}" for name, value in words), room)[: detail.value]
    return [
        *_call(result.case.call, place, page),
        Section(tuple(Text(DEEPER + line) for line in lines), INPUTS),
        *_values(result.case, page, detail),
    ]


def _call(call: str, place: str, page: Page) -> list[Section]:
    """The call, and beside it, where there is room, the learner's own line."""
    text = Text(INDENT + clip(call, page.width - len(INDENT), page.signs.ellipsis), style="cyan")
    if not place:
        return [Section((text,))]
    if breadth(text.plain) + 3 + breadth(place) > page.width:
        return [Section((text,)), Section(_place(place, page), rank=PLACE)]
    return [Section((Text.assemble(text, ("   " + place, "dim")),))]


def _place(place: str, page: Page) -> tuple[Text, ...]:
    room = page.width - len(INDENT)
    return (Text(INDENT + clip_left(place, room, page.signs.ellipsis), style="dim"),)


def _values(case: Case, page: Page, detail: Detail) -> list[Section]:
    """Inputs in rows and columns, what came back and what was expected: beside each other."""
    inputs = drawn_inputs(case, detail.widest_input)
    told = results(case)
    room = page.width - len(DEEPER)
    if told and fits_one_shelf([*inputs, *told], room):
        return [_shelf([*inputs, *told], RESULTS, page, detail)]
    if not detail.exact:
        told = side_by_side(told, room, page.signs.ellipsis)
    return [_shelf(inputs, INPUTS, page, detail), _shelf(told, RESULTS, page, detail)]


def _shelf(blocks: Sequence[tuple[str, str]], rank: int, page: Page, detail: Detail) -> Section:
    room = page.width - len(DEEPER)
    lines = shelf(blocks, room, detail.value, page.signs.ellipsis)
    return Section(tuple(Text(DEEPER + line) for line in lines), rank)


def _prints(output: str, page: Page, detail: Detail) -> tuple[Text, ...]:
    lines = output.strip("\n").split("\n") if output.strip() else []
    opening = f"{INDENT}You printed | "
    margin = " " * (len(opening) - 2) + "| "
    room = page.width - len(opening)
    told = [clip(line, room, page.signs.ellipsis) for line in lines[: detail.prints]]
    if len(lines) > detail.prints:
        rest = f"{page.signs.ellipsis} {len(lines) - len(told) + 1}"
        told[-1] = f"{rest} more lines" if told[1:] else f"{rest} lines (-v shows them)"
    return tuple(
        Text.assemble((margin if index else opening), (line, "dim"))
        for index, line in enumerate(told)
    )


def _mistakes(said: Prose, page: Page) -> tuple[Text, ...]:
    if not said.mistakes:
        return ()
    width = min(page.width, WIDEST_PROSE)
    if said.opening.endswith(" "):  # a single mistake goes on in the same line
        lines = [INDENT + line for line in wrap(said.opening + said.mistakes[0], width - 2)]
    else:
        bullet = f"{INDENT}{page.signs.dash} "
        named = [line for text in said.mistakes for line in hanging(bullet, text, width)]
        lines = [INDENT + said.opening, *named]
    return tuple(Text(line, style="bold") for line in lines)


def _paragraph(text: str, page: Page) -> tuple[Text, ...]:
    width = min(page.width, WIDEST_PROSE) - len(INDENT)
    return tuple(Text(INDENT + line) for line in wrap(text, width))
