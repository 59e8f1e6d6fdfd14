"""`--format json` prints schema 1, and homework keeps hidden steps hidden in it."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from grader.model import (
    Case,
    Certainty,
    Environment,
    Feedback,
    Hashes,
    Misconception,
    Report,
    Step,
    StepResult,
    Verdict,
)
from grader.reports.as_json import as_json, document
from grader.reports.redact import redacted

SCALES = Misconception(
    "02_scaled_scores.divides_by_width", "scale_scores", "You divide by d.", "Not its root?"
)
TURNS = Misconception("02_scaled_scores.turns", "dot_scores", "You turn the scores around.")
CANARY = "c4n4ry"


@pytest.fixture
def failed() -> StepResult:
    return StepResult(
        step=Step("test_scale", "scale_scores", "Scores shrink by √d_k", 3, ("test_dot",)),
        verdict=Verdict.FAILED,
        points=0,
        message="The shape is right.",
        diagnoses=((SCALES,), (TURNS, SCALES)),
        certainty=Certainty.AMBIGUOUS,
        case=Case(
            call="scale_scores(scores, 16)",
            inputs=(("scores", "[[4.0]]"), ("d_k", "16")),
            returned="[[0.25]]",
            expected="[[1.0]]",
            difference="at [0, 0] it is 0.25 where 1.0 belongs",
            pattern="everything is too small by the factor 4",
        ),
        line=21,
        output="hello\n",
        seconds=0.0123456789,
    )


@pytest.fixture
def report(failed: StepResult) -> Report:
    passed = StepResult(
        step=Step("test_dot", "dot_scores", "Every query meets every key", 2, public=True),
        verdict=Verdict.PASSED,
        points=2,
        carried_forward=True,
        seconds=0.5,
    )
    return Report(
        exercise="02_scaled_scores",
        title="Scaled scores",
        path="mine.py",
        sha256="a" * 64,
        seed=2017,
        feedback=Feedback.PRACTICE,
        steps=(passed, failed),
        hashes=Hashes(suite="b" * 64, solution="c" * 64, course="d" * 64),
        environment=Environment("0.1.0", "3.11.7", "2.13.0", "cpu", "no sandbox"),
        seconds=1.25,
    )


def in_homework(report: Report) -> Report:
    return replace(report, feedback=Feedback.HOMEWORK)


def test_a_report_is_this_document(report: Report) -> None:
    assert document(report) == {
        "schema": 1,
        "exercise": "02_scaled_scores",
        "submission": {"path": "mine.py", "sha256": "a" * 64},
        "seed": 2017,
        "feedback": "practice",
        "score": 2,
        "max_score": 5,
        "passed": False,
        "steps": [
            {
                "id": "test_dot",
                "function": "dot_scores",
                "title": "Every query meets every key",
                "public": True,
                "needs": [],
                "verdict": "passed",
                "points": 2,
                "max_points": 2,
                "message": "",
                "diagnoses": [],
                "certainty": "none",
                "carried_forward": True,
                "seconds": 0.5,
            },
            {
                "id": "test_scale",
                "function": "scale_scores",
                "title": "Scores shrink by √d_k",
                "public": False,
                "needs": ["test_dot"],
                "verdict": "failed",
                "points": 0,
                "max_points": 3,
                "message": "The shape is right.",
                "diagnoses": [
                    [
                        {
                            "id": "02_scaled_scores.divides_by_width",
                            "function": "scale_scores",
                            "says": "You divide by d.",
                        }
                    ],
                    [
                        {
                            "id": "02_scaled_scores.turns",
                            "function": "dot_scores",
                            "says": "You turn the scores around.",
                        },
                        {
                            "id": "02_scaled_scores.divides_by_width",
                            "function": "scale_scores",
                            "says": "You divide by d.",
                        },
                    ],
                ],
                "certainty": "ambiguous",
                "carried_forward": False,
                "case": {
                    "call": "scale_scores(scores, 16)",
                    "inputs": [
                        {"name": "scores", "value": "[[4.0]]"},
                        {"name": "d_k", "value": "16"},
                    ],
                    "returned": "[[0.25]]",
                    "expected": "[[1.0]]",
                    "difference": "at [0, 0] it is 0.25 where 1.0 belongs",
                    "pattern": "everything is too small by the factor 4",
                },
                "line": 21,
                "output": "hello\n",
                "seconds": 0.012346,
            },
        ],
        "hashes": {"suite": "b" * 64, "solution": "c" * 64, "course": "d" * 64},
        "environment": {
            "grader": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "device": "cpu",
            "isolation": "no sandbox",
        },
        "seconds": 1.25,
    }


def test_the_keys_stand_in_the_order_of_the_schema(report: Report) -> None:
    whole = replace(report, student="ada", notes=("A remark.",))
    assert list(json.loads(as_json(whole))) == [
        "schema", "exercise", "submission", "student", "seed", "feedback", "score", "max_score",
        "passed", "steps", "hashes", "environment", "seconds", "notes",
    ]  # fmt: skip


def test_a_student_and_notes_are_there_when_there_are_any(report: Report) -> None:
    told = document(replace(report, student="ada", notes=("One.", "Two.")))
    assert told["student"] == "ada"
    assert told["notes"] == ["One.", "Two."]


def test_a_case_says_nothing_of_what_it_does_not_have(report: Report, failed: StepResult) -> None:
    bare = replace(failed, case=Case(call="scale_scores(scores, 16)"))
    told = document(replace(report, steps=(bare,)))
    assert told["steps"][0]["case"] == {"call": "scale_scores(scores, 16)"}


def test_the_text_is_the_document_in_ascii(report: Report) -> None:
    text = as_json(report)
    assert text.isascii()
    assert json.loads(text) == document(report)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_a_clock_gone_wrong_does_not_make_bad_json(report: Report, seconds: float) -> None:
    text = as_json(replace(report, seconds=seconds))
    refuse = pytest.fail
    assert json.loads(text, parse_constant=refuse)["seconds"] == 0.0


def test_control_characters_and_lone_surrogates_arrive_spelt_out(
    report: Report, failed: StepResult
) -> None:
    strange = replace(failed, message="a\x1b[2J\u202e", output="b\udc80\nc")
    told = json.loads(as_json(replace(report, steps=(strange,), path="d\udcff.py")))
    assert told["steps"][0]["message"] == "a\\x1b[2J\\u202e"
    assert told["steps"][0]["output"] == "b\\udc80\nc"
    assert told["submission"]["path"] == "d\\udcff.py"


def test_practice_is_not_redacted(report: Report) -> None:
    assert redacted(report) is report


def test_homework_keeps_of_a_hidden_step_its_outcome_and_diagnosis(report: Report) -> None:
    hidden = document(in_homework(report))["steps"][1]
    open_one = document(report)["steps"][1]
    kept = ("id", "function", "title", "public", "needs", "verdict", "points", "max_points",
            "diagnoses", "certainty", "carried_forward")  # fmt: skip
    assert hidden == {
        **{key: open_one[key] for key in kept},
        "message": "Scores shrink by √d_k: failed",
        "seconds": 0.0,
    }


def test_homework_shows_a_public_step_in_full(report: Report, failed: StepResult) -> None:
    public = replace(failed, step=replace(failed.step, public=True))
    told = redacted(in_homework(replace(report, steps=(public,))))
    assert told.steps == (public,)


def test_homework_says_nothing_of_a_hidden_step_that_passed(report: Report) -> None:
    (first, second) = report.steps
    passed = replace(second, verdict=Verdict.PASSED, points=3, message=CANARY)
    told = redacted(in_homework(replace(report, steps=(first, passed)))).steps[1]
    assert told.message == ""
    assert told.points == 3


def test_no_field_of_a_hidden_result_is_kept_by_oversight(report: Report) -> None:
    told = redacted(in_homework(report)).steps[1]
    kept = {"step", "verdict", "points", "message", "diagnoses", "certainty", "carried_forward"}
    blank = StepResult(step=told.step, verdict=told.verdict)
    for field in fields(StepResult):
        if field.name not in kept:
            assert getattr(told, field.name) == getattr(blank, field.name), field.name


def test_homework_tells_the_time_in_whole_seconds(report: Report) -> None:
    assert redacted(in_homework(report)).seconds == 2.0


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_canary_of_a_hidden_step_sings_in_homework(
    report: Report, failed: StepResult, verdict: Verdict
) -> None:
    singing = replace(
        failed,
        verdict=verdict,
        message=CANARY,
        case=Case(CANARY, ((CANARY, CANARY),), CANARY, CANARY, CANARY, CANARY),
        line=31337,
        output=CANARY,
        seconds=0.31337,
    )
    practice = replace(report, steps=(singing,))
    assert as_json(practice).count(CANARY) == 9
    assert as_json(practice).count("31337") == 2
    homework = as_json(in_homework(practice))
    assert CANARY not in homework
    assert "31337" not in homework
