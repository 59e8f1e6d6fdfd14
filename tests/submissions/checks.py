"""What must hold of every program's Report; each file of tests imports these for its programs."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from grader.course import Course
from grader.model import Report, StepResult, Verdict
from grader.reports.as_json import as_json
from grader.reports.junit import as_junit
from grader.reports.text import render

from .exam import Attempts
from .programs import Program

MOST_SHOWN = 4  # characters shown for one that cannot be: \x1b


def allowed(program: Program, result: StepResult, report: Report) -> list[str]:
    """The verdicts that a step may have."""
    step = result.step
    named = step.id if step.id in program.verdicts else step.function
    wanted = program.verdicts[named]
    verdicts = [wanted] if isinstance(wanted, str) else wanted
    passed = {one.step.id for one in report.steps if one.verdict is Verdict.PASSED}
    return verdicts if passed.issuperset(step.needs) else [*verdicts, "skipped"]


def test_every_step_gets_a_verdict_that_it_may_have(program: Program, attempts: Attempts) -> None:
    report = attempts.report(program)
    wrong = {
        result.step.id: f"{result.verdict}, not {' or '.join(allowed(program, result, report))}"
        for result in report.steps
        if result.verdict not in allowed(program, result, report)
    }
    assert not wrong


def test_the_score_is_what_passed_of_a_fixed_maximum(
    program: Program, attempts: Attempts, course: Course
) -> None:
    report = attempts.report(program)
    steps = course.exercise(program.exercise).steps
    assert [result.step for result in report.steps] == list(steps)
    assert report.max_score == sum(step.points for step in steps)
    assert [result.points for result in report.steps] == [
        result.step.points if result.verdict is Verdict.PASSED else 0 for result in report.steps
    ]
    assert report.score == sum(result.points for result in report.steps)
    assert not report.faulty


def test_it_says_what_it_must(program: Program, attempts: Attempts) -> None:
    report = attempts.report(program)
    said = "\n".join(f"{result.message}\n{result.case}" for result in report.steps)
    printed = "\n".join(result.output for result in report.steps)
    for text, place in [(said, "says"), (printed, "output"), ("\n".join(report.notes), "notes")]:
        assert [one for one in program.texts(place) if one not in text] == []
    first = next((r for r in report.steps if r.verdict is not Verdict.PASSED), None)
    if "line" in program.rest:
        assert first is not None and first.line == program.rest["line"]
    for result in report.steps:
        assert result.verdict is Verdict.PASSED or result.message


def test_the_mistakes_that_are_known_are_named_and_no_others(
    program: Program, attempts: Attempts
) -> None:
    report = attempts.report(program)
    named = {one.id for r in report.steps for together in r.diagnoses for one in together}
    assert named == set(program.texts("names"))


def test_every_view_shows_it_on_one_screen_and_without_harm(
    program: Program, attempts: Attempts, course: Course
) -> None:
    report = attempts.report(program)
    short, full = io.StringIO(), io.StringIO()
    render(report, Console(file=short, width=80), next_step="attn-grade list")
    render(report, Console(file=full, width=80), verbose=True)
    views = [short.getvalue(), full.getvalue(), as_json(report), as_junit(report)]
    for view in views:
        assert [one for one in program.texts("never") if one in view] == []
        assert not [c for c in view if not c.isprintable() and c != "\n"]
        view.encode("utf-8")  # no half of a surrogate pair
    told = " ".join(full.getvalue().split())
    assert [one for one in program.texts("says") if " ".join(one.split()) not in told] == []
    ET.fromstring(as_junit(report))
    assert len(short.getvalue().splitlines()) <= 24
    limit = course.settings.limits.output_kib << 10
    assert all(len(result.output) <= MOST_SHOWN * limit for result in report.steps)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to count processes in")
def test_no_process_is_left_behind(tidy: Program, attempts: Attempts) -> None:
    assert attempts.of(tidy).left <= 0
