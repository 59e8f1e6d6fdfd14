"""Reports for the tests of what is made from them: one exercise, its steps and its mistakes."""

from __future__ import annotations

from dataclasses import replace

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

ALIGNS_FIRST = Misconception(
    "03_causal_mask.early",
    "causal_mask",
    "You lined up the first query with the first key.",
    "Which ends should meet?",
    "With cached keys the queries are the last tokens.",
)
STRICT = Misconception("03_causal_mask.strict", "causal_mask", "Your mask hides a token itself.")
MORE_KEYS = Case(
    call="causal_mask(2, 5)",
    inputs=(("n_q", "2"), ("n_k", "5")),
    returned="[[1, 0, 0, 0, 0],\n [1, 1, 0, 0, 0]]",
    expected="[[1, 1, 1, 1, 0],\n [1, 1, 1, 1, 1]]",
    difference="at [0, 1] it says False where True belongs",
    pattern="only the first column is right",
)
STEPS = (
    Step("test_square", "causal_mask", "Query i may see the keys 0 to i", 2),
    Step(
        "test_more_keys",
        "causal_mask",
        "The last query lines up with the last key",
        2,
        question="Which query is the newest?",
    ),
    Step("test_one", "causal_mask", "One token sees itself", 1),
    Step("test_bool", "causal_mask", "The mask is boolean", 1, needs=("test_square",)),
    Step("test_device", "causal_mask", "It lies on the given device", 1, needs=("test_more_keys",)),
    Step("test_apply", "apply_mask", "Where the mask is False the score becomes −∞", 2),
    Step("test_broadcast", "apply_mask", "One mask serves every batch and head", 2),
    Step("test_args", "apply_mask", "The scores are left as they were", 1, needs=("test_apply",)),
)


def report_of(*results: StepResult, **changes: object) -> Report:
    """A report of these steps, with some of its fields as they are given."""
    report = Report(
        exercise="03_causal_mask",
        title="Causal mask",
        path="exercises/03_causal_mask.py",
        sha256="5ab" * 21,
        seed=2017,
        feedback=Feedback.PRACTICE,
        steps=results,
        hashes=Hashes(suite="1" * 64, solution="2" * 64, course="3" * 64),
        environment=Environment("0.1.0", "3.11.7", "2.13.0", "cpu", "no sandbox"),
        seconds=0.417,
    )
    return replace(report, **changes)


def right(step: Step, **changes: object) -> StepResult:
    return StepResult(step, Verdict.PASSED, step.points, **changes)


def wrong(step: Step, verdict: Verdict = Verdict.FAILED, **changes: object) -> StepResult:
    return StepResult(step, verdict, 0, **changes)


def with_second(second: StepResult) -> Report:
    """All steps right but the second."""
    return report_of(right(STEPS[0]), second, *map(right, STEPS[2:]))


def in_homework(report: Report) -> Report:
    return replace(report, feedback=Feedback.HOMEWORK)
