"""Costs are compared by how they grow, and by the processor's time beside a known one."""

from __future__ import annotations

import pytest
import torch

from grader import cost
from grader.compare import Different
from grader.cost import (
    alike_in_cost,
    grows_no_faster,
    is_dear,
    seconds_of_attention,
    takes_less_than,
)
from grader.programs import in_process
from grader.student import Player

SIZES = (10, 100)


@pytest.mark.parametrize(
    "counts",
    [
        (1000, 10_000),  # as asked for
        (3000, 38_000),  # by other means
        (50_000, 50_000),  # a store of one size, looked through as a whole
        (0, 0),  # not to be believed, and no proof of anything: the clock is asked as well
    ],
)
def test_growth_like_the_references_will_do(counts):
    assert grows_no_faster(counts, (1000, 10_000), SIZES)


def test_growth_with_the_square_will_not_and_is_told_in_numbers():
    with pytest.raises(Different) as raised:
        grows_no_faster((10_000, 1_000_000), (1000, 10_000), SIZES)
    assert raised.value.difference.kind == "cost"
    assert raised.value.difference.says == (
        "With 10 tokens one call multiplies and adds 10,000 times, with 100 tokens 1,000,000 "
        "times; 1,000 and 10,000 would do."
    )


@pytest.mark.parametrize("count", [None, True, 3.0, "7", torch.tensor(3)])
def test_what_is_no_count_is_told_as_such(count):
    with pytest.raises(Different):
        grows_no_faster((5, count), (5, 50), SIZES)
    assert is_dear(count, 5)


def test_counts_are_alike_where_they_are_needed_or_too_large_by_about_the_same():
    assert alike_in_cost(1000, 3500, 1000)  # neither is more than four times what is needed
    assert not alike_in_cost(1000, 4001, 1000)
    assert alike_in_cost(9000, 12_000, 1000) and not alike_in_cost(9000, 90_000, 1000)
    assert not alike_in_cost("9000", 9000, 1000)


def test_a_call_must_take_less_than_what_it_is_not_to_do():
    assert takes_less_than(0.1, 0.5, "one step", "all of it")
    with pytest.raises(Different) as raised:
        takes_less_than(0.75, 0.5, "one step", "all of it")
    assert str(raised.value) == (
        "One step takes 0.75 s of computing; all of it takes 0.5 s on this machine."
    )


def test_attention_is_reckoned_from_a_part_of_it(monkeypatch):
    asked = []

    def seconds(q, k, v):
        asked.append((*q.shape, *k.shape, *v.shape))
        return {1: 0.5, 2: 0.25, 3: 0.75}[len(asked)]

    monkeypatch.setattr(cost, "_seconds", seconds)
    assert seconds_of_attention(1280, 8) == 0.25 * 128  # the quickest round, for 128 such parts
    assert asked == [(10, 8, 1280, 8, 1280, 8)] * 3


def test_a_timed_call_gives_its_value_and_what_the_clock_went_on():
    clock = iter([2.0, 2.75])
    answerer = in_process({"double": lambda x: 2 * x})
    player = Player("student", {"double": lambda x: x}, answerer, lambda: next(clock))
    assert player.double.timed(4) == (8, 0.75)


def test_multiply_adds_are_asked_of_whoever_answers():
    names = {"attend": lambda q, k: q @ k.mT}
    player = Player("student", names, in_process(names))
    assert player.attend.multiply_adds(torch.ones(2, 3), torch.ones(5, 3)) == 2 * 3 * 5
    assert player.recorded[0].call.mode == "multiply_adds"
