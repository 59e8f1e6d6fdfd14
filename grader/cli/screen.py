"""What the commands write to a learner's terminal: plain lines, notes, and rich text."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from grader.reports.escape import encodable

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDEST = 80
# Readable on a dark and on a light screen; rich puts code on black.
STYLES = {"markdown.code": "cyan", "markdown.h1": "bold", "markdown.h2": "bold underline"}


def on_terminal() -> bool:
    """Whether somebody reads along, and no pipe."""
    return sys.stdout.isatty()


def show(what: RenderableType, whole_lines: bool = False) -> None:
    """Print what rich lays out; whole_lines: break none of its lines."""
    from rich.console import Console
    from rich.theme import Theme

    console = Console(highlight=False, theme=Theme(STYLES))
    console.print(what, width=min(WIDEST, console.width), soft_wrap=whole_lines)


def say(text: str) -> None:
    """Print a text as it is."""
    click.echo(printable(text))


def warn(notes: Sequence[str]) -> None:
    """Print notes, each once, beside what is asked for."""
    for note in dict.fromkeys(notes):
        click.echo(f"Note: {note}", err=True)


def printable(text: str) -> str:
    """A text with only such signs as the terminal knows."""
    return encodable(text, sys.stdout.encoding or "utf-8")


def filled(text: str, opening: str = "") -> str:
    """Paragraphs as wide as the screen, indented to where the opening ends.

    What is indented already keeps its line breaks.
    """
    width = min(WIDEST, shutil.get_terminal_size().columns)
    margin = " " * len(opening)
    paragraphs = "\n\n".join(
        textwrap.indent(part, margin)
        if part.startswith("    ")
        else textwrap.fill(
            " ".join(part.split()), width, initial_indent=margin, subsequent_indent=margin
        )
        for part in text.split("\n\n")
    )
    return opening + paragraphs.removeprefix(margin)
