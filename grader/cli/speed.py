"""`attn-grade speed`: what an exercise saves, timed with one's own functions on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.check import read_file
from grader.cli.loading import load_torch, saying
from grader.cli.screen import say, show
from grader.cli.spelling import command
from grader.course import Course
from grader.errors import EXIT_NOT_YET, UsageFault
from grader.model import Feedback

if TYPE_CHECKING:
    from rich.table import Table

    from grader.speed import Measured


@click.command()
@click.argument("exercise")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def speed(folder: Path | None, exercise: str, file: Path | None) -> None:
    """Show what EXERCISE saves, with your own functions on this machine.

    What is timed is not graded. FILE is another file than the one in exercises/.
    """
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    if not chosen.compares:
        others = ", ".join(other.number for other in course.exercises if other.compares)
        says = f"{chosen.id} has no two ways to compare"
        raise UsageFault(f"{says}; these have: {others}" if others else says)
    _, submission = read_file(folder, chosen, file)
    load_torch()
    from grader.sandbox import open_nursery

    nursery = open_nursery(os.environ.get("ATTN_GRADE_WORKERS", "here"))
    try:
        # From here on this process may hold answers: workers are forked from the other.
        from grader.grade import Terms, with_examiner
        from grader.speed import measured

        terms = Terms(course.settings.policy.seed, Feedback.PRACTICE, "cpu")
        with saying("measuring"):
            found = with_examiner(
                course, chosen, terms, lambda examiner: measured(examiner, submission, nursery)
            )
    finally:
        nursery.close()
    if found.rows:
        say(f"{found.comparison.title}\n")
        show(_table(found))
    if found.note:
        said = f"\nWith {found.where}: " if found.rows else "There is nothing to measure yet. "
        say(said + found.note)
        given = () if file is None else (str(file),)
        say(f"Next: {command(folder, 'check', chosen.number, *given)}")
    sys.exit(0 if found.rows else EXIT_NOT_YET)


def _table(found: Measured) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for title in (found.comparison.along, *found.rows[0].seconds, "times as fast"):
        table.add_column(title, justify="right")
    for row in found.rows:
        spelt = (_spelt(seconds) for seconds in row.seconds.values())
        table.add_row(f"{row.size:,}", *spelt, f"{row.times_faster:,.1f}")
    return table


def _spelt(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
