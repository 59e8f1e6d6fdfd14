"""Comparisons hold for equals up to rounding, and otherwise say the first difference."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.compare import Different, difference, same, same_values
from grader.worker.wire import Handle

EYE = torch.eye(3)


def said(got, expected, **options) -> str:
    found = difference(got, expected, **options)
    assert found is not None
    return found.says


def test_equal_tensors_are_the_same():
    assert same(torch.tensor([1.0, -math.inf]), torch.tensor([1.0, -math.inf]))


def test_a_rounding_error_is_no_difference():
    x = torch.randn(50, 50, generator=torch.Generator().manual_seed(1))
    assert same(x @ x, (x.double() @ x.double()).float())


def test_a_tiny_term_in_a_denominator_is_no_difference_in_double_precision():
    one = torch.ones(4, dtype=torch.float64)
    assert difference(one / (1 + 1e-9), one) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_one_percent_is_a_difference_in_single_and_double_precision_only(dtype):
    one = torch.ones(4, dtype=dtype)
    found = difference(one * 1.01, one)
    assert (found is None) == (dtype in (torch.float16, torch.bfloat16))


def test_five_percent_is_a_difference_in_half_precision_too():
    one = torch.ones(4, dtype=torch.float16)
    assert difference(one * 1.05, one)


@pytest.mark.parametrize(
    "got, expected, sentence",
    [
        (None, EYE,
         "The result is None where a tensor of shape (3, 3) was expected. "
         "Does your function end in `return`?"),
        ([1.0], EYE, "The result is a list of 1 where a tensor of shape (3, 3) was expected."),
        ((EYE,), (EYE, EYE), "The result is a tuple of 1 where a tuple of 2 was expected."),
        ([EYE, EYE], (EYE, EYE), 
         "The result is a list of 2 where a tuple of 2 was expected. "
         "Return its parts with commas between them, without brackets."),
        (EYE[:2], EYE, "The result has shape (2, 3) where (3, 3) was expected."),
        (EYE.double(), EYE, "The result has dtype float64 where float32 was expected."),
        (EYE.to("meta"), EYE, "The result has device meta where cpu was expected."),
        (3, 4, "The result is 3 where 4 was expected."),
        (True, 1, "The result is a bool where an int was expected."),
        (EYE * 2, EYE, "The result has 2 at [0, 0] where 1 was expected."),
        ((EYE, EYE + EYE), (EYE, EYE),
         "Part 1 of the result has 2 at [0, 0] where 1 was expected."),
        ({"q": EYE, "k": None}, {"q": EYE, "k": EYE},
         "`k` is None where a tensor of shape (3, 3) was expected."),
        (~EYE.bool(), EYE.bool(), "The result has False at [0, 0] where True was expected."),
        (torch.tensor(2.0), torch.tensor(1.0), "The result has 2 here where 1 was expected."),
    ],
)  # fmt: skip
def test_the_first_difference_is_one_sentence(got, expected, sentence):
    assert said(got, expected) == sentence


def test_of_objects_the_kind_alone_is_compared():
    cache, mine = Handle(0, "KVCache"), Handle(3, "Mine")
    assert difference((EYE, mine), (EYE, cache)) is None
    assert said(EYE, cache) == (
        "The result is a tensor of shape (3, 3) where an object of your class KVCache was expected."
    )
    assert said(cache, EYE).startswith("The result is an object of your class KVCache where")


def test_nan_is_reported_before_an_earlier_wrong_value():
    got = torch.tensor([9.0, math.nan])
    found = difference(got, torch.tensor([1.0, 2.0]))
    assert found and found.kind == "not finite" and "nan at [1]" in found.says


def test_infinities_must_stand_where_they_are_expected():
    expected = torch.tensor([0.0, -math.inf])
    assert "-1e+09 at [1] where -inf" in said(torch.tensor([0.0, -1e9]), expected)
    assert "inf at [1] where -inf" in said(torch.tensor([0.0, math.inf]), expected)


def test_values_alone_ignore_dtype_device_and_bool_as_zero_and_one():
    assert same_values(EYE.double(), EYE)
    assert same_values(EYE, EYE.bool())
    assert not difference(EYE.int(), EYE.bool(), values_only=True)


def test_a_meta_tensor_has_no_values_and_is_equal_to_none_that_has():
    found = difference(torch.empty(3, 3, device="meta"), EYE, values_only=True)
    assert found and found.kind == "device"


def test_an_imaginary_part_is_a_difference():
    assert difference(torch.tensor([1 + 9j]), torch.tensor([1.0]), values_only=True)
    assert not difference(torch.tensor([1 + 0j]), torch.tensor([1.0]), values_only=True)


def test_half_precision_buys_no_tolerance_where_single_was_expected():
    right = torch.rand(5, 5, generator=torch.Generator().manual_seed(2)) + 0.5
    assert same_values(right.bfloat16(), right)
    assert difference((right * 1.02).bfloat16(), right, values_only=True)


def test_the_parts_of_a_tuple_may_have_names():
    found = difference((EYE, EYE * 2), (EYE, EYE), parts="output weights")
    assert found and found.says.startswith("`weights` has 2 at [0, 0]")


def test_a_failing_comparison_raises_its_difference():
    with pytest.raises(Different) as caught:
        same(EYE + 1, EYE)
    assert caught.value.difference.got is not None


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=6),
    st.integers(0, 5),
    st.floats(0.05, 10),
)
@settings(deadline=None, derandomize=True)
def test_moving_one_entry_visibly_is_always_noticed(numbers, place, step):
    expected = torch.tensor(numbers, dtype=torch.float32)
    got = expected.clone()
    got[place % len(numbers)] += step
    assert difference(got, expected)
    assert difference(expected, expected) is None


def test_infinities_that_are_right_count_as_right_in_the_pattern_of_half_precision_too():
    expected = torch.tensor([[1.0, -math.inf], [2.0, 3.0], [4.0, 5.0]]).half()
    got = expected.clone()
    got[2] = torch.tensor([7.0, 9.0])
    found = difference(got, expected)
    assert found and found.pattern == "only the last row is wrong"


def test_a_pattern_in_half_precision_holds_for_the_eye_too():
    """Four rounding errors count as equal, but a row that is two off is not called right."""
    expected = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).half()
    off = torch.tensor([[1.003, 2.0], [3.0, 8.0]]).half()
    found = difference(off, expected)
    assert found and found.pattern == ""


def test_a_gradient_that_does_not_come_back_is_asked_after():
    of_x = "the gradient of `x`"
    assert said({of_x: None}, {of_x: EYE}).endswith(
        "Is it used, and does no `detach`, `torch.tensor` or NumPy cut it off?"
    )


def test_an_infinity_is_no_number_however_large_those_beside_it_are():
    """The squares of such numbers are infinite themselves."""
    expected = torch.tensor([1.0, torch.finfo(torch.float64).min], dtype=torch.float64)
    assert difference(expected.clone(), expected) is None
    assert difference(torch.tensor([1.0, -math.inf], dtype=torch.float64), expected) is not None


def test_what_a_dict_lacks_or_has_too_much_is_named():
    for got, says in (
        ({"a": 1}, "The result has no `b`, which was expected."),
        ({"a": 1, "b": 1, "c": 1}, "The result has a part `c`, which was not expected."),
    ):
        assert difference(got, {"a": 1, "b": 1}).says == says
