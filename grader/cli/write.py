"""The commands of those who write exercises, and `doctor` for everybody."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from grader.catalogue import PAGE as catalogue_page
from grader.cli.loading import load_torch
from grader.cli.spelling import command
from grader.course import Course, Exercise, source_of
from grader.errors import EXIT_FAULT, EXIT_NOT_YET
from grader.reports.escape import encodable
from grader.spread import processors, spread

FIGURES = Path("docs", "figures.md")


_jobs = click.option(
    "-j", "--jobs", type=click.IntRange(1), default=processors, show_default="one per processor",
    help="How many exercises are looked at at once.",
)  # fmt: skip


@click.group()
def author() -> None:
    """Write exercises: new, stub, verify, catalogue."""


def _chosen(folder: Path | None, names: tuple[str, ...]) -> tuple[Course, tuple[Exercise, ...]]:
    course = Course.chosen(folder)
    return course, tuple(course.exercise(name) for name in names) or course.exercises


@author.command()
@click.argument("exercises", nargs=-1)
@click.option("--force", is_flag=True, help="Overwrite stubs that somebody has filled in.")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail where one drifted.")
@click.pass_obj
def stub(folder: Path | None, exercises: tuple[str, ...], force: bool, only_check: bool) -> None:
    """Derive the stubs of EXERCISES (all, if none is named) from their solutions."""
    from grader.author import drifted, write_stubs

    _, chosen = _chosen(folder, exercises)
    if only_check:
        found = [f"{exercise.stub}: {says}" for exercise in chosen for says in drifted(exercise)]
        click.echo("\n".join(found) or "every stub fits its solution")
        sys.exit(EXIT_NOT_YET if found else 0)
    for written in write_stubs(chosen, force):
        click.echo(f"{written.path}  {written.says}")


@author.command()
@click.argument("name")
@click.pass_obj
def new(folder: Path | None, name: str) -> None:
    """Lay down a new last exercise called NAME: lesson, stub, solution, suite."""
    from grader.author import new_exercise

    course, _ = _chosen(folder, ())
    for path in new_exercise(course, name):
        click.echo(f"wrote {path.relative_to(course.root)}")
    click.echo(f"Next: {command(folder, 'author', 'verify', name)}")


@author.command()
@click.argument("exercises", nargs=-1)
@click.option("--draft", is_flag=True, help="Report what is missing, and exit with 0 all the same.")
@click.option("--write", is_flag=True, help=f"Write the table to {FIGURES} as well.")
@_jobs
@click.pass_obj
def verify(
    folder: Path | None, exercises: tuple[str, ...], draft: bool, write: bool, jobs: int
) -> None:
    """Prove that EXERCISES (all, if none is named) keep their promises, with figures."""
    course, chosen = _chosen(folder, exercises)
    if write and chosen != course.exercises:
        raise click.UsageError("--write is for the whole course; name no exercise")
    load_torch()
    from grader.figures import Figures, heading, page, row
    from grader.verify import verify as verified

    click.echo(heading())
    measured: list[Figures] = []
    for figures in spread(verified, course, chosen, jobs):
        measured.append(figures)
        click.echo(row(figures))
    findings = [finding for figures in measured for finding in figures.findings]
    for finding in findings:
        click.echo(f"{finding.exercise}: {finding.where}: {finding.says}")
    click.echo(f"{len(findings)} findings" if findings else "every promise is kept")
    if write and not findings:  # the page says what is proven
        (course.root / FIGURES).parent.mkdir(exist_ok=True)
        (course.root / FIGURES).write_text(page(measured), encoding="utf-8")
        click.echo(f"wrote {FIGURES}")
    sys.exit(EXIT_FAULT if findings and not draft else 0)


@author.command("catalogue")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail where it is stale.")
@_jobs
@click.pass_obj
def write_catalogue(folder: Path | None, only_check: bool, jobs: int) -> None:
    """Write the catalogue of all mistakes that can be named, from the solutions."""
    course = Course.chosen(folder)
    load_torch()
    from grader.survey import catalogue

    text, path = catalogue(course, jobs), course.root / catalogue_page
    present = source_of(path) if path.exists() else ""
    if only_check:
        click.echo(f"{catalogue_page} {'is up to date' if present == text else 'is stale'}")
        sys.exit(0 if present == text else EXIT_NOT_YET)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {catalogue_page}")


@click.command()
@click.pass_obj
def doctor(folder: Path | None) -> None:
    """Look at this machine, and say what to do about what is missing."""
    from grader.doctor import State, examine

    try:
        course: Path | str = Course.chosen(folder).root
    except click.ClickException as error:
        course = error.format_message()
    encoding = sys.stdout.encoding
    findings = examine(course, encoding)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        lines = [f"{finding.state:<8}{finding.subject:<{width}}  {finding.detail}"]
        lines += [f"{'':<8}{'':<{width}}  → {finding.repair}"] if finding.repair else []
        click.echo(encodable("\n".join(lines), encoding))
    sys.exit(EXIT_FAULT if any(f.state is State.MISSING for f in findings) else 0)


COMMANDS = (author, doctor)
