"""What a learner reads: the list of exercises, lessons, hints, a fresh stub, the solution."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader import progress, stubs
from grader.cli.spelling import command
from grader.config import did_you_mean
from grader.course import Course, Exercise, shown
from grader.errors import EXIT_NOT_YET, UsageFault
from grader.model import Feedback
from grader.progress import DONE, Progress, Reached, Standing
from grader.reference import reference_of
from grader.reports.escape import encodable

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDEST = 80
# Readable on a dark and on a light screen; rich puts code on black.
STYLES = {"markdown.code": "cyan", "markdown.h1": "bold", "markdown.h2": "bold underline"}


# -- the commands ------------------------------------------------------------------


@click.command("list")
@click.pass_obj
def list_exercises(folder: Path | None) -> None:
    """Show all exercises and how far you are."""
    course = Course.chosen(folder)
    kept = progress.load(course)
    _warn(kept.notes)
    rows = [_row(exercise, kept.of(exercise)) for exercise in course.exercises]
    following = progress.following(course, kept)
    marked = course.exercises.index(following) if following else None
    _say(course.settings.title + "\n")
    if _on_terminal():
        _show(_table(rows, marked))
    else:
        _say(_aligned(rows, marked))
    _say("\n" + _what_next(course, kept, following, folder))


@click.command()
@click.argument("exercise", metavar="EX")
@click.pass_obj
def lesson(folder: Path | None, exercise: str) -> None:
    """Read the lesson of exercise EX."""
    chosen = Course.chosen(folder).exercise(exercise)
    heading = f"{chosen.number} · {chosen.title}"
    if _on_terminal():
        from rich.markdown import Markdown

        _show(Markdown(_encodable(f"# {heading}\n\n{chosen.text.body}"), code_theme="ansi_dark"))
    else:
        _say(f"{heading}\n\n{chosen.text.body}")
    _say(f"\nYour file: {shown(chosen.stub)}\nNext: {_command(folder, 'check', chosen)}")


@click.command()
@click.argument("exercise", metavar="EX")
@click.argument("function", required=False)
@click.option("--reset", is_flag=True, help="Start again with the first hint.")
@click.pass_obj
def hint(folder: Path | None, exercise: str, function: str | None, reset: bool) -> None:
    """Show one more hint for exercise EX.

    Without FUNCTION it is for the first one that you have not got right yet.
    """
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    if function is not None and function not in chosen.functions:
        near = did_you_mean(function, chosen.functions) or "."
        known = ", ".join(chosen.functions)
        raise UsageFault(f"{chosen.id} has no function {function[:60]!r}{near} It has {known}")
    kept = progress.load(course)
    reached = kept.of(chosen)
    name = function or progress.stuck_at(chosen, reached) or (chosen.functions[0] if reset else "")
    if not name:
        again = _command(folder, "hint", chosen, chosen.functions[0])
        right = f"All functions of {chosen.number} · {chosen.title} are right."
        _say(f"{right}\nTo read the hints again: {again}")
        return
    forgotten = dict.fromkeys([name] if function else chosen.functions, 0) if reset else {}
    hints = chosen.hints[name]
    number = min(forgotten.get(name, reached.hints.get(name, 0)), len(hints)) + 1
    counts = forgotten | {name: min(number, len(hints))}
    notes = progress.change(course, chosen, lambda was: progress.with_hints(was, counts))
    _say(_hint_text(name, hints, number))
    _say("\n" + _after_hint(course, chosen, folder, name, number - len(hints)))
    _warn(kept.notes + notes)


@click.command()
@click.argument("exercise", metavar="EX")
@click.pass_obj
def reset(folder: Path | None, exercise: str) -> None:
    """Start exercise EX afresh; your file is kept beside it."""
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    kept = stubs.restore(chosen.stub, chosen.fresh_stub)
    if kept == chosen.stub:
        _say(f"{shown(kept)} is a fresh stub already: there is nothing to do.")
    else:
        if kept is not None:
            _say(f"Your file is kept as {shown(kept)}")
        _say(f"A fresh stub lies in {shown(chosen.stub)}")
        # A hint is for what stands in the file, and there nothing is right any more.
        _warn(progress.change(course, chosen, lambda was: replace(was, right=())))
    _say(f"\nNext: {_command(folder, 'lesson', chosen)}")


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
        _warn(kept.notes)
        _say(
            f"{chosen.number} · {chosen.title} is not passed yet, by your file in exercises/.\n"
            "Would a hint do?\n"
            f"    {_command(folder, 'hint', chosen)}\n"
            f"To see the solution all the same:\n"
            f"    {_command(folder, 'solution', chosen)} --give-up"
        )
        ctx.exit(EXIT_NOT_YET)
    text = reference_of(course, chosen)
    if not passed and not reached.gave_up:
        notes = progress.change(course, chosen, lambda was: replace(was, gave_up=True))
        _warn(kept.notes + notes)
    if _on_terminal():
        from rich.syntax import Syntax

        coloured = Syntax("", "python", theme="ansi_dark").highlight(_encodable(text))
        coloured.rstrip()  # it ends with a line break, and printing adds one
        _show(coloured, whole_lines=True)
    else:
        _say(text.rstrip("\n"))


COMMANDS: tuple[click.Command, ...] = (list_exercises, lesson, hint, reset, solution)


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
            return f"{shown(one.stub)} is missing.\nNext: {_command(folder, 'reset', one)}"
        return f"Next: {_command(folder, 'lesson' if new else 'check', one)}"
    if course.settings.policy.feedback is Feedback.HOMEWORK:
        return "All exercises are passed."
    compare = _command(folder, "solution", course.exercises[-1])
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
        table.add_row(*(Text(_encodable(cell), style) for cell in cells))
    return table


def _aligned(rows: Sequence[Row], marked: int | None) -> str:
    titles = max((len(row.title) for row in rows), default=0)
    points = max((len(row.points) for row in rows), default=0)
    return "\n".join(
        f"{'>' if index == marked else ' '} {row.number}  {row.title:<{titles}}"
        f"  {row.points:>{points}}  {row.status}"
        for index, row in enumerate(rows)
    )


# -- hints -------------------------------------------------------------------------


def _hint_text(name: str, hints: Sequence[str], number: int) -> str:
    if number <= len(hints):
        return f"{name} · hint {number} of {len(hints)}\n\n{_filled(hints[number - 1])}"
    again = [_filled(text, f"{index}. ") for index, text in enumerate(hints, 1)]
    return "\n\n".join([f"There are no more hints for {name}. Once more, from the first:", *again])


def _filled(text: str, opening: str = "") -> str:
    """Paragraphs as wide as the screen, indented to where the opening ends.

    What is indented already keeps its line breaks.
    """
    width = min(WIDEST, shutil.get_terminal_size().columns)
    margin = " " * len(opening)
    filled = "\n\n".join(
        textwrap.indent(part, margin)
        if part.startswith("    ")
        else textwrap.fill(
            " ".join(part.split()), width, initial_indent=margin, subsequent_indent=margin
        )
        for part in text.split("\n\n")
    )
    return opening + filled.removeprefix(margin)


def _after_hint(
    course: Course, chosen: Exercise, folder: Path | None, name: str, beyond: int
) -> str:
    """What to type next; `beyond` is how far past the last hint we are."""
    if beyond < 0:
        more = _command(folder, "hint", chosen, name)
        return f"Next: {_command(folder, 'check', chosen)}\nOne more hint: {more}"
    if beyond == 0:
        return f"That was the last hint. Next: {_command(folder, 'check', chosen)}"
    lines = [f"Next: {_command(folder, 'lesson', chosen)}"]
    if course.settings.policy.feedback is not Feedback.HOMEWORK:
        lines.append(f"Or one right way: {_command(folder, 'solution', chosen, '--give-up')}")
    return "\n".join(lines)


# -- files and screens -------------------------------------------------------------


def _command(folder: Path | None, verb: str, exercise: Exercise, *more: str) -> str:
    return command(folder, verb, exercise.number, *more)


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _show(what: RenderableType, whole_lines: bool = False) -> None:
    from rich.console import Console
    from rich.theme import Theme

    console = Console(highlight=False, theme=Theme(STYLES))
    console.print(what, width=min(WIDEST, console.width), soft_wrap=whole_lines)


def _say(text: str) -> None:
    click.echo(_encodable(text))


def _warn(notes: Sequence[str]) -> None:
    for note in dict.fromkeys(notes):
        click.echo(f"Note: {note}", err=True)


def _encodable(text: str) -> str:
    return encodable(text, sys.stdout.encoding or "utf-8")
