"""`hint`: why the mistake that was named is one, and the next rung of a function's ladder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from grader import progress
from grader.catalogue import reasons
from grader.cli.screen import filled, say, warn
from grader.cli.spelling import command
from grader.config import did_you_mean
from grader.course import Course, Exercise
from grader.errors import UsageFault
from grader.model import Feedback


@click.command()
@click.argument("exercise", metavar="EX")
@click.argument("function", required=False)
@click.option("--reset", is_flag=True, help="Start again with the first hint.")
@click.pass_obj
def hint(folder: Path | None, exercise: str, function: str | None, reset: bool) -> None:
    """Show one more hint for exercise EX.

    Without FUNCTION it is for the first one that you have not got right yet. Where your
    last check has named a mistake in it, it is also said why that is one.
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
        again = command(folder, "hint", chosen.number, chosen.functions[0])
        right = f"All functions of {chosen.number} · {chosen.title} are right."
        say(f"{right}\nTo read the hints again: {again}")
        return
    forgotten = dict.fromkeys([name] if function else chosen.functions, 0) if reset else {}
    hints = chosen.hints[name]
    number = min(forgotten.get(name, reached.hints.get(name, 0)), len(hints)) + 1
    counts = forgotten | {name: min(number, len(hints))}
    notes = progress.change(course, chosen, lambda was: progress.with_hints(was, counts))
    why = _why(course, reached.told.get(name, ""))
    say(f"{why}{_rung(name, hints, number)}\n")
    say(_what_next(course, chosen, folder, name, number - len(hints)))
    warn(kept.notes + notes)


def _why(course: Course, mistake: str) -> str:
    """Why the mistake that the last check named is one; empty where there is nothing to tell."""
    does, why = reasons(course, mistake)
    return filled(f"Your last check named this: {does}\n\n{why}") + "\n\n" if why else ""


def _rung(name: str, hints: Sequence[str], number: int) -> str:
    if number <= len(hints):
        return f"{name} · hint {number} of {len(hints)}\n\n{filled(hints[number - 1])}"
    again = [filled(text, f"{index}. ") for index, text in enumerate(hints, 1)]
    return "\n\n".join([f"There are no more hints for {name}. Once more, from the first:", *again])


def _what_next(
    course: Course, chosen: Exercise, folder: Path | None, name: str, beyond: int
) -> str:
    """What to type next; `beyond` is how far past the last hint we are."""

    def spelt(verb: str, *more: str) -> str:
        return command(folder, verb, chosen.number, *more)

    if beyond < 0:
        return f"Next: {spelt('check')}\nOne more hint: {spelt('hint', name)}"
    if beyond == 0:
        return f"That was the last hint. Next: {spelt('check')}"
    lines = [f"Next: {spelt('lesson')}"]
    if course.settings.policy.feedback is not Feedback.HOMEWORK:
        lines.append(f"Or one right way: {spelt('solution', '--give-up')}")
    return "\n".join(lines)


COMMANDS = (hint,)
