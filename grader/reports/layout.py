"""Plain text on a page: its signs, clipping, wrapping, and values side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

SHELF_GAP = " " * 4  # plainly more than the gap between the columns of a tensor


@dataclass(frozen=True)
class Signs:
    """The few signs a report is drawn with."""

    passed: str
    failed: str
    waiting: str
    fault: str
    dot: str
    dash: str
    ellipsis: str


UNICODE = Signs(passed="✓", failed="✗", waiting="·", fault="!", dot="·", dash="–", ellipsis="…")
ASCII = Signs(passed="+", failed="x", waiting="-", fault="!", dot="-", dash="-", ellipsis="...")


@dataclass(frozen=True)
class Page:
    """How wide the paper is and what can be written on it."""

    width: int
    signs: Signs


def signs_for(encoding: str) -> Signs:
    """The signs that this encoding can show, all of one kind."""
    try:
        "✓✗·–…".encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return UNICODE


def breadth(text: str) -> int:
    """The cells of a line; characters without a width of their own count half a cell.

    Otherwise a heap of combining accents would be a line of no width and any length.
    """
    return max(cell_len(text), len(text) // 2)


def clip(text: str, width: int, ellipsis: str) -> str:
    """The text in at most `width` cells of one line, an ellipsis where it was cut."""
    text = text.replace("\n", " ")
    if breadth(text) <= width:
        return text
    return _head(text, width - len(ellipsis)).rstrip() + ellipsis[: max(width, 0)]


def clip_left(text: str, width: int, ellipsis: str) -> str:
    """The same, cut at the front: of a path the end tells more than the beginning."""
    if breadth(text) <= width:
        return text
    while text and breadth(ellipsis + text) > width:
        text = text[1:]
    return ellipsis + text


def wrap(text: str, width: int) -> list[str]:
    """Prose broken into lines of at most `width` cells; a longer word is broken too."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text.split(), width):
        longer = f"{line} {word}" if line else word
        if line and breadth(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line else lines


def hanging(opening: str, text: str, width: int) -> list[str]:
    """Prose after an opening, its further lines indented to where it began."""
    lines = wrap(text, width - cell_len(opening))
    margin = " " * cell_len(opening)
    return [(margin if index else opening) + line for index, line in enumerate(lines)]


def shelf(blocks: Sequence[tuple[str, str]], width: int, tallest: int, ellipsis: str) -> list[str]:
    """Named blocks of text, each under its name, side by side as far as the width goes."""
    cards = [_card(name, value, width, tallest, ellipsis) for name, value in blocks]
    lines: list[str] = []
    for row in _rows(cards, width):
        height = max(len(card) for card in row)
        for index in range(height):
            cells = [_cell(card, index) for card in row]
            lines.append(SHELF_GAP.join(cells).rstrip())
    return lines


def fits_one_shelf(blocks: Sequence[tuple[str, str]], width: int) -> bool:
    """Whether all the blocks stand side by side."""
    breadths = [max(map(breadth, [name, *value.split("\n")])) for name, value in blocks]
    return sum(breadths) + len(SHELF_GAP) * (len(blocks) - 1) <= width


def _card(name: str, value: str, width: int, tallest: int, ellipsis: str) -> list[str]:
    lines = value.split("\n")
    if len(lines) > tallest:
        lines = [*lines[: tallest - 1], ellipsis]
    return [clip(line, width, ellipsis) for line in [name, *lines]]


def _card_breadth(card: Iterable[str]) -> int:
    return max(breadth(line) for line in card)


def _cell(card: Sequence[str], index: int) -> str:
    return set_cell_size(card[index] if index < len(card) else "", _card_breadth(card))


def _rows(cards: Iterable[list[str]], width: int) -> Iterator[list[list[str]]]:
    row: list[list[str]] = []
    used = 0
    for card in cards:
        if row and used + len(SHELF_GAP) + _card_breadth(card) > width:
            yield row
            row, used = [], 0
        used += _card_breadth(card) + (len(SHELF_GAP) if row else 0)
        row.append(card)
    if row:
        yield row


def _pieces(words: Iterable[str], width: int) -> Iterator[str]:
    for word in words:
        while breadth(word) > width:
            head = _head(word, width)
            yield head
            word = word[len(head) :]
        yield word


def _head(text: str, width: int) -> str:
    """As many first characters as fit, one at the least where there is any room."""
    fitting = text[: max(width, 0) * 2]
    while len(fitting) > 1 and breadth(fitting) > width:
        fitting = fitting[:-1]
    return fitting
