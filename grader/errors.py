"""The errors that end a command, each with its owner and so its exit code."""

from __future__ import annotations

import click

EXIT_PASSED = 0
EXIT_NOT_YET = 1
EXIT_USAGE = 2
EXIT_FAULT = 3
EXIT_INTERRUPTED = 130


class UsageFault(click.ClickException):
    """What was typed or given cannot be used: an exercise, a file, an option."""

    exit_code = EXIT_USAGE


class CourseFault(click.ClickException):
    """The course is at fault: a mistake in course.toml, a solution or a suite."""

    exit_code = EXIT_FAULT


class GraderFault(click.ClickException):
    """The grader is at fault: a broken installation, a worker that cannot be started."""

    exit_code = EXIT_FAULT
