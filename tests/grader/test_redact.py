"""In homework a hidden step tells its outcome and its diagnosis, in whatever form it is told."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from rich.console import Console

from grader.model import Case, Certainty, Report, StepResult, Verdict
from grader.reports.as_json import as_json
from grader.reports.junit import as_junit
from grader.reports.redact import redacted
from grader.reports.text import render

from .sample_reports import (
    ALIGNS_FIRST,
    MORE_KEYS,
    STEPS,
    in_homework,
    report_of,
    right,
    with_second,
    wrong,
)

CANARY = "c4n4ry"
LINE = 31337


def as_text(report: Report, verbose: bool = False) -> str:
    file = io.StringIO()
    render(report, Console(file=file, width=80), verbose)
    return file.getvalue()


def in_full(report: Report) -> str:
    return as_text(report, verbose=True)


VIEWS = (as_text, in_full, as_json, as_junit)


@pytest.fixture
def singing() -> StepResult:
    """A hidden step in which everything that may not be told is the canary, or its number."""
    return wrong(
        STEPS[1],
        message=CANARY,
        case=Case(CANARY, ((CANARY, CANARY),), CANARY, CANARY, CANARY, CANARY),
        diagnoses=((ALIGNS_FIRST,),),
        certainty=Certainty.UNIQUE,
        line=LINE,
        output=CANARY,
        seconds=0.31337,
    )


@pytest.mark.parametrize("view", VIEWS)
def test_the_canary_sings_in_practice(singing: StepResult, view: Callable[[Report], str]) -> None:
    practice = view(with_second(singing))
    assert CANARY in practice
    assert str(LINE) in practice


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("view", VIEWS)
def test_no_canary_of_a_hidden_step_sings_in_homework(
    singing: StepResult, view: Callable[[Report], str], verdict: Verdict
) -> None:
    homework = view(in_homework(with_second(replace(singing, verdict=verdict))))
    assert CANARY not in homework
    assert str(LINE) not in homework
    assert "0.31" not in homework
    assert "The last query lines up with the last key" in homework or "test_more_keys" in homework


@pytest.mark.parametrize("view", VIEWS)
def test_its_diagnosis_stays(singing: StepResult, view: Callable[[Report], str]) -> None:
    told = " ".join(view(in_homework(with_second(singing))).split())
    assert ALIGNS_FIRST.says[4:] in told  # "you" may go on after a colon


def test_practice_is_not_redacted(singing: StepResult) -> None:
    report = with_second(singing)
    assert redacted(report) is report


def test_a_public_step_is_told_in_full(singing: StepResult) -> None:
    public = replace(singing, step=replace(STEPS[1], public=True))
    assert redacted(in_homework(report_of(public))).steps == (public,)


def test_nothing_is_said_of_a_hidden_step_that_passed() -> None:
    told = redacted(in_homework(report_of(right(STEPS[1], message=CANARY)))).steps[0]
    assert (told.message, told.points) == ("", 2)


def test_the_sentence_and_the_verdict_are_all_the_message(singing: StepResult) -> None:
    told = redacted(in_homework(report_of(replace(singing, verdict=Verdict.TIMED_OUT)))).steps[0]
    assert told.message == "The last query lines up with the last key: timed out"


def test_no_field_of_a_hidden_result_is_kept_by_oversight(singing: StepResult) -> None:
    loud = replace(singing, carried_forward=True, points=1)
    told = redacted(in_homework(report_of(loud))).steps[0]
    kept = {"step", "verdict", "points", "diagnoses", "certainty", "carried_forward"}
    blank = StepResult(step=told.step, verdict=told.verdict)
    for field in fields(StepResult):
        if field.name in kept:
            assert getattr(told, field.name) == getattr(loud, field.name), field.name
        elif field.name != "message":
            assert getattr(told, field.name) == getattr(blank, field.name), field.name


@pytest.mark.parametrize("seconds, told", [(1.25, 2.0), (0.01, 1.0), (3.0, 3.0)])
def test_the_time_is_told_in_whole_seconds(seconds: float, told: float) -> None:
    assert redacted(in_homework(report_of(seconds=seconds))).seconds == told


SAID = "SyntaxError on line 14: '(' was never closed."


def test_what_a_note_tells_in_full_is_one_cause_for_hidden_steps_too() -> None:
    broken = [wrong(step, Verdict.RAISED, message=SAID, line=14) for step in STEPS]
    homework = in_homework(report_of(*broken, notes=(SAID,)))
    assert as_text(homework).split("\n")[2:6] == [
        "One cause for all 8 steps",
        f"  {SAID}",
        "  exercises/03_causal_mask.py:14",
        "",
    ]
    assert as_text(homework).count("SyntaxError") == 1
    assert as_junit(homework).count(f'message="{SAID}"') == 8


def test_a_case_of_such_a_step_stays_hidden_all_the_same() -> None:
    broken = wrong(STEPS[1], Verdict.RAISED, message=SAID, case=MORE_KEYS, output=CANARY)
    told = redacted(in_homework(report_of(broken, notes=(SAID,)))).steps[0]
    assert (told.message, told.case, told.output) == (SAID, None, "")


def test_a_number_that_was_measured_in_a_hidden_step_stays_there(singing: StepResult) -> None:
    measured = replace(
        ALIGNS_FIRST, id="probes.scale", says=f"It is {CANARY} times too large.", in_general="Some."
    )
    report = in_homework(with_second(replace(singing, diagnoses=((measured,),))))
    homework = redacted(report).steps[1]
    assert homework.diagnoses[0][0].says == "Some."
