"""The Report as JSON, schema 1: what `--format json` prints."""

from __future__ import annotations

import json
import math
from typing import Any

from grader.model import Case, Report, StepResult
from grader.reports.escape import escaped
from grader.reports.redact import redacted

SCHEMA = 1


def as_json(report: Report) -> str:
    """The report as one JSON object, in ASCII, so that any pipe carries it unharmed."""
    return json.dumps(document(report), indent=2, allow_nan=False)


def document(report: Report) -> dict[str, Any]:
    """The report as plain dicts, lists, strings and numbers, in the schema's order.

    Homework feedback is redacted here as in every view. `student`, `notes`, and a step's
    `case`, `line` and `output` are only there when there is something in them.
    """
    told = escaped(redacted(report))
    return {
        "schema": SCHEMA,
        "exercise": told.exercise,
        "submission": {"path": told.path, "sha256": told.sha256},
        **({} if told.student is None else {"student": told.student}),
        "seed": told.seed,
        "feedback": told.feedback.value,
        "score": told.score,
        "max_score": told.max_score,
        "passed": told.passed,
        "steps": [_step(result) for result in told.steps],
        "hashes": {
            "suite": told.hashes.suite,
            "solution": told.hashes.solution,
            "course": told.hashes.course,
        },
        "environment": {
            "grader": told.environment.grader,
            "python": told.environment.python,
            "torch": told.environment.torch,
            "device": told.environment.device,
            "isolation": told.environment.isolation,
        },
        "seconds": _seconds(told.seconds),
        **({"notes": list(told.notes)} if told.notes else {}),
    }


def _step(result: StepResult) -> dict[str, Any]:
    step = result.step
    return {
        "id": step.id,
        "function": step.function,
        "title": step.title,
        "public": step.public,
        "needs": list(step.needs),
        "verdict": result.verdict.value,
        "points": result.points,
        "max_points": step.points,
        "message": result.message,
        "diagnoses": [
            [{"id": one.id, "function": one.function, "says": one.says} for one in together]
            for together in result.diagnoses
        ],
        "certainty": result.certainty.value,
        "carried_forward": result.carried_forward,
        **({} if result.case is None else {"case": _case(result.case)}),
        **({} if result.line is None else {"line": result.line}),
        **({"output": result.output} if result.output else {}),
        "seconds": _seconds(result.seconds),
    }


def _case(case: Case) -> dict[str, Any]:
    parts = {
        "call": case.call,
        "inputs": [{"name": name, "value": value} for name, value in case.inputs],
        "returned": case.returned,
        "expected": case.expected,
        "difference": case.difference,
        "pattern": case.pattern,
    }
    return {name: part for name, part in parts.items() if part}


def _seconds(seconds: float) -> float:
    # JSON has no NaN and no infinity; a microsecond is finer than any clock that matters here.
    return round(seconds, 6) if math.isfinite(seconds) else 0.0
