"""The JUnit view: a testcase per step, and each verdict where CI looks for it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from grader.model import (
    Case,
    Environment,
    Feedback,
    Hashes,
    Misconception,
    Report,
    Step,
    StepResult,
    Verdict,
)
from grader.reports.junit import as_junit

ALIGNS_FIRST = Misconception(
    "03_causal_mask.aligns_the_first_tokens", "causal_mask", "You lined up the first tokens."
)
STRICT = Misconception("03_causal_mask.strict", "causal_mask", "You hide a token from itself.")
MORE_KEYS = Step("test_more_keys", "causal_mask", "The last query lines up", 2)
CANARY = "c4n4ry"


def report_of(*results: StepResult, **changes: object) -> Report:
    report = Report(
        exercise="03_causal_mask",
        title="Causal mask",
        path="exercises/03_causal_mask.py",
        sha256="a" * 64,
        seed=2017,
        feedback=Feedback.PRACTICE,
        steps=results,
        hashes=Hashes(suite="b" * 64, solution="c" * 64, course="d" * 64),
        environment=Environment("0.1.0", "3.11.7", "2.13.0", "cpu", "no sandbox"),
        seconds=0.417,
    )
    return replace(report, **changes)


def suite_of(report: Report) -> Element:
    (suite,) = ElementTree.fromstring(as_junit(report))
    return suite


def case_of(report: Report) -> Element:
    (case,) = suite_of(report).iter("testcase")
    return case


def properties_of(element: Element) -> dict[str | None, str | None]:
    return {one.get("name"): one.get("value") for one in element.iterfind("properties/property")}


@pytest.fixture
def failed() -> StepResult:
    return StepResult(
        step=MORE_KEYS,
        verdict=Verdict.FAILED,
        message="The shape is right.",
        diagnoses=((ALIGNS_FIRST,), (STRICT, ALIGNS_FIRST)),
        case=Case(
            call="causal_mask(2, 5)",
            inputs=(("n_q", "2"),),
            returned="[[1, 0]]",
            expected="[[1, 1]]",
            difference="at [0, 1] it says False",
            pattern="only the last row is right",
        ),
        line=14,
        output="hello\n",
        seconds=0.25,
    )


def test_a_report_is_a_suite_with_its_counts() -> None:
    verdicts = [
        Verdict.PASSED, Verdict.FAILED, Verdict.NOT_STARTED, Verdict.SKIPPED, Verdict.GRADER_ERROR
    ]  # fmt: skip
    suite = suite_of(report_of(*(StepResult(MORE_KEYS, verdict) for verdict in verdicts)))
    assert suite.attrib == {
        "name": "03_causal_mask",
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
        "time": "0.417",
    }


def test_a_suite_says_what_was_graded_and_under_what() -> None:
    suite = suite_of(report_of(StepResult(MORE_KEYS, Verdict.PASSED, 2), student="ada"))
    assert properties_of(suite) == {
        "points": "2",
        "max_points": "2",
        "submission": "exercises/03_causal_mask.py",
        "sha256": "a" * 64,
        "seed": "2017",
        "feedback": "practice",
        "isolation": "no sandbox",
        "student": "ada",
    }


def test_a_passed_step_is_a_testcase_with_its_points() -> None:
    case = case_of(report_of(StepResult(MORE_KEYS, Verdict.PASSED, 2, seconds=0.1234)))
    assert case.attrib == {
        "classname": "03_causal_mask.causal_mask",
        "name": "test_more_keys",
        "time": "0.123",
    }
    assert properties_of(case) == {"points": "2", "max_points": "2"}
    assert [child.tag for child in case] == ["properties"]


def test_a_failed_step_is_a_failure_that_tells_everything(failed: StepResult) -> None:
    case = case_of(report_of(failed))
    assert case.get("file") == "exercises/03_causal_mask.py"
    assert case.get("line") == "14"
    assert properties_of(case) == {"points": "0", "max_points": "2"}
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "The shape is right.", "type": "failed"}
    assert failure.text == (
        "The last query lines up: failed\n"
        "The shape is right.\n"
        "call: causal_mask(2, 5)\n"
        "n_q = 2\n"
        "came back: [[1, 0]]\n"
        "expected: [[1, 1]]\n"
        "difference: at [0, 1] it says False\n"
        "pattern: only the last row is right\n"
        "This looks like: You lined up the first tokens.\n"
        "or: You hide a token from itself. And: You lined up the first tokens."
    )
    assert case.findtext("system-out") == "hello\n"


@pytest.mark.parametrize(
    "verdict, tag",
    [
        ("failed", "failure"),
        ("raised", "failure"),
        ("not_started", "failure"),
        ("timed_out", "failure"),
        ("out_of_memory", "failure"),
        ("crashed", "failure"),
        ("forbidden", "failure"),
        ("skipped", "skipped"),
        ("grader_error", "error"),
    ],
)
def test_every_verdict_but_a_pass_has_its_element(verdict: str, tag: str) -> None:
    case = case_of(report_of(StepResult(MORE_KEYS, Verdict(verdict))))
    assert [child.tag for child in case] == ["properties", tag]
    sentence = f"The last query lines up: {verdict.replace('_', ' ')}"
    assert case[1].get("message") == sentence
    assert case[1].text == sentence


def test_what_xml_cannot_hold_is_spelt_out(failed: StepResult) -> None:
    nasty = "<b>&\x00\x08\x1b[1m\x85\ud800\ufffe]]>\u202e"
    strange = replace(failed, message=nasty, output=nasty)
    text = as_junit(report_of(strange, path=nasty, notes=(nasty,)))
    assert text.isascii()
    case = ElementTree.fromstring(text).find("testsuite/testcase")
    assert case is not None
    spelt = "<b>&\\x00\\x08\\x1b[1m\\x85\\ud800\\ufffe]]>\\u202e"
    assert case.findtext("system-out") == spelt
    assert case[1].get("message") == spelt


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_canary_of_a_hidden_step_sings_in_homework(failed: StepResult, verdict: Verdict) -> None:
    singing = replace(
        failed,
        verdict=verdict,
        message=CANARY,
        case=Case(CANARY, ((CANARY, CANARY),), CANARY, CANARY, CANARY, CANARY),
        line=31337,
        output=CANARY,
        seconds=0.313,
    )
    practice = as_junit(report_of(singing))
    assert CANARY in practice
    assert "31337" in practice
    assert "0.313" in practice
    homework = as_junit(report_of(singing, feedback=Feedback.HOMEWORK))
    assert CANARY not in homework
    assert "31337" not in homework
    assert "0.313" not in homework
    assert "test_more_keys" in homework


def test_a_diagnosis_stays_in_homework(failed: StepResult) -> None:
    failure = case_of(report_of(failed, feedback=Feedback.HOMEWORK)).find("failure")
    assert failure is not None
    assert failure.text == (
        "The last query lines up: failed\n"
        "This looks like: You lined up the first tokens.\n"
        "or: You hide a token from itself. And: You lined up the first tokens."
    )
