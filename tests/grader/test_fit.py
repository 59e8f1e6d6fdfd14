"""A mistake fits what a function answered, in part, not at all, or says nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader import fit
from grader.atlas import Atlas, Evidence
from grader.bank import Bank
from grader.calls import Call, Raised, Recorded, Value
from grader.course import Course
from grader.fit import Fit
from grader.programs import in_process

COURSE = Course.open(Path(__file__).resolve().parents[2])
EXERCISE = COURSE.exercise("02")
BANK = Bank(COURSE)
KNOWN = {wrong.id.partition(".")[2]: wrong for wrong in BANK.misconceptions(EXERCISE)}
TURNED = (KNOWN["puts_the_keys_in_the_rows"],)
COSINE = (KNOWN["compares_directions_only"],)
SINGLE = (KNOWN["answers_in_single_precision"],)
RAISED = Raised("RuntimeError", "RuntimeError", "no")

Q = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
K = torch.tensor([[5.0, 6.0], [7.0, 9.0]])
SCORES = torch.tensor([[17.0, 25.0], [39.0, 57.0]])  # row by row: query times key
ODD = torch.tensor([[100.0, -100.0], [-100.0, 100.0]])
ALONE = torch.tensor([[2.0, 1.0]])  # one query that is its own key: nothing to turn round


def step(*answers, name="step", passed=False, values=True, q=Q, k=K):
    """A step in which these queries and keys were answered so, call by call."""
    trace = tuple(Recorded(Call("dot_scores", (q, k)), answer) for answer in answers)
    return Evidence(name, "dot_scores", values, passed, {name: trace})


def told_by(*steps):
    return fit.Testimony(Atlas(BANK, EXERCISE), steps)


def fits(*steps, wrongs=TURNED):
    """How a mistake fits each failed step; nothing where it is not to be thought of."""
    return told_by(*steps).fits([wrongs]).get(wrongs, {})


def test_answers_that_are_the_mistakes_throughout_explain_a_step():
    assert fits(step(Value(SCORES.mT), Value(SCORES.mT))) == {"step": Fit.EXPLAINED}


def test_an_answer_of_which_one_row_is_the_mistakes_shows_it_in_part():
    half = torch.stack([SCORES.mT[0], ODD[1]])
    assert fits(step(Value(SCORES.mT), Value(half))) == {"step": Fit.IN_PART}


def test_a_step_in_which_the_mistake_would_not_show_is_silent():
    single = step(Value(ALONE), name="single", q=ALONE, k=ALONE)
    told = fits(step(Value(SCORES.mT)), single)
    assert told == {"step": Fit.EXPLAINED, "single": Fit.SILENT}


@pytest.mark.parametrize("answer", [SCORES, ODD, SCORES.mT + 3])
def test_a_call_that_would_show_the_mistake_and_does_not_contradicts_it(answer):
    assert fits(step(Value(SCORES.mT), Value(answer))) == {}
    assert fits(step(Value(SCORES.mT)), step(Value(answer), name="other")) == {}


def test_a_mistake_that_shows_nowhere_explains_nothing():
    assert fits(step(Value(ODD[:1, :1]), q=ALONE, k=ALONE)) == {}


def test_a_mistake_that_a_step_that_passed_would_have_failed_for_is_refuted():
    failed, right = step(Value(SCORES.mT)), step(Value(SCORES), name="right", passed=True)
    assert fits(failed, right) == {}
    blind = step(Value(ALONE @ ALONE.mT), name="blind", passed=True, q=ALONE, k=ALONE)
    assert fits(failed, blind) == {"step": Fit.EXPLAINED}


@pytest.mark.parametrize("right, expected", [(2, {}), (3, {"step": Fit.IN_PART})])
def test_one_call_in_four_may_raise_where_the_mistake_answers(right, expected):
    """Which shapes a mistake makes impossible is a matter of style."""
    assert fits(step(*[Value(SCORES.mT)] * right, RAISED)) == expected


def test_alike_exceptions_alone_explain_nothing():
    assert fits(step(RAISED)) == {}
    narrow = (KNOWN["leaves_the_keys_as_rows"],)
    keys = torch.ones(3, 2)  # three of them: as rows they do not fit the width of 2
    assert fits(step(RAISED, k=keys), wrongs=narrow) == {}
    both = step(RAISED, k=keys, name="raises"), step(Value(Q @ K))
    assert fits(*both, wrongs=narrow) == {"raises": Fit.EXPLAINED, "step": Fit.EXPLAINED}


def test_only_values_are_asked_what_they_say_of_a_mistake():
    side = step(Value(ODD), name="side", values=False)
    assert fits(step(Value(SCORES.mT)), side) == {"step": Fit.EXPLAINED}
    assert fits(side) == {}


def test_every_candidate_is_judged_by_itself():
    found = told_by(step(Value(SCORES.mT))).fits([COSINE, TURNED])
    assert found == {TURNED: {"step": Fit.EXPLAINED}}


def test_a_side_step_is_explained_by_what_is_wrong_in_it_alone():
    """There the dtype counts, which values leave out of account."""
    q, k = Q.double(), K.double()
    side = step(Value(SCORES), name="side", values=False, q=q, k=k)
    right = step(Value(SCORES), name="right", passed=True)
    assert told_by(side, right).explains_side(SINGLE, side)
    assert not told_by(side, right).explains_side(TURNED, side)
    kept = step(Value(SCORES.double()), name="side", values=False, q=q, k=k)
    assert not told_by(kept, right).explains_side(SINGLE, kept)


def test_a_side_step_is_not_explained_by_what_passed_values_refute():
    side = step(Value(SCORES.mT), name="side", values=False)
    right = step(Value(SCORES), name="right", passed=True)
    assert told_by(side).explains_side(TURNED, side)
    assert not told_by(side, right).explains_side(TURNED, side)


def test_a_side_step_in_which_nothing_would_show_is_not_explained():
    side = step(Value(ALONE @ ALONE.mT), name="side", values=False, q=ALONE, k=ALONE)
    assert not told_by(side).explains_side(TURNED, side)


def test_two_mistakes_are_believed_only_where_one_shows_by_itself():
    together = (*COSINE, *TURNED)
    both = in_process(BANK.variant(EXERCISE, (KNOWN["forgets_to_scale"], *TURNED)))
    answer = both(Call("dot_scores", (Q, K)))
    assert told_by(step(answer)).shown_by_one(together)
    assert not told_by(step(Value(ODD))).shown_by_one(together)
    assert not told_by(step(Value(SCORES))).shown_by_one(together)
