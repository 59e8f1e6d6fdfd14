"""Values in words: short enough for a terminal, exact enough to check by hand."""

from __future__ import annotations

import math

import pytest
import torch

from grader import words
from grader.worker.wire import Handle


@pytest.mark.parametrize(
    "value, text",
    [
        (0.36788, "0.3679"),
        (2.0, "2"),
        (-0.0, "0"),
        (123456.0, "123456"),
        (10000.37, "10000.4"),
        (-1234.56, "-1234.6"),
        (999.96, "1000"),
        (1.5e6, "1.5e+06"),
        (7.313e-5, "7.313e-05"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_a_number_has_four_digits_a_whole_one_what_it_needs_and_a_large_one_a_decimal(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    "one, other, texts",
    [
        (0.5, 0.25, ("0.5", "0.25")),
        (1.0001, 1.0, ("1.0001", "1")),
        (0.6590011, 0.6590012, ("0.6590011", "0.6590012")),
        (0.1 + 0.2, 0.3, ("0.30000000000000004", "0.29999999999999999")),
        (math.nan, 1.0, ("nan", "1")),
        (False, True, ("False", "True")),
        (3, 4, ("3", "4")),
    ],
)
def test_two_entries_have_the_digits_that_tell_them_apart(one, other, texts):
    assert words.apart(one, other) == texts


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "None"),
        (torch.ones(2, 3), "a tensor of shape (2, 3)"),
        ((1, 2), "a tuple of 2"),
        (3, "an int"),
        ("x", "a str"),
        (Handle(0, "Cache"), "an object of your class Cache"),
    ],
)
def test_a_kind_has_its_article(value, text):
    assert words.kind(value) == text


def test_a_class_with_an_endless_name_is_cut():
    assert len(words.kind(Handle(0, "y" * 500))) < 100


@pytest.mark.parametrize(
    "value, text",
    [
        (torch.tensor([[1.0, -0.5], [20.0, math.inf]]), "   1  -0.5\n  20   inf"),
        (torch.tensor([True, False]), "1  0"),
        (torch.tensor(2.5), "2.5"),
        (torch.ones(8, 8), "\n".join(["  ".join("1" * 8)] * 8)),
        (torch.ones(9, 2), "tensor (9, 2) float32"),
        (torch.ones(2, 9), "tensor (2, 9) float32"),
        (torch.ones(2, 2, 2), "tensor (2, 2, 2) float32"),
        (torch.ones(0, 4), "tensor (0, 4) float32"),
        (torch.ones(2, device="meta"), "(2,) float32, on meta"),
        (0.36788, "0.3679"),
        ("cpu", "'cpu'"),
        ((torch.ones(2), 3, None), "(a tensor of shape (2,), 3, None)"),
        ([1, 2], "[1, 2]"),
        ({"k": torch.ones(2)}, "{k: a tensor of shape (2,)}"),
        (Handle(0, "Cache"), "an object of your class Cache"),
    ],
)
def test_a_value_is_shown_whole_if_it_is_small(value, text):
    assert words.shown(value) == text


def test_a_long_text_is_cut():
    assert words.shown("x" * 500) == "'" + "x" * 58 + "…"


@pytest.mark.parametrize(
    "value, text",
    [
        (8.0, "8"),
        (0.125, "0.125 = 1/8"),
        (math.sqrt(8), "2.828 = √8"),
        (1 / math.sqrt(512), None),
        (1 / math.sqrt(64), "0.125 = 1/8"),
        (30.5, None),  # close to √930, as almost any such number is to some root
        (1.234, None),
    ],
)
def test_a_factor_has_a_name_only_where_it_can_be_no_accident(value, text):
    assert words.factor(value) == text


def test_a_count_has_its_noun():
    assert (words.count(1, "step"), words.count(3, "step")) == ("1 step", "3 steps")
