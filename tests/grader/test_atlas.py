"""The atlas knows what every program answers, and what of an answer counts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader.atlas import Atlas, Evidence, Place
from grader.bank import Bank
from grader.calls import Call, Raised, Recorded, Value
from grader.course import Course

COURSE = Course.open(Path(__file__).resolve().parents[2])
EXERCISE = COURSE.exercise("02")
BANK = Bank(COURSE)
KNOWN = {wrong.id.partition(".")[2]: wrong for wrong in BANK.misconceptions(EXERCISE)}
TURNED = KNOWN["puts_the_keys_in_the_rows"]
SINGLE = KNOWN["answers_in_single_precision"]
Q, K = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 9.0]])
SCORES = torch.tensor([[17.0, 25.0], [39.0, 57.0]])


@pytest.fixture
def atlas() -> Atlas:
    """That of the exercise on scores."""
    return Atlas(BANK, EXERCISE)


def place(answer=None, mode="value", case="case", index=0, args=(Q, K)):
    """A call of dot_scores with what was answered."""
    recorded = Recorded(Call("dot_scores", args, mode=mode), answer)
    return Place(case, index, (recorded,) * (index + 1))


def test_the_reference_and_a_wrong_program_answer_for_themselves(atlas):
    assert torch.equal(atlas.reference(place()).value, SCORES)
    assert torch.equal(atlas.of((TURNED,), place()).value, SCORES.mT)
    assert isinstance(atlas.reference(place(case="narrow", args=(Q, K[:, :1]))), Raised)


def test_an_answer_is_computed_once_for_a_place(atlas):
    first = atlas.of((TURNED,), place())
    assert atlas.of((TURNED,), place()) is first
    assert atlas.of((TURNED,), place(index=1)) is not first
    assert atlas.of((TURNED,), place(case="other")) is not first


def test_a_mistake_is_visible_where_it_changes_the_answer(atlas):
    assert atlas.visible((TURNED,), place())
    assert not atlas.visible((TURNED,), place(case="alone", args=(Q[:1], K[:1])))
    assert not atlas.visible((SINGLE,), place())
    assert atlas.visible((SINGLE,), place(case="double", args=(Q.double(), K.double())))
    assert not atlas.visible((), place())


def test_an_atlas_may_do_without_a_mistake_and_keep_its_answers(atlas):
    right = atlas.reference(place())
    less = atlas.without(TURNED)
    assert TURNED in atlas.wrongs()
    assert less.wrongs() == tuple(wrong for wrong in atlas.wrongs() if wrong is not TURNED)
    assert less.reference(place()) is right


def test_evidence_gives_every_call_its_place():
    call = Recorded(Call("dot_scores", (Q, K)), Value(SCORES))
    evidence = Evidence("step", "dot_scores", True, False, {"a": (call, call), "b": (call,)})
    assert [(p.case, p.index) for p in evidence.calls()] == [("a", 0), ("a", 1), ("b", 0)]


def test_of_strays_it_counts_that_there_are_some_and_not_which():
    astray = place(Value(["zeros(2, 2)"]), mode="strays")
    assert astray.is_like(Value(["ones(3, 3)", "arange(2)"]), Value([]))
    assert not astray.is_like(Value([]), Value([]))
    assert place(Value([]), mode="strays").is_like(Value([]), Value([]))


def test_of_arguments_it_counts_which_are_changed_and_not_how():
    changed = place(Value([Q + 1, K]), mode="arguments_after")
    assert changed.is_like(Value([Q * 5, K]), Value([Q, K]))
    assert not changed.is_like(Value([Q, K * 5]), Value([Q, K]))
    assert not changed.is_like(Value([Q, K]), Value([Q, K]))


def test_arguments_in_half_precision_make_comparisons_as_coarse():
    half = place(Value(SCORES.half() / 3), args=(Q.half(), K.half()))
    assert half.is_like(Value(SCORES / 3), Value(SCORES / 3))
    assert not place(Value((SCORES.half() / 3).float())).is_like(Value(SCORES / 3), Value(SCORES))
