"""`explain`: one entry of the catalogue of mistakes."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import click

from grader.catalogue import entry_of
from grader.course import Course
from grader.reports.escape import encodable

WIDEST = 80


@click.command()
@click.argument("mistake", metavar="ID")
@click.pass_obj
def explain(folder: Path | None, mistake: str) -> None:
    """Explain the mistake ID, as a report names it."""
    name, text = entry_of(Course.chosen(folder), mistake)
    paragraphs = [line.removeprefix("- ").replace("**", "") for line in text.splitlines() if line]
    wrapped = [textwrap.fill(one, WIDEST, break_on_hyphens=False) for one in paragraphs]
    click.echo(encodable("\n\n".join([name, *wrapped]), sys.stdout.encoding))


COMMANDS = (explain,)
