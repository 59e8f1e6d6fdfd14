"""The reference is asked once: the very same call of a case is answered from memory."""

from __future__ import annotations

import pytest
import torch

from grader.calls import Call, Raised, Value
from grader.recall import Recall

X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


class Counter:
    """How many were added."""

    def __init__(self):
        self.n = 0

    def add(self, x):
        self.n += int(x)
        return self.n


@pytest.fixture
def asked() -> list:
    """What the program was asked for, as often as it was."""
    return []


@pytest.fixture
def recall(asked) -> Recall:
    def double(x, **more):
        asked.append(x)
        return 2 * x

    def fail(x):
        asked.append(x)
        raise ValueError("no")

    return Recall({"double": double, "fail": fail, "Counter": Counter})


def answers(recall: Recall, *calls: Call, case: str = "a") -> list:
    answer = recall.of_case(case)
    found = [answer(call) for call in calls]
    return [one.value if isinstance(one, Value) else type(one) for one in found]


def test_the_same_call_of_a_case_is_computed_once(recall, asked):
    for _ in range(3):
        (found,) = answers(recall, Call("double", (X,)))
        assert torch.equal(found, 2 * X)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        Call("double", (X + 1,)),
        Call("double", (X.double(),)),
        Call("double", (X.mT.contiguous().mT,)),  # its numbers lie elsewhere in memory
        Call("double", (X.clone().requires_grad_(),)),
        Call("double", (X,), {"more": 1}),
        Call("double", (X,), mode="arguments_after"),
        Call("double", (torch.tensor([[1.0, float("nan")]]),)),
        Call("double", (1,)),
        Call("double", (True,)),
    ],
    ids=["values", "dtype", "strides", "gradients", "argument", "mode", "NaN", "a number", "bool"],
)
def test_any_other_call_is_computed(recall, asked, other):
    answers(recall, Call("double", (X,)))
    answers(recall, other)
    answers(recall, Call("double", (X,)), case="b")
    assert len(asked) == 3


def test_calls_are_remembered_by_their_place(recall, asked):
    one, other = Call("double", (1,)), Call("double", (2,))
    assert answers(recall, one, other) == [2, 4] == answers(recall, one, other)
    assert asked == [1, 2]
    assert answers(recall, other, one) == [4, 2]
    assert asked == [1, 2, 2, 1]


def test_what_is_remembered_cannot_be_changed_by_whoever_asks(recall):
    x = X.clone()
    (found,) = answers(recall, Call("double", (x,)))
    found.zero_()
    assert torch.equal(answers(recall, Call("double", (X,)))[0], 2 * X)
    x.zero_()
    assert torch.equal(answers(recall, Call("double", (X,)))[0], 2 * X)


def test_what_raised_is_asked_again(recall, asked):
    for _ in range(2):
        assert answers(recall, Call("fail", (1,))) == [Raised]
    assert asked == [1, 1]


def test_objects_are_made_afresh_for_everybody(recall, asked):
    for _ in range(2):
        answer = recall.of_case("objects")
        assert answer(Call("double", (1,))).value == 2
        counter = answer(Call("Counter")).value
        assert answer(Call("Counter.add", (counter, 3))).value == 3
    assert len(asked) == 2
