"""Pairs of mistakes: those that answer as was answered, the likeliest first, each kind once."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import torch

from grader import fit, pairs
from grader.atlas import Atlas, Evidence
from grader.bank import Bank
from grader.calls import Call, Raised, Recorded, Value
from grader.course import Course
from grader.programs import in_process

COURSE = Course.open(Path(__file__).resolve().parents[2])
EXERCISE = COURSE.exercise("02")
BANK = Bank(COURSE)
KNOWN = {wrong.id.partition(".")[2]: wrong for wrong in BANK.misconceptions(EXERCISE)}
TURNED = KNOWN["puts_the_keys_in_the_rows"]  # of dot_scores
COSINE = KNOWN["compares_directions_only"]  # of dot_scores
WHOLE = KNOWN["divides_by_the_whole_width"]  # of scale_scores
LOUDER = KNOWN["multiplies_by_the_root"]  # of scale_scores
EIGHT = KNOWN["always_divides_by_eight"]  # of scale_scores
INTACT = KNOWN["writes_into_the_scores"]  # of scale_scores, and its values are right
TWICE = KNOWN["scales_twice"]  # of scaled_scores: as the whole width has it

Q = torch.tensor([[1.0, 2.0, 0.5], [3.0, -4.0, 1.0]])
K = torch.tensor([[5.0, 6.0, 1.0], [7.0, -9.0, 2.0]])


def step(*wrongs, name="step", calls=((Q, K),), passed=False):
    """A step of scaled_scores, answered with these mistakes made."""
    answer = in_process(BANK.variant(EXERCISE, wrongs))
    asked = [Call("scaled_scores", args) for args in calls]
    trace = tuple(Recorded(call, answer(call)) for call in asked)
    return Evidence(name, "scaled_scores", True, passed, {name: trace})


def tried(possible, *steps):
    return list(pairs.pairs(fit.Testimony(Atlas(BANK, EXERCISE), steps), possible))


def test_a_pair_that_answers_so_is_found_and_no_other():
    possible = (TURNED, COSINE, WHOLE, LOUDER, EIGHT)
    assert tried(possible, step(TURNED, EIGHT)) == [(TURNED, EIGHT)]
    assert tried(possible, step(COSINE, LOUDER)) == [(COSINE, LOUDER)]


def test_no_pair_is_found_for_what_no_pair_answers():
    odd = Recorded(Call("scaled_scores", (Q, K)), Value(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])))
    failed = Evidence("step", "scaled_scores", True, False, {"step": (odd,)})
    assert tried((TURNED, COSINE, WHOLE, LOUDER), failed) == []


def test_a_pair_must_answer_the_first_wrong_call_of_every_step():
    one, other = step(TURNED, EIGHT), step(TURNED, WHOLE, name="other")
    assert tried((TURNED, WHOLE, EIGHT), one) == [(TURNED, EIGHT)]
    assert tried((TURNED, WHOLE, EIGHT), one, other) == []


def test_two_mistakes_in_one_place_are_no_pair():
    assert tried((WHOLE, EIGHT), step(EIGHT)) == []


def test_mistakes_that_make_no_difference_in_these_calls_are_no_part_of_a_pair():
    assert tried((TURNED, INTACT), step(TURNED)) == []
    assert tried((TURNED, INTACT, EIGHT), step(TURNED, EIGHT)) == [(TURNED, EIGHT)]


def test_a_mistake_that_a_step_that_passed_refutes_is_no_part_of_a_pair():
    failed, right = step(TURNED, EIGHT), step(name="right", passed=True)
    assert tried((TURNED, EIGHT), failed) == [(TURNED, EIGHT)]
    assert tried((TURNED, EIGHT), failed, right) == []


def test_of_two_that_these_calls_cannot_tell_apart_the_likelier_is_taken():
    """At a width of 64 a division by 8 is right; at one of 8 it is one by the whole width."""
    q, k = torch.arange(16.0).reshape(2, 8) - 7, torch.arange(24.0).reshape(3, 8) % 5 - 2
    failed = step(TURNED, EIGHT, calls=((q, k),))
    assert tried((TURNED, EIGHT, WHOLE), failed) == [(TURNED, EIGHT)]
    assert tried((TURNED, WHOLE, EIGHT), failed) == [(TURNED, WHOLE)]


def test_like_answers_of_different_functions_are_kept_apart():
    """The whole scales twice, or the part divides by d_k: either may be half of the truth."""
    found = tried((TURNED, WHOLE, TWICE), step(TURNED, WHOLE))
    assert (TURNED, WHOLE) in found and (TURNED, TWICE) in found


def test_the_likeliest_pairs_come_first():
    found = tried((TWICE, TURNED, WHOLE), step(TURNED, WHOLE))
    assert found == [(TWICE, TURNED), (TURNED, WHOLE)]


def test_no_more_pairs_are_tried_than_are_worth_it(monkeypatch):
    possible = (COSINE, TURNED, LOUDER, EIGHT)
    assert tried(possible, step(TURNED, EIGHT)) == [(TURNED, EIGHT)]
    monkeypatch.setattr(pairs, "MOST_PAIRS", 3)
    assert tried(possible, step(TURNED, EIGHT)) == []
    assert tried(possible, step(COSINE, LOUDER)) == [(COSINE, LOUDER)]


def test_only_a_few_steps_are_looked_at_before_a_pair_is_told():
    """The rest are seen to when the pair is looked at in full."""
    like = [step(TURNED, EIGHT, name=f"step {n}") for n in range(pairs.MOST_PLACES)]
    unlike = step(COSINE, WHOLE, name="another")
    assert tried((TURNED, COSINE, WHOLE, EIGHT), *like, unlike) == [(TURNED, EIGHT)]
    assert tried((TURNED, COSINE, WHOLE, EIGHT), unlike, *like) == []


def test_without_a_wrong_call_there_is_nothing_to_explain():
    assert tried((TURNED, COSINE, WHOLE, EIGHT), step()) == []


def test_an_exception_is_answered_by_a_pair_that_raises():
    lost = Recorded(Call("scaled_scores", (Q, K)), Raised("KeyError", "KeyError", ""))
    failed = Evidence("step", "scaled_scores", True, False, {"step": (lost,)})
    assert tried((TURNED, COSINE, WHOLE, EIGHT), failed) == []


@pytest.mark.parametrize("chosen", list(combinations([TURNED, WHOLE, LOUDER, EIGHT], 2)))
def test_no_pair_is_told_for_a_single_mistake(chosen):
    """One of two that show in these calls does not answer alone as both do."""
    assert tried(chosen, step(chosen[0])) == []
