"""A function that answers one question in two ways is told so, when nothing is gained by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.course import Course
from grader.model import Report, StepResult, Verdict

from .in_workers import Graded, grading

ROOT = Path(__file__).parents[2]
MASK = """
import random
import torch

def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
"""
RIGHT = "    return scores.masked_fill(~mask, float('-inf'))\n"


@pytest.fixture(scope="module")
def graded() -> Iterator[Graded]:
    """Grades a source as an exercise's submission, in workers."""
    with grading(Course.open(ROOT)) as grade:
        yield lambda exercise, source: grade(source, exercise)


def of(report: Report, function: str) -> list[StepResult]:
    return [result for result in report.steps if result.step.function == function]


def mistakes(results: list[StepResult]) -> set[str]:
    return {one.id for r in results for together in r.diagnoses for one in together}


@pytest.mark.parametrize(
    "noise, chance",
    [("torch.rand(())", True), ("random.random()", True), ("1.0", False), ("mask.sum()", False)],
)
def test_what_draws_at_random_is_told_so_and_nothing_else(graded, noise, chance):
    report = graded("03", f"{MASK}\ndef apply_mask(scores, mask): return scores + {noise}\n")
    named = mistakes(of(report, "apply_mask"))
    assert ("probes.chance" in named) is chance
    assert not chance or named == {"probes.chance"}


def test_chance_is_seen_in_a_fresh_worker_too(graded):
    """The mask is wrong, so that the other function is graded again: a fresh worker for each."""
    uses = "def apply_mask(scores, mask): return scores + causal_mask(2) .sum() + torch.rand(())\n"
    report = graded("03", MASK.replace("n_k - n_q", "0") + uses)
    assert mistakes(of(report, "causal_mask")) == {"03_causal_mask.aligns_the_first_tokens"}
    assert mistakes(of(report, "apply_mask")) == {"probes.chance"}


def test_who_builds_on_chance_is_not_blamed_for_it(graded):
    source = """
import torch

def weighted_sum(weights, v):
    return weights @ v + torch.rand(())

def attention(q, k, v, mask=None):
    scores = q @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, -1).nan_to_num(0.0)
    return weighted_sum(weights, v), weights
"""
    report = graded("05", source)
    assert mistakes(of(report, "weighted_sum")) == {"probes.chance"}
    assert mistakes(of(report, "attention")) == {"05_attention.never_scales"}


def test_a_question_that_comes_twice_comes_too_late_to_gain_by_it(graded):
    """Wrong until it is asked the same thing twice, as if that told that it was wrong."""
    source = f"""{MASK}
seen = set()

def apply_mask(scores, mask):
    question = (tuple(scores.flatten().tolist()), tuple(mask.flatten().tolist()))
    twice = question in seen
    seen.add(question)
    if twice:
        apply_mask.__code__ = right.__code__
    return scores

def right(scores, mask):
{RIGHT}"""
    report = graded("03", source)
    values = [result for result in of(report, "apply_mask") if not result.step.needs]
    assert {result.verdict for result in values} == {Verdict.FAILED}
    assert mistakes(values) == {"probes.chance"}  # which is true of it


def test_what_is_printed_when_it_is_asked_once_more_stands_in_no_report(graded):
    wrong = "def apply_mask(scores, mask):\n    print('asked')\n    return scores\n"
    results = of(graded("03", MASK + wrong), "apply_mask")
    assert {result.output.count("asked") for result in results} <= {0, 1}


def test_a_function_that_ends_when_it_is_asked_once_more_is_judged_by_what_it_did_before(graded):
    source = f"""{MASK}
import os
asked = []

def apply_mask(scores, mask):
    asked.append(1)
    if len(asked) > 20:
        os._exit(0)
    return scores
"""
    report = graded("03", source)
    assert not report.faulty
    assert of(report, "causal_mask")[0].verdict is Verdict.PASSED
    assert "probes.chance" not in mistakes(list(report.steps))
