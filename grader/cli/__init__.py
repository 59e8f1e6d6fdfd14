"""The command: learn, teach and write, each in a module of its own."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from grader import __version__
from grader.cli import check, explain, hints, learn, speed, write
from grader.errors import CourseFault, GraderFault, UsageFault
from grader.reports.escape import visible

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Learn": (*learn.COMMANDS, check.check, *hints.COMMANDS, *explain.COMMANDS, speed.speed),
    "Write": write.COMMANDS,
}
LEARNERS_ORDER = ("list", "lesson", "check", "hint", "explain", "reset", "solution", "speed")


class Sections(click.Group):
    """A group whose help lists its commands under headings, in the order one needs them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what nobody has foreseen is the grader's fault, not "not yet"."""
        try:
            return super().invoke(ctx)
        except (UsageFault, CourseFault, GraderFault) as error:
            # What it says may repeat the name of a stranger's file.
            click.echo(f"Error: {visible(error.format_message())}", err=True)
            ctx.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            traceback.print_exc()
            says = f"the grader broke off ({type(error).__name__}); that is its fault, not yours"
            raise GraderFault(says) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands per section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(c.name or "", c.get_short_help_str(66)) for c in sorted(commands, key=_place)]
                )


def _place(command: click.Command) -> int:
    name = command.name or ""
    return LEARNERS_ORDER.index(name) if name in LEARNERS_ORDER else len(LEARNERS_ORDER)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--course", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="The course's folder, if you do not stand in it.",
)  # fmt: skip
@click.version_option(__version__, prog_name="attn-grade")
@click.pass_context
def main(ctx: click.Context, course: Path | None) -> None:
    """An attention course that grades itself.

    Read a lesson, fill in the stub in exercises/, check it:

    \b
        attn-grade lesson 01
        attn-grade check 01
    """  # noqa: D301 - click wants the backspace itself
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no child could be waited for
    _fill_closed_streams()
    ctx.obj = course


def _fill_closed_streams() -> None:
    """Put nothing where a standard stream was closed, or what is opened next takes its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it stays
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it stays


for _commands in SECTIONS.values():
    for _command in _commands:
        main.add_command(_command)
