"""A pattern says in words what is right and what is not."""

from __future__ import annotations

import math

import pytest
import torch

from grader.compare import agreement
from grader.patterns import pattern

SCORES = torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0], [6.0, 8.0, 9.5]])
WEIGHTS = torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
CAUSAL = torch.ones(3, 3).tril().bool()
HIDDEN = SCORES.masked_fill(~CAUSAL, -math.inf)
WIDE = torch.arange(1.0, 16.0).reshape(3, 5).square()


def changed(rows=(), columns=()):
    wrong = SCORES.clone()
    for row in rows:
        wrong[row] = wrong[row] * torch.tensor([2.0, 3.0, 5.0])
    for column in columns:
        wrong[:, column] = wrong[:, column] * torch.tensor([2.0, 3.0, 5.0])
    return wrong


def nan_rows(*rows):
    wrong = WEIGHTS.clone()
    wrong[list(rows)] = math.nan
    return wrong


def empty_rows(*rows):
    weights = WEIGHTS.clone()
    weights[list(rows)] = 0.0
    return weights


@pytest.mark.parametrize(
    "got, expected, words",
    [
        (SCORES * math.sqrt(8), SCORES, "every entry is off by the factor 2.828 = √8"),
        (SCORES / 8, SCORES, "every entry is off by the factor 0.125 = 1/8"),
        (SCORES * -2, SCORES, "every entry is off by the factor −2"),
        (-SCORES, SCORES, "every sign is turned round"),
        (SCORES * 1.23, SCORES, "every entry is off by the same factor, 1.23"),
        (SCORES * 0, SCORES, "every entry is 0"),
        (SCORES.tril() + torch.ones(3, 3).triu(1), SCORES.tril(),
         "right on and below the diagonal, wrong above it"),
        (SCORES.mT, SCORES, "it is the transpose of what it should be"),
        (SCORES + 3, SCORES, "every entry is off by the same amount, 3"),
        (changed(rows=[0, 1]), SCORES, "only the last row is right"),
        (changed(rows=[1, 2]), SCORES, "only the first row is right"),
        (changed(rows=[1]), SCORES, "only row 1 is wrong"),
        (changed(columns=[0]), SCORES, "only the first column is wrong"),
        (SCORES * (1 + torch.ones(3, 3).triu(1) * SCORES), SCORES,
         "right on and below the diagonal, wrong above it"),
        (SCORES + torch.diag(torch.tensor([1.0, 2.0, 3.0])), SCORES, "wrong on the diagonal only"),
        (~CAUSAL, CAUSAL, "every entry is the opposite of what it should be"),
        (CAUSAL.mT, CAUSAL, "it is the transpose of what it should be"),
        (torch.ones(3, 3).bool(), CAUSAL, "right on and below the diagonal, wrong above it"),
        (CAUSAL.tril(-1), CAUSAL, "wrong on the diagonal only"),
        ((9 * WEIGHTS).softmax(0), WEIGHTS, "columns sum to one, rows do not"),
        (WEIGHTS * torch.tensor([[1.0], [0.5], [0.8]]), WEIGHTS,
         "rows do not sum to one: row 1 sums to 0.5"),
        (nan_rows(0), empty_rows(0), "the rows with nothing to attend to are NaN"),
        (nan_rows(0, 1), WEIGHTS, "NaN stands in rows 0 and 1"),
        (SCORES * math.nan, SCORES, "every entry is NaN"),
        (SCORES + torch.randn(3, 3, generator=torch.Generator().manual_seed(3)), SCORES, ""),
        # A sentence is true of every entry, or it is another one.
        (nan_rows(1), empty_rows(0), "NaN stands in row 1"),
        (2 * SCORES.tril() + torch.ones(3, 3).triu(1), SCORES.tril(), ""),
        (2 * HIDDEN.masked_fill(HIDDEN.isinf(), 0.0), HIDDEN, ""),
        (HIDDEN.masked_fill(HIDDEN.isinf(), 0.0) + 3, HIDDEN, ""),
        (2 * HIDDEN, HIDDEN, "every entry is off by the factor 2"),
        (torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0]), ""),
        (WIDE.tril(), WIDE.tril(2), "only the first column is right"),
        (WIDE, WIDE.tril(2), "right on and below the diagonal, wrong above it"),
        (3 * SCORES - 2 * torch.diag(SCORES.diag()) + torch.ones(3, 3).triu(1), SCORES,
         "right on the diagonal only"),
        (SCORES * (1 + torch.ones(3, 3).tril(-1) * SCORES), SCORES,
         "right on and above the diagonal, wrong below it"),
        (empty_rows(0) + torch.tensor([[0.25], [0.0], [0.0]]), empty_rows(0),
         "a row with nothing to attend to is not all zeros"),
        (torch.stack([WEIGHTS, WEIGHTS / 2]), torch.stack([WEIGHTS, WEIGHTS]),
         "rows do not sum to one: the first such row sums to 0.5"),
    ],
)  # fmt: skip
def test_the_pattern_is_named(got, expected, words):
    got, expected = (t if t.dtype is torch.bool else t.double() for t in (got, expected))
    assert pattern(got, expected, agreement(got, expected)) == words


def test_a_batch_entry_that_alone_is_right_is_named():
    expected = torch.arange(12.0, dtype=torch.float64).reshape(3, 2, 2) + 1
    got = expected * torch.tensor([1.0, 2.0, 3.0]).double()[:, None, None]
    got[1:] += torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    assert pattern(got, expected, agreement(got, expected)) == "only the first batch entry is right"
