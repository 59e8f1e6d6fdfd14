"""`--format json` prints schema 1."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from grader.model import Case, Certainty, Report, Step, StepResult
from grader.reports.as_json import as_json, document

from .sample_reports import ALIGNS_FIRST, MORE_KEYS, STEPS, STRICT, report_of, right, wrong


@pytest.fixture
def failed() -> StepResult:
    return wrong(
        Step("test_bool", "causal_mask", "The mask is boolean, not −∞", 1, ("test_square",)),
        message="The shape is right.",
        diagnoses=((ALIGNS_FIRST,), (STRICT, ALIGNS_FIRST)),
        certainty=Certainty.AMBIGUOUS,
        case=MORE_KEYS,
        line=21,
        output="hello\n",
        seconds=0.0123456789,
    )


@pytest.fixture
def report(failed: StepResult) -> Report:
    passed = right(replace(STEPS[0], public=True), carried_forward=True, seconds=0.5)
    return report_of(passed, failed, path="mine.py", seconds=1.25)


def test_a_report_is_this_document(report: Report) -> None:
    aligns_first = {
        "id": "03_causal_mask.early",
        "function": "causal_mask",
        "says": "You lined up the first query with the first key.",
    }
    strict = {
        "id": "03_causal_mask.strict",
        "function": "causal_mask",
        "says": "Your mask hides a token itself.",
    }
    assert document(report) == {
        "schema": 1,
        "exercise": "03_causal_mask",
        "submission": {"path": "mine.py", "sha256": "5ab" * 21},
        "seed": 2017,
        "feedback": "practice",
        "score": 2,
        "max_score": 3,
        "passed": False,
        "steps": [
            {
                "id": "test_square",
                "function": "causal_mask",
                "title": "Query i may see the keys 0 to i",
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
                "id": "test_bool",
                "function": "causal_mask",
                "title": "The mask is boolean, not −∞",
                "public": False,
                "needs": ["test_square"],
                "verdict": "failed",
                "points": 0,
                "max_points": 1,
                "message": "The shape is right.",
                "diagnoses": [[aligns_first], [strict, aligns_first]],
                "certainty": "ambiguous",
                "carried_forward": False,
                "case": {
                    "call": "causal_mask(2, 5)",
                    "inputs": [{"name": "n_q", "value": "2"}, {"name": "n_k", "value": "5"}],
                    "returned": "[[1, 0, 0, 0, 0],\n [1, 1, 0, 0, 0]]",
                    "expected": "[[1, 1, 1, 1, 0],\n [1, 1, 1, 1, 1]]",
                    "difference": "at [0, 1] it says False where True belongs",
                    "pattern": "only the first column is right",
                },
                "line": 21,
                "output": "hello\n",
                "seconds": 0.012346,
            },
        ],
        "hashes": {"suite": "1" * 64, "solution": "2" * 64, "course": "3" * 64},
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
    bare = replace(failed, case=Case(call="causal_mask(2, 5)"))
    told = document(replace(report, steps=(bare,)))
    assert told["steps"][0]["case"] == {"call": "causal_mask(2, 5)"}


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
