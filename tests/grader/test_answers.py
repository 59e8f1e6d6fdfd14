"""Answers are alike up to rounding, and differ where one can see it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.answers import alike, differs, differs_in_numbers, shows
from grader.calls import Died, Raised, Value
from grader.compare import agreement
from grader.worker.wire import Handle

TENS = torch.full((4,), 10.0)
HOLE = torch.tensor([10.0, math.nan, 10.0, 10.0])
PEAK = torch.tensor([10.0, math.inf, 10.0, 10.0])
RIGHT = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
WRONG = torch.tensor([[1.0, 2.0], [4.0, 3.0]])  # its second row shows the mistake


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (Value(TENS), Value(TENS + 1e-5), True),
        (Value(TENS), Value(TENS + 0.1), False),
        (Value(TENS), Value(TENS[:3]), False),
        (Value(TENS.bool()), Value(TENS.bool()), True),
        (Value((TENS, None)), Value((TENS, None)), True),
        (Value((TENS, 1)), Value((TENS, 2)), False),
        (Value(TENS), Raised("E", "ValueError", ""), False),
        (Raised("A", "ValueError", "x"), Raised("B", "ValueError", "y"), True),
        (Raised("A", "ValueError", ""), Raised("A", "TypeError", ""), True),
        (Raised("A", "ValueError", ""), Raised("A", "NameError", ""), False),
        (Died("crashed", ""), Died("crashed", ""), False),
        (Value((TENS, Handle(0, "Mine"))), Value((TENS, Handle(3, "KVCache"))), True),
        (Value(Handle(0, "KVCache")), Value(TENS), False),
        (Value(Handle(0, "KVCache")), Value(None), False),
    ],
)  # fmt: skip
def test_answers_are_alike_up_to_rounding_and_exceptions_by_type(one, other, expected):
    assert alike(one, other) == expected


def test_dtypes_count_only_where_one_is_strict():
    assert not alike(Value(TENS), Value(TENS.double()), strict=True)
    assert alike(Value(TENS), Value(TENS.double()), strict=False)


@pytest.mark.parametrize(
    "answer, expected",
    [
        (TENS * 1.01, False),
        (TENS * 1.03, True),
        (TENS.double(), True),
        (TENS[None], True),
        (torch.tensor([10.0, 10.0, 10.0, float("nan")]), True),
        (None, True),
    ],
)
def test_two_percent_of_the_references_size_is_a_visible_difference(answer, expected):
    assert differs(Value(answer), Value(TENS)) == expected


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (Value(3), Value(3), True),
        (Value(3), Value(4), False),
        (Value(3), Value(True), False),
        (Value(1), Value(1.0), False),
        (Value(None), Value(None), True),
        (Value([TENS]), Value((TENS,)), False),
        (Value((TENS, TENS)), Value((TENS,)), False),
        (Value({"0": TENS}), Value({"0": TENS + 1e-5}), True),
        (Value({"0": TENS}), Value({"0": None}), False),
        (Value({"0": TENS}), Value({"1": TENS}), False),
        (Value({"0": HOLE}), Value({"0": HOLE}), True),
        (Value(0.1 + 0.2), Value(0.3), True),
        (Value(0.3), Value(0.31), False),
        (Value(math.nan), Value(math.nan), True),
    ],
)
def test_answers_of_any_form_are_compared_part_by_part(one, other, expected):
    assert alike(one, other) == expected


def test_nan_is_like_an_infinity_only_where_the_right_answer_is_finite():
    assert not alike(Value(HOLE), Value(PEAK))
    assert alike(Value(HOLE), Value(PEAK), right=Value(TENS))
    assert not alike(Value(HOLE), Value(PEAK), right=Value(PEAK))
    assert not alike(Value(HOLE), Value(TENS), right=Value(TENS))
    assert alike(Value((HOLE, 1)), Value((PEAK, 1)), right=Value((TENS, 1)))


def test_what_began_in_half_precision_is_compared_as_half_precision_has_it():
    third, sixteenth = torch.full((4,), 1 / 3), torch.full((4,), 1 / 3).half().float()
    assert not alike(Value(sixteenth), Value(third), strict=False)
    assert alike(Value(sixteenth.half()), Value(third), strict=False, coarsest=torch.float16)
    assert not alike(Value(third + 0.01), Value(third), strict=False, coarsest=torch.float16)


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (TENS.to("meta"), TENS.to("meta"), True),
        (TENS.to("meta"), TENS, False),
        (TENS, TENS.to("meta"), False),
    ],
)
def test_a_tensor_without_numbers_is_like_its_own_kind_only(one, other, expected):
    assert alike(Value(one), Value(other), strict=False) == expected
    assert differs(Value(one), Value(other)) != expected


@pytest.mark.parametrize(
    "answer, right, expected",
    [
        ([2.0, 1.0], [1.0, 1.0], True),
        ([math.nan, 1.0], [1.0, 1.0], False),
        ([math.inf, 1.0], [1.0, 1.0], False),
        ([math.nan, 2.0], [1.0, 1.0], True),
        ([1.0, 1.001], [1.0, 1.0], False),
        ([1.0], [1.0, 2.0], False),  # of another shape no number can be told
        ([1.0, 2.0], [math.nan, 2.0], True),
    ],
)
def test_what_is_nan_or_infinite_is_no_other_number(answer, right, expected):
    ours, theirs = (Value((TENS, torch.tensor(numbers))) for numbers in (answer, right))
    assert differs_in_numbers(ours, theirs) == expected


def test_an_object_is_visibly_none_where_another_kind_of_thing_is_expected():
    assert not differs(Value([Handle(0, "Mine")]), Value([Handle(1, "KVCache")]))
    assert differs(Value([[1.0]]), Value([Handle(1, "KVCache")]))
    assert differs(Value(Handle(0, "Mine")), Value(TENS))


def test_an_exception_is_no_number():
    raised = Raised("ValueError", "ValueError", "")
    assert not differs_in_numbers(raised, Value(TENS))
    assert not differs_in_numbers(Value(TENS), raised)


@pytest.mark.parametrize(
    "answer, right, expected",
    [
        (torch.tensor([True, False]), torch.tensor([True, True]), True),
        (torch.tensor([1, 2, 100]), torch.tensor([1, 2, 101]), True),
        (torch.tensor([1.0, 1.9]), torch.tensor([1, 2]), True),
        (HOLE, HOLE, False),
        (PEAK, PEAK, False),
        (-PEAK, PEAK, True),
        (HOLE, PEAK, True),
        ((TENS, TENS * 1.01), (TENS, TENS), False),
        ((TENS, TENS * 1.05), (TENS, TENS), True),
        ((TENS,), (TENS, TENS), True),
        ({"0": None}, {"0": TENS}, True),
        ({"0": TENS}, {"0": TENS}, False),
        (TENS[:0], TENS[:0], False),
        (TENS * 0 + 1e-20, TENS * 0, False),
        (0.1 + 0.2, 0.3, False),
        (0.31, 0.3, True),
    ],
)
def test_what_is_visible_depends_on_the_kind_of_number(answer, right, expected):
    assert differs(Value(answer), Value(right)) == expected


def test_an_exception_differs_from_a_value_and_not_from_its_like():
    shapes, other = Raised("RuntimeError", "RuntimeError", "a"), Raised("E", "IndexError", "b")
    assert differs(shapes, Value(TENS))
    assert differs(Value(TENS), shapes)
    assert not differs(shapes, other)
    assert differs(shapes, Raised("NameError", "NameError", "c"))


@pytest.mark.parametrize(
    "answer, expected",
    [
        (WRONG, True),
        (RIGHT, False),
        (torch.tensor([[9.0, 9.0], [4.0, 3.0]]), True),  # one row shows it, another is odd
        (torch.tensor([[1.0, 2.0], [4.0, 9.0]]), False),  # half a row does not
        (torch.tensor([[1.0, 2.0], [3.0, 9.0]]), False),  # the row where nothing would show
        (WRONG.double(), True),
        (WRONG[None], False),
        (WRONG.to("meta"), False),
        (None, False),
    ],
)
def test_a_mistake_shows_in_a_whole_row_in_which_it_is_visible(answer, expected):
    assert shows(Value(answer), Value(WRONG), Value(RIGHT)) == expected


def test_a_mistake_shows_in_any_one_of_several_tensors():
    right, wrong = Value((RIGHT, TENS)), Value((WRONG, TENS))
    assert shows(Value((WRONG, 2 * TENS)), wrong, right)
    assert not shows(Value((RIGHT, TENS)), wrong, right)


def test_without_rows_the_whole_must_be_as_the_mistake_has_it():
    mask, none = torch.ones(2, 2).bool(), torch.zeros(2, 2).bool()
    assert shows(Value(none), Value(none), Value(mask))
    assert not shows(Value(none.logical_or(mask.tril())), Value(none), Value(mask))
    assert shows(Value(TENS + 1), Value(TENS + 1), Value(TENS))
    assert not shows(Value(TENS), Value(TENS), Value(TENS))


def test_an_exception_shows_a_mistake_that_raises():
    raised = Raised("RuntimeError", "RuntimeError", "")
    assert shows(raised, raised, Value(RIGHT))
    assert not shows(raised, raised, raised)
    assert not shows(Value(RIGHT), raised, Value(RIGHT))


def test_an_infinity_is_visibly_another_than_the_lowest_number():
    lowest = torch.tensor([1.0, torch.finfo(torch.float64).min], dtype=torch.float64)
    assert differs(Value(torch.tensor([1.0, -torch.inf], dtype=torch.float64)), Value(lowest))


@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([1e-30, 1e-6, 1.0, 1e9, 1e30, 1e200]),
    off=st.sampled_from([0.0, 1e-9, 1e-6, 1e-4, 0.02, 0.021, 1.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_what_is_told_quickly_is_what_every_entry_tells(seed, size, off, dtype):
    drawn = torch.Generator().manual_seed(seed)
    one = (size * torch.randn(2, 3, generator=drawn, dtype=torch.float64)).to(dtype)
    other = one * (1 + off * torch.randn(2, 3, generator=drawn, dtype=dtype))
    assert alike(Value(one), Value(other)) == bool(agreement(one, other).all())
