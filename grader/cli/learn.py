"""What a learner reads: the list of exercises, lessons, a fresh stub, the solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader import afresh, progress
from grader.cli.screen import on_terminal, printable, say, show, warn
from grader.cli.spelling import command
from grader.course import Course, Exercise, shown
from grader.errors import EXIT_NOT_YET, UsageFault
from grader.model import Feedback
from grader.progress import DONE, Progress, Reached, Standing
from grader.reference import reference_of

if TYPE_CHECKING:
    from rich.console import RenderableType


# -- the commands ------------------------------------------------------------------


@click.command("list")
@click.pass_obj
def list_exercises(folder: Path | None) -> None:
    """Show all exercises and how far you are."""
    course = Course.chosen(folder)
    kept = progress.load(course)
    warn(kept.notes)
    rows = [_row(exercise, kept.of(exercise)) for exercise in course.exercises]
    following = progress.following(course, kept)
    marked = course.exercises.index(following) if following else None
    say(course.settings.title + "\n")
    if on_terminal():
        show(_table(rows, marked))
    else:
        say(_aligned(rows, marked))
    say("\n" + _what_next(course, kept, following, folder))


@click.command()
@click.argument("exercise", metavar="EX")
@click.pass_obj
def lesson(folder: Path | None, exercise: str) -> None:
    """Read the lesson of exercise EX."""
    chosen = Course.chosen(folder).exercise(exercise)
    heading = f"{chosen.number} · {chosen.title}"
    if on_terminal():
        from rich.markdown import Markdown

        show(Markdown(printable(f"# {heading}\n\n{chosen.text.body}"), code_theme="ansi_dark"))
    else:
        say(f"{heading}\n\n{chosen.text.body}")
    say(f"\nYour file: {shown(chosen.stub)}\nNext: {command(folder, 'check', chosen.number)}")


@click.command()
@click.argument("exercise", metavar="EX")
@click.pass_obj
def reset(folder: Path | None, exercise: str) -> None:
    """Start exercise EX afresh; your file is kept beside it."""
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    kept = afresh.restore(chosen.stub, chosen.fresh_stub)
    if kept == chosen.stub:
        say(f"{shown(kept)} is a fresh stub already: there is nothing to do.")
    else:
        if kept is not None:
            say(f"Your file is kept as {shown(kept)}")
        say(f"A fresh stub lies in {shown(chosen.stub)}")
        # A hint is for what stands in the file, and there nothing is right or wrong any more.
        warn(progress.change(course, chosen, lambda was: replace(was, right=(), told={})))
    say(f"\nNext: {command(folder, 'lesson', chosen.number)}")


@click.command()
@click.argument("exercise", metavar="EX")
@click.option("--give-up", is_flag=True, help="Show it although you have not passed.")
@click.pass_context
def solution(ctx: click.Context, exercise: str, give_up: bool) -> None:
    """Show one right way to write EX, once you have passed it."""
    folder: Path | None = ctx.obj
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    if course.settings.policy.feedback is Feedback.HOMEWORK:
        raise UsageFault("this course is homework: its solutions stay shut, with --give-up too")
    kept = progress.load(course)
    reached = kept.of(chosen)
    passed = reached.standing("") in DONE
    if not (passed or give_up or reached.gave_up):
        warn(kept.notes)
        say(
            f"{chosen.number} · {chosen.title} is not passed yet, by your file in exercises/.\n"
            "Would a hint do?\n"
            f"    {command(folder, 'hint', chosen.number)}\n"
            f"To see the solution all the same:\n"
            f"    {command(folder, 'solution', chosen.number)} --give-up"
        )
        ctx.exit(EXIT_NOT_YET)
    text = reference_of(course, chosen)
    if not passed and not reached.gave_up:
        notes = progress.change(course, chosen, lambda was: replace(was, gave_up=True))
        warn(kept.notes + notes)
    if on_terminal():
        from rich.syntax import Syntax

        coloured = Syntax("", "python", theme="ansi_dark").highlight(printable(text))
        coloured.rstrip()  # it ends with a line break, and printing adds one
        show(coloured, whole_lines=True)
    else:
        say(text.rstrip("\n"))


COMMANDS: tuple[click.Command, ...] = (list_exercises, lesson, reset, solution)


# -- the list ----------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One exercise in the list."""

    number: str
    title: str
    points: str
    status: str
    done: bool


def _row(exercise: Exercise, reached: Reached) -> Row:
    suite = exercise.suite_hash
    standing = reached.standing(suite)
    # A score of an older suite is shown out of what there was to gain then.
    most = exercise.max_points if reached.suite in ("", suite) else reached.max_score
    seen = ", solution seen" if reached.gave_up and standing not in DONE else ""
    points = f"{reached.best}/{most}"
    return Row(exercise.number, exercise.title, points, standing + seen, standing in DONE)


def _what_next(course: Course, kept: Progress, one: Exercise | None, folder: Path | None) -> str:
    if not course.exercises:
        return "This course has no exercises yet. Next: attn-grade author new NAME"
    if one is not None:
        new = kept.of(one).standing(one.suite_hash) is Standing.NOT_TRIED
        if not new and not one.stub.exists():
            return f"{shown(one.stub)} is missing.\nNext: {command(folder, 'reset', one.number)}"
        return f"Next: {command(folder, 'lesson' if new else 'check', one.number)}"
    if course.settings.policy.feedback is Feedback.HOMEWORK:
        return "All exercises are passed."
    compare = command(folder, "solution", course.exercises[-1].number)
    return f"All exercises are passed. Compare with ours: {compare}"


def _table(rows: Sequence[Row], marked: int | None) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(4):
        table.add_column()
    table.columns[2].justify = "right"
    for index, row in enumerate(rows):
        style = "bold" if index == marked else "green" if row.done else ""
        number = f"{'>' if index == marked else ' '} {row.number}"
        cells = (number, row.title, row.points, row.status)
        table.add_row(*(Text(printable(cell), style) for cell in cells))
    return table


def _aligned(rows: Sequence[Row], marked: int | None) -> str:
    titles = max((len(row.title) for row in rows), default=0)
    points = max((len(row.points) for row in rows), default=0)
    return "\n".join(
        f"{'>' if index == marked else ' '} {row.number}  {row.title:<{titles}}"
        f"  {row.points:>{points}}  {row.status}"
        for index, row in enumerate(rows)
    )
