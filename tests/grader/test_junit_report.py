"""The JUnit view: a testcase per step, and each verdict where CI looks for it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from grader.model import Report, StepResult, Verdict
from grader.reports.junit import as_junit

from .sample_reports import ALIGNS_FIRST, MORE_KEYS, STEPS, STRICT, in_homework, report_of, wrong

STEP = STEPS[1]


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
    return wrong(
        STEP,
        message="The shape is right.",
        diagnoses=((ALIGNS_FIRST,), (STRICT, ALIGNS_FIRST)),
        case=MORE_KEYS,
        line=14,
        output="hello\n",
        seconds=0.25,
    )


def test_a_report_is_a_suite_with_its_counts() -> None:
    verdicts = [
        Verdict.PASSED, Verdict.FAILED, Verdict.NOT_STARTED, Verdict.SKIPPED, Verdict.GRADER_ERROR
    ]  # fmt: skip
    suite = suite_of(report_of(*(StepResult(STEP, verdict) for verdict in verdicts)))
    assert suite.attrib == {
        "name": "03_causal_mask",
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
        "time": "0.417",
    }


def test_a_suite_says_what_was_graded_and_under_what() -> None:
    suite = suite_of(report_of(StepResult(STEP, Verdict.PASSED, 2), student="ada"))
    assert properties_of(suite) == {
        "points": "2",
        "max_points": "2",
        "submission": "exercises/03_causal_mask.py",
        "sha256": "5ab" * 21,
        "seed": "2017",
        "feedback": "practice",
        "isolation": "no sandbox",
        "student": "ada",
    }


def test_a_passed_step_is_a_testcase_with_its_points() -> None:
    case = case_of(report_of(StepResult(STEP, Verdict.PASSED, 2, seconds=0.1234)))
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
        "The last query lines up with the last key: failed\n"
        "The shape is right.\n"
        "call: causal_mask(2, 5)\n"
        "n_q = 2\n"
        "n_k = 5\n"
        "came back:\n"
        "[[1, 0, 0, 0, 0],\n"
        " [1, 1, 0, 0, 0]]\n"
        "expected:\n"
        "[[1, 1, 1, 1, 0],\n"
        " [1, 1, 1, 1, 1]]\n"
        "difference: at [0, 1] it says False where True belongs\n"
        "pattern: only the first column is right\n"
        "Which query is the newest?\n"
        "This looks like: You lined up the first query with the first key. [03.early]\n"
        "or: Your mask hides a token itself. [03.strict]"
        " And: You lined up the first query with the first key. [03.early]"
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
    case = case_of(report_of(StepResult(STEP, Verdict(verdict))))
    assert [child.tag for child in case] == ["properties", tag]
    sentence = f"The last query lines up with the last key: {verdict.replace('_', ' ')}"
    assert case[1].get("message") == sentence
    asked = "\nWhich query is the newest?" if verdict == "failed" else ""
    assert case[1].text == sentence + asked


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


def test_notes_stand_below_all_testcases() -> None:
    suite = suite_of(report_of(StepResult(STEP, Verdict.PASSED, 2), notes=("One.", "Two.")))
    assert [child.tag for child in suite] == ["properties", "testcase", "system-out"]
    assert suite.findtext("system-out") == "One.\nTwo."


def test_a_diagnosis_stays_in_homework(failed: StepResult) -> None:
    failure = case_of(in_homework(report_of(failed))).find("failure")
    assert failure is not None
    assert failure.text == (
        "The last query lines up with the last key: failed\n"
        "Which query is the newest?\n"
        "This looks like: You lined up the first query with the first key. [03.early]\n"
        "or: Your mask hides a token itself. [03.strict]"
        " And: You lined up the first query with the first key. [03.early]"
    )
