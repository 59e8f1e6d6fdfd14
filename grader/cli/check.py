"""`attn-grade check`: grade one file and show the report."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from grader import submissions
from grader.cli.loading import load_torch, saying
from grader.cli.next_step import next_step
from grader.cli.spelling import as_typed, command
from grader.course import Course, Exercise
from grader.errors import (
    EXIT_FAULT,
    EXIT_INTERRUPTED,
    EXIT_NOT_YET,
    EXIT_PASSED,
    UsageFault,
)
from grader.model import Feedback, Report
from grader.submissions import Submission


@click.command()
@click.argument("exercise")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--device", type=click.Choice(["cpu", "cuda", "auto"]), help="Where to compute.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit"]), default="text",
    help="How to print the report.",
)  # fmt: skip
@click.option(
    "--feedback", type=click.Choice([str(kind) for kind in Feedback]),
    help="practice shows the failing case, homework no hidden value.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), help="Draw the numbers from this seed.")
@click.option("-v", "--verbose", is_flag=True, help="Tell everything.")
@click.pass_obj
def check(
    folder: Path | None, exercise: str, file: Path | None, device: str | None, form: str,
    feedback: str | None, seed: int | None, verbose: bool,
) -> None:  # fmt: skip
    """Grade EXERCISE step by step and name the mistake.

    EXERCISE is a number, a name, or both: 03, causal_mask, 03_causal_mask. FILE is
    another file than the one in exercises/; what it reaches is not kept as your progress.
    """
    course = Course.chosen(folder)
    chosen = course.exercise(exercise)
    policy = course.settings.policy
    path, submission = read_file(folder, chosen, file)
    for number in (signal.SIGTERM, signal.SIGHUP):  # these too end workers and folders first
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    try:
        report = _graded(
            course, chosen, submission, device or policy.device,
            Feedback(feedback or policy.feedback), policy.seed if seed is None else seed,
        )  # fmt: skip
    except KeyboardInterrupt:
        click.echo("stopped: nothing was graded", err=True)
        sys.exit(EXIT_INTERRUPTED)
    own = path.resolve() == chosen.stub.resolve()
    if own:
        from grader import progress

        for note in progress.record(course, report):
            click.echo(note, err=True)
    elsewhere = None if own else as_typed(path)
    then = next_step(course, chosen, submission, report, folder, elsewhere)
    _show(report, form, verbose, then)
    sys.exit(_exit_code(report))


def read_file(
    folder: Path | None, exercise: Exercise, file: Path | None
) -> tuple[Path, Submission]:
    """The file that was named, or else the exercise's own; raises `UsageFault` without one."""
    path = file or exercise.stub
    if file is None and not path.exists():
        again = command(folder, "reset", exercise.number)
        raise UsageFault(f"{as_typed(path)} is not there; `{again}` writes a fresh one")
    return path, submissions.read(path, as_typed(path))


def _graded(
    course: Course, exercise: Exercise, submission: Submission, device: str,
    feedback: Feedback, seed: int,
) -> Report:  # fmt: skip
    """Start the clean process first, load the course second, grade third."""
    load_torch()
    from grader.sandbox import open_nursery

    nursery = open_nursery(os.environ.get("ATTN_GRADE_WORKERS", "here"))
    try:
        # From here on this process may hold answers: workers are forked from the other.
        from grader.grade import Terms, with_examiner

        terms = Terms(seed, feedback, _device(device))
        with saying("grading"):
            return with_examiner(
                course, exercise, terms, lambda examiner: examiner.report(submission, nursery)
            )
    finally:
        nursery.close()


def _device(wanted: str) -> str:
    """The device to grade on; CUDA is first touched here, after the clean process forked off."""
    import torch

    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise UsageFault(
            "there is no CUDA device here; use --device cpu, or see `attn-grade doctor`"
        )
    return "cpu"


def _show(report: Report, form: str, verbose: bool, next_step: str) -> None:
    if form == "json":
        from grader.reports.as_json import as_json

        click.echo(as_json(report))
    elif form == "junit":
        from grader.reports.junit import as_junit

        click.echo(as_junit(report))
    else:
        from rich.console import Console

        from grader.reports.text import render

        render(report, Console(highlight=False), verbose, next_step)


def _exit_code(report: Report) -> int:
    if report.faulty:
        return EXIT_FAULT
    return EXIT_PASSED if report.passed else EXIT_NOT_YET
