"""A pattern says in words what is right and what is not, and nothing but the truth."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grader.compare import agreement, difference
from grader.patterns import pattern

from .claims import Wrong, holds

SCORES = torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0], [6.0, 8.0, 9.5]])
WEIGHTS = torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
CAUSAL = torch.ones(3, 3).tril().bool()
SQUARE = torch.ones(5, 5).tril().bool()
HIDDEN = SCORES.masked_fill(~CAUSAL, -math.inf)
WIDE = torch.arange(1.0, 16.0).reshape(3, 5).square()
SIGNED = torch.tensor([[1.25, -2.5, 0.75], [-0.5, 3.0, -1.75], [2.25, 0.5, -4.0]])
HEADS = torch.arange(1.0, 49.0).reshape(2, 3, 2, 4).square()  # samples, heads, queries, columns
SENTENCES = torch.arange(1.0, 25.0).reshape(3, 2, 4).square()
FEW = torch.arange(1.0, 37.0).reshape(3, 3, 4).square()
ODD = torch.tensor([2.0, 3.0, 5.0])
NOISE = torch.randn(5, 5, generator=torch.Generator().manual_seed(3))


def told(got, expected) -> str:
    got, expected = (t if t.dtype is torch.bool else t.double() for t in (got, expected))
    return pattern(got, expected, agreement(got, expected))


def changed(rows=(), columns=()):
    wrong = SCORES.clone()
    for row in rows:
        wrong[row] = wrong[row] * ODD
    for column in columns:
        wrong[:, column] = wrong[:, column] * ODD
    return wrong


def put(tensor, place, value):
    """The tensor with something else in one place."""
    wrong = tensor.clone()
    wrong[place] = value
    return wrong


def nan_rows(*rows):
    return put(WEIGHTS, list(rows), math.nan)


def empty_rows(*rows):
    return put(WEIGHTS, list(rows), 0.0)


def spoilt(tensor, place):
    """The tensor with a place of it made wrong in no orderly way."""
    wrong = tensor.clone()
    part = wrong[place]
    wrong[place] = part + 1 + part.sin() * torch.arange(part.numel()).reshape(part.shape)
    return wrong


EVERYWHERE = [
    (SCORES * math.sqrt(8), SCORES, "every entry is off by the factor 2.828 = √8"),
    (SCORES / 8, SCORES, "every entry is off by the factor 0.125 = 1/8"),
    (SCORES * -2, SCORES, "every entry is off by the factor −2"),
    (SCORES * 1.23, SCORES, "every entry is off by the same factor, 1.23"),
    (2 * HIDDEN, HIDDEN, "every entry is off by the factor 2"),
    (-SCORES, SCORES, "every sign is turned round"),
    (SCORES + 3, SCORES, "every entry is off by the same amount, 3"),
    (SCORES * 0, SCORES, "every entry is 0"),
    (torch.full((3, 3), 1 / 3), WEIGHTS, "every entry is 0.3333"),
    (torch.ones(3, 3).bool(), CAUSAL, "every entry is True"),
    (~CAUSAL, CAUSAL, "every entry is the opposite of what it should be"),
    (SIGNED.abs(), SIGNED, "the sizes are right, but what should be negative is positive"),
    (SIGNED.relu(), SIGNED, "whatever should be below 0 is 0, all else is right"),
    (SCORES.clamp(max=5), SCORES, "whatever should be above 5 is 5, all else is right"),
    (SCORES.clamp(2.5, 6.5), SCORES,
     "nothing is below 2.5 or above 6.5, what lies between is right"),
    (NOISE.round(decimals=2), NOISE, "every entry is rounded to 2 decimals"),
    (NOISE.round(decimals=1), NOISE, "every entry is rounded to 1 decimal"),
    ((10 * NOISE).round(), 10 * NOISE, "every entry is rounded to a whole number"),
    ((NOISE * 1000).trunc() / 1000, NOISE, "every entry is cut off after 3 decimals"),
    (SCORES.square(), SCORES, "every entry is the square of what it should be"),
    (WEIGHTS.log(), WEIGHTS, "every entry is the logarithm of what it should be"),
    (SIGNED.tanh(), SIGNED, "every entry is tanh of what it should be"),
    (1 / SCORES, SCORES, "every entry is one divided by what it should be"),
    (SCORES + 0.004 * SCORES.sin(), SCORES, "no entry is off by more than 1 %"),
    (-(NOISE.abs() + NOISE.cos()), NOISE, "nothing is above 0, where 13 of 25 entries should be"),
]  # fmt: skip

LINES = [
    (SCORES * ODD[:, None], SCORES, "every row is off by a factor of its own"),
    (SCORES * ODD, SCORES, "every column is off by a factor of its own"),
    (SCORES + ODD, SCORES, "every column is off by an amount of its own"),
    (SCORES * torch.tensor([1.0, 1, 3]), SCORES,
     "the last column is off by the factor 3, all else is right"),
    (SCORES * torch.tensor([[2.0], [1], [2]]), SCORES,
     "rows 0 and 2 are off by the factor 2, all else is right"),
    (SCORES * torch.tensor([[2.0], [1], [3]]), SCORES,
     "every wrong row is off by a factor of its own"),
    (SCORES + torch.tensor([[0.0], [4], [0]]), SCORES,
     "row 1 is off by the same amount, 4, all else is right"),
    (SCORES * torch.tensor([1.0, -1, 1]), SCORES,
     "every sign in column 1 is turned round, all else is right"),
    (put(SCORES, 1, 0.0), SCORES, "row 1 is all 0, all else is right"),
    (HEADS * ODD[:, None, None], HEADS, "every head is off by a factor of its own"),
    (HEADS * torch.tensor([1.0, 1, 2])[:, None, None], HEADS,
     "head 2 is off by the factor 2, all else is right"),
    (SENTENCES * torch.tensor([1.0, 1, 0.5])[:, None, None], SENTENCES,
     "the last sample is off by the factor 0.5 = 1/2, all else is right"),
    (SENTENCES * torch.tensor([[1.5, 2], [3, 4], [5, 6]])[..., None], SENTENCES,
     "every row is off by a factor of its own"),
]  # fmt: skip

ORDERS = [
    (SCORES.mT, SCORES, "it is the transpose of what it should be"),
    (CAUSAL.mT, CAUSAL, "it is the transpose of what it should be"),
    (torch.stack([SCORES, SIGNED]).mT, torch.stack([SCORES, SIGNED]),
     "it is the transpose of what it should be"),
    (HEADS[:, :2].transpose(0, 1), HEADS[:, :2], "axes 0 and 1 have changed places"),
    (torch.arange(27.0).reshape(3, 3, 3).permute(1, 2, 0), torch.arange(27.0).reshape(3, 3, 3),
     "the axes stand in another order"),
    (WIDE.flip(0), WIDE, "rows 0 and 2 have changed places, the others are right"),
    (WIDE.flip(1), WIDE, "the columns stand in reverse order"),
    (SCORES[:, [2, 0, 1]], SCORES, "columns 0, 1, 2 are columns 2, 0, 1 of what was expected"),
    (WIDE[:, [0, 3, 2, 1, 4]], WIDE, "columns 1 and 3 have changed places, the others are right"),
    (HEADS.flip(1)[:, [0, 2, 1]], HEADS, "heads 0, 1, 2 are heads 2, 0, 1 of what was expected"),
    (HEADS.flip(0), HEADS, "samples 0 and 1 have changed places"),
    (torch.arange(8.0).roll(1), torch.arange(8.0),
     "the entries have moved on by one, and the last stands first"),
    (torch.arange(8.0)[[3, 1, 5, 7, 0, 2, 4, 6]], torch.arange(8.0),
     "the entries stand in another order"),
    (put(WIDE.roll(1, 0), 0, 7.5), WIDE,
     "every row but the first is what the one before it should be"),
    (put(WIDE.roll(-1, 1), (slice(None), 4), torch.tensor([0.5, 3, 7])), WIDE,
     "every column but the last is what the one after it should be"),
    (SCORES[[1, 1, 1]], SCORES, "every row is row 1 of what was expected"),
    (ODD.expand(3, 3), SCORES, "every row is the same"),
    (HEADS[:, :1].expand(2, 3, 2, 4), HEADS, "every head is head 0 of what was expected"),
    (torch.stack([SCORES[0], SCORES[1].roll(1), SCORES[2].roll(2)]), SCORES,
     "each row holds the right numbers, but not all in their places"),
    (HEADS.transpose(1, 2).reshape(2, 3, 2, 4), HEADS,
     "all the right numbers are there, but not all in their places"),
]  # fmt: skip

SUMS = [
    ((9 * WEIGHTS).softmax(0), WEIGHTS, "columns sum to one, rows do not"),
    (SIGNED.softmax(1), SCORES.softmax(0), "rows sum to one, columns do not"),
    (WEIGHTS * torch.tensor([[1.0], [0.5], [0.8]]), WEIGHTS,
     "every wrong row is off by a factor of its own: row 1 sums to 0.5, not to one"),
    (put(WEIGHTS.square() + 0.1, 2, ODD / 10), WEIGHTS,
     "not every row sums to one: row 0 sums to 0.68"),
    (WEIGHTS.square() + 0.1, WEIGHTS, "no row sums to one: row 0 sums to 0.68"),
    (put(WEIGHTS, (1, slice(None)), torch.tensor([0.3, 0.1, 0.2])), WEIGHTS,
     "row 1 sums to 0.6, not to one"),
    (torch.tensor([0.3, 0.1, 0.2]), WEIGHTS[0], "the sum is 0.6, not 1"),
    (torch.stack([WEIGHTS, WEIGHTS.square() + 0.1]), torch.stack([WEIGHTS, WEIGHTS]),
     "not every row sums to one: row 0 of sample 1 sums to 0.68"),
    (WEIGHTS.log().mul(math.sqrt(3)).softmax(-1), WEIGHTS,
     "these are the weights of scores 1.732 = √3 times as large"),
    (WEIGHTS.log().neg().softmax(-1), WEIGHTS,
     "these are the weights of scores with every sign turned round"),
    (torch.eye(3)[[2, 1, 2]], WEIGHTS,
     "every row gives all its weight to one entry, the one that should weigh most"),
    (torch.eye(3)[[0, 1, 0]], WEIGHTS, "every row gives all its weight to one entry"),
    (put(empty_rows(0), 0, 0.25), empty_rows(0),
     "the row with nothing to attend to is 0.25 throughout instead of all zeros, "
     "all else is right"),
    (put(empty_rows(0), (0, 0), 0.25), empty_rows(0),
     "the row with nothing to attend to is not all zeros, all else is right"),
    (SIGNED.softmax(-1), SIGNED, "nothing is below 0 and every row sums to one, as in weights"),
]  # fmt: skip

GAPS = [
    (SCORES * math.nan, SCORES, "every entry is NaN"),
    (nan_rows(0), empty_rows(0), "the row with nothing to attend to is NaN, all else is right"),
    (put(SCORES, 1, math.nan), put(SCORES, 1, 0.0),
     "the row that should be all 0 is NaN, all else is right"),
    (nan_rows(0, 1), WEIGHTS, "rows 0 and 1 are NaN, all else is right"),
    (nan_rows(1), empty_rows(0), "row 1 is NaN"),
    (put(HEADS, (slice(None), 1), math.nan), HEADS, "head 1 is NaN, all else is right"),
    (put(SENTENCES, ([0, 1], [1, 0]), math.nan), SENTENCES,
     "some rows are NaN throughout, others not at all, all else is right"),
    (put(SCORES, (1, 1), math.nan), SCORES, "one entry is NaN, all else is right"),
    (put(WIDE, (1, slice(1, 3)), math.nan), WIDE, "NaN stands in row 1 only, all else is right"),
    (HIDDEN.masked_fill(CAUSAL, math.nan), HIDDEN,
     "whatever should be finite is NaN, all else is right"),
    (HIDDEN.masked_fill(~CAUSAL, 0.0).masked_fill(CAUSAL, -math.inf), HIDDEN,
     "-inf stands wherever it should not, and nowhere that it should"),
]  # fmt: skip

PLACES = [
    (changed(rows=[0, 1]), SCORES, "only the last row is right"),
    (changed(rows=[1, 2]), SCORES, "only the first row is right"),
    (changed(rows=[1]), SCORES, "only row 1 is wrong"),
    (changed(columns=[0]), SCORES, "only the first column is wrong"),
    (spoilt(WIDE, (slice(None), [0, 1])), WIDE, "only columns 0 and 1 are wrong"),
    (spoilt(WIDE, (slice(None), slice(0, 3))), WIDE, "only columns 3 and 4 are right"),
    (spoilt(HEADS, (slice(None), [1, 2])), HEADS, "only head 0 is right"),
    (spoilt(HEADS, (slice(None), 2)), HEADS, "only head 2 is wrong"),
    (spoilt(SENTENCES, slice(1, 3)), SENTENCES, "only the first sample is right"),
    (spoilt(SENTENCES, 1), SENTENCES, "only sample 1 is wrong"),
    (spoilt(torch.arange(5.0), [0, 2, 4]), torch.arange(5.0), "only entries 1 and 3 are right"),
    (spoilt(HEADS, (1, 2, 0)), HEADS, "all that is wrong stands in row 0 of head 2 of sample 1"),
    (spoilt(spoilt(FEW, (0, 1)), (1, 1, [0, 1])), FEW, "only row 1 is ever wrong"),
    (spoilt(spoilt(FEW[:2], (0, [0, 1])), (1, 0)), FEW[:2],
     "only the last row is right everywhere"),
    (put(SCORES, (0, 2), 7.5), SCORES, "all other entries are right"),
    (put(put(NOISE, (0, 2), 7.5), (3, 1), 0.5), NOISE, "only [0, 2] and [3, 1] are wrong"),
    (spoilt(NOISE, ([0, 1, 2, 3, 4], [3, 1, 4, 2, 0])), NOISE, "only 5 of 25 entries are wrong"),
    (put(SCORES * 3 - ODD.cos(), 1, 0.0), put(SCORES, 1, 0.0),
     "only the row that should be all 0 is right"),
    (SCORES * (1 + torch.ones(3, 3).triu(1) * SCORES), SCORES,
     "right on and below the diagonal, wrong above it"),
    (SCORES * (1 + torch.ones(3, 3).tril(-1) * SCORES), SCORES,
     "right on and above the diagonal, wrong below it"),
    (SCORES.tril(), SCORES, "right on and below the diagonal, all 0 above it"),
    (torch.stack([SCORES, WEIGHTS]).tril(), torch.stack([SCORES, WEIGHTS]),
     "right on and below the diagonal, all 0 above it"),
    (SCORES + torch.diag(torch.tensor([1.0, 2.0, 4.0])), SCORES, "wrong on the diagonal only"),
    (CAUSAL.tril(-1), CAUSAL, "wrong on the diagonal only; every wrong entry is False"),
    (SQUARE | torch.ones(5, 5).tril(1).bool(), SQUARE,
     "wrong only one step above the diagonal; every wrong entry is True"),
    (3 * SCORES - 2 * torch.diag(SCORES.diag()) + torch.ones(3, 3).triu(1), SCORES,
     "right on the diagonal only"),
    (WIDE * (1 + WIDE.triu(3)), WIDE,
     "right on and below the diagonal that ends at the last entry, wrong above it"),
    (torch.where(SQUARE | (NOISE > 0.8), NOISE, NOISE.sin() + 2), NOISE,
     "all that is wrong stands above the diagonal"),
]  # fmt: skip

NATURES = [
    (HIDDEN.nan_to_num(neginf=-1e9), HIDDEN,
     "wherever -inf was expected stands -1e+09, all else is right"),
    (SCORES.tril() + torch.ones(3, 3).triu(1), SCORES.tril(),
     "wherever 0 was expected stands 1, all else is right"),
    (put(SCORES.flatten(), [3, 4, 6], 0.0), SCORES.flatten(),
     "only entries 3, 4 and 6 are wrong; every wrong entry is 0"),
    (put(WIDE.flatten(), [1, 4, 6, 9], -WIDE.flatten()[[1, 4, 6, 9]]), WIDE.flatten(),
     "only entries 1, 4, 6 and 9 are wrong; every wrong entry has its sign turned round"),
    (put(WIDE.flatten(), [1, 4, 6, 9], 3 + WIDE.flatten()[[1, 4, 6, 9]]), WIDE.flatten(),
     "only entries 1, 4, 6 and 9 are wrong; every wrong entry is off by the same amount, 3"),
    (put(NOISE, ([0, 1, 2, 3, 4, 0], [0, 3, 1, 2, 4, 4]), -math.inf), NOISE,
     "every wrong entry is -inf"),
    (2 * HIDDEN.masked_fill(HIDDEN.isinf(), 0.0), HIDDEN,
     "nothing is -inf, where 3 of 9 entries should be"),
    (HIDDEN.masked_fill(HIDDEN.isinf(), 0.0) + 3, HIDDEN,
     "nothing is -inf, where 3 of 9 entries should be"),
    (torch.ones(5, 2).tril().bool(), torch.ones(5, 2).tril(-3).bool(),
     "only the last row is right; every wrong entry is True"),
]  # fmt: skip


@pytest.mark.parametrize(
    "got, expected, words", [*EVERYWHERE, *LINES, *ORDERS, *SUMS, *GAPS, *PLACES, *NATURES]
)
def test_the_pattern_is_named(got, expected, words):
    assert told(got, expected) == words


PAIR = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
EVEN = torch.full((3, 3), 0.25)
TWINS = SCORES[[0, 0, 2]]
GROWING = torch.stack([HIDDEN, HIDDEN + 1, HIDDEN + 2])


@pytest.mark.parametrize(
    "got, expected, untold",
    [
        (torch.tensor([[3.0]]), torch.tensor([[2.0]]), "every"),
        (torch.tensor([2.0]), torch.tensor([-2.0]), "sign"),
        (2 * EVEN, EVEN, "factor"),
        (EVEN + 1, EVEN, "amount"),
        (EVEN + NOISE[:3, :3], EVEN, "order"),
        (TWINS[[1, 0, 2]] * 1.5, TWINS, "places"),
        (TWINS[[2, 0, 1]], TWINS, "are rows"),
        (PAIR.mT + 1, PAIR, "transpose"),
        ((SCORES + SCORES.mT) * 1.001, SCORES + SCORES.mT, "transpose"),
        (SCORES[:1] + ODD, SCORES[:1], "row"),
        (SCORES[:, :1] * ODD[:, None], SCORES[:, :1], "column"),
        (torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0]), "amount"),
        (torch.tensor([[1.0, 3], [2, 8]]), torch.tensor([[2.0, 3], [2, 9]]), "of its own"),
        (torch.tensor([[2.0, 2], [0, 0]]), torch.tensor([[1.0, 3], [0, 0]]), "the same"),
        (CAUSAL[:2, :2].flip(0), CAUSAL[:2, :2], "places"),
        (torch.tensor([0.2, -1.0]), torch.tensor([0.4, -2.0]), "below"),
        (torch.tensor([1.1, 2.0, 6.7]), torch.tensor([1.0, 2.0, 6.9]), "between"),
        (torch.tensor([[0.73, 0.27]]), torch.tensor([[0.27, 0.73]]), "scores"),
        (1e4 * SCORES + torch.eye(3), 1e4 * SCORES, "negative"),
        (GROWING.nan_to_num(neginf=-1e9), GROWING, "is the same"),
    ],
)  # fmt: skip
def test_what_agrees_by_accident_is_no_pattern(got, expected, untold):
    assert untold not in told(got, expected)


@pytest.mark.parametrize(
    "got, expected",
    [
        (NOISE[:3, :3] + SCORES, SCORES),
        (2 * SCORES.tril() + torch.ones(3, 3).triu(1) * NOISE[:3, :3], SCORES.tril()),
        (torch.tensor(2.0), torch.tensor(1.0)),
    ],
)
def test_where_nothing_holds_nothing_is_said(got, expected):
    assert told(got, expected) == ""


@pytest.mark.parametrize(
    "got, expected, words",
    [
        (WIDE[None], WIDE, "there is one axis too many in front; the numbers are right"),
        (WIDE[None] + 1, WIDE, "there is one axis too many in front"),
        (WIDE[..., None], WIDE, "there is one axis too many at the end; the numbers are right"),
        (WIDE[:, None], WIDE, "axis 1, of size 1, is too many; the numbers are right"),
        (WIDE[None, None], WIDE[None],
         "there is one axis of size 1 too many; the numbers are right"),
        (SENTENCES[:, :, None].repeat(1, 1, 7, 1), SENTENCES, "axis 2, of size 7, is too many"),
        (WIDE, WIDE[None], "an axis of size 1 is missing in front; the numbers are right"),
        (WIDE.sum(1), WIDE, "an axis of size 5 is missing at the end"),
        (SENTENCES.sum(1), SENTENCES, "an axis of size 2 is missing as axis 1"),
        (SQUARE.double()[0], SQUARE.double(), "one axis of size 5 is missing"),
        (WIDE.mT, WIDE, "it is the transpose of what it should be"),
        (WIDE.mT + 1, WIDE, "the shape is that of its transpose"),
        (WIDE.reshape(5, 3), WIDE,
         "the shape is that of its transpose; read row by row, the numbers are right"),
        (HEADS.transpose(1, 2), HEADS, "axes 1 and 2 have changed places"),
        (HEADS.transpose(1, 2) + 1, SENTENCES.reshape(2, 3, 1, 4).repeat(1, 1, 2, 1),
         "the sizes of axes 1 and 2 have changed places"),
        (SENTENCES.permute(2, 1, 0), SENTENCES, "axes 0 and 2 have changed places"),
        (HEADS.permute(3, 2, 1, 0), HEADS, "the axes stand in reverse order"),
        (SENTENCES.permute(1, 2, 0) + 1, SENTENCES, "the right sizes stand in another order"),
        (WIDE[:, :4], WIDE, "the last column is missing, the others are right"),
        (WIDE[1:], WIDE, "the first row is missing, the others are right"),
        (WIDE, WIDE[:, :2], "the last 3 columns are too many, the others are right"),
        (WIDE[:, :4] + 1, WIDE, "one column is missing"),
        (WIDE + 1, WIDE[:, :2], "3 columns are too many"),
        (HEADS[:, :2], HEADS, "the last head is missing, the others are right"),
        (SENTENCES[:2], SENTENCES, "the last sample is missing, the others are right"),
        (HEADS.reshape(2, 6, 4), HEADS,
         "axes 1 and 2 have become one, of size 6; the numbers are right"),
        (SENTENCES.reshape(3, 2, 2, 2) + 1, SENTENCES,
         "axis 2 has become two, of sizes 2 and 2"),
        (torch.ones(2, 3), torch.ones(7, 5, 4), ""),
        (torch.ones(0, 3), torch.ones(3, 0), "the shape is that of its transpose"),
        (torch.ones(()), torch.ones(1), ""),
    ],
)  # fmt: skip
def test_a_wrong_shape_has_a_pattern_too(got, expected, words):
    found = difference(got, expected)
    assert found and found.kind == "shape" and found.pattern == words


def test_a_wrong_shape_without_values_is_told_by_its_sizes():
    found = difference(torch.empty(5, 3, device="meta"), WIDE)
    assert found and found.pattern == "the shape is that of its transpose"


def test_in_a_huge_tensor_only_the_simplest_patterns_are_looked_for():
    expected = torch.arange(600.0 * 600).reshape(600, 600)
    assert told(2 * expected, expected) == "every entry is off by the factor 2"
    assert told(expected.mT, expected) == ""
    found = difference(expected[None], expected)
    assert found and found.pattern == "there is one axis too many in front"


# Whatever is told is true: small numbers, so that much agrees by accident, and every kind of
# change, so that all sentences are told.

KINDS = {
    "small numbers": lambda shape, draw: torch.randint(-3, 4, shape, generator=draw) / 2,
    "any numbers": lambda shape, draw: torch.randn(shape, generator=draw),
    "large numbers": lambda shape, draw: 1e4 * torch.randn(shape, generator=draw),
    "tiny numbers": lambda shape, draw: 1e-5 * torch.randn(shape, generator=draw),
    "weights": lambda shape, draw: torch.randn(shape, generator=draw).softmax(-1),
    "weights with empty rows": lambda shape, draw: (
        torch.randn(shape, generator=draw).softmax(-1)
        * (torch.rand(shape[:-1], generator=draw) > 0.4)[..., None]
    ),
    "empty rows": lambda shape, draw: (
        torch.randn(shape, generator=draw)
        * (torch.rand(shape[:-1], generator=draw) > 0.4)[..., None]
    ),
    "a causal mask": lambda shape, draw: torch.ones(shape).tril(shape[-1] - shape[-2]).bool(),
    "any mask": lambda shape, draw: torch.rand(shape, generator=draw) > 0.5,
    "hidden scores": lambda shape, draw: torch.randn(shape, generator=draw).masked_fill(
        torch.rand(shape, generator=draw) > 0.5, -math.inf
    ),
}


def along(tensor, axis, values):
    return values.reshape([-1 if a == axis else 1 for a in range(tensor.dim())])


def one_of(tensor, axis, draw):
    """Whether an entry stands in one row, or column, head, sample that is drawn."""
    count = tensor.shape[axis]
    chosen = torch.arange(count) == torch.randint(count, (1,), generator=draw)
    return along(tensor, axis, chosen).expand_as(tensor)


def noise(tensor, draw):
    return torch.randn(tensor.shape, generator=draw).double()


def each(tensor, axis, draw):
    return along(tensor, axis, torch.randint(-2, 4, (tensor.shape[axis],), generator=draw))


def reordered(tensor, draw):
    axes = torch.randperm(tensor.dim(), generator=draw).tolist()
    return tensor.permute(axes).reshape(tensor.shape)


CHANGES = {
    "factor": lambda t, axis, draw: t * 3**0.5,
    "sign": lambda t, axis, draw: -t,
    "amount": lambda t, axis, draw: t + 0.3,
    "factors": lambda t, axis, draw: t * each(t, axis, draw),
    "amounts": lambda t, axis, draw: t + each(t, axis, draw),
    "one factor": lambda t, axis, draw: torch.where(one_of(t, axis, draw), 2 * t, t),
    "one sign": lambda t, axis, draw: torch.where(one_of(t, axis, draw), -t, t),
    "one zero": lambda t, axis, draw: torch.where(one_of(t, axis, draw), 0.0, t),
    "one wrong": lambda t, axis, draw: torch.where(one_of(t, axis, draw), noise(t, draw), t),
    "one right": lambda t, axis, draw: torch.where(one_of(t, axis, draw), t, noise(t, draw)),
    "one NaN": lambda t, axis, draw: torch.where(one_of(t, axis, draw), math.nan, t),
    "some NaN": lambda t, axis, draw: torch.where(noise(t, draw) > 1, math.nan, t),
    "empty NaN": lambda t, axis, draw: torch.where((t == 0).all(-1, True), math.nan, t),
    "finite NaN": lambda t, axis, draw: 0 * t,
    "some infinite": lambda t, axis, draw: torch.where(noise(t, draw) > 1, -math.inf, t),
    "some wrong": lambda t, axis, draw: torch.where(noise(t, draw) > 1, 1 - t, t),
    "all wrong": lambda t, axis, draw: noise(t, draw),
    "one number": lambda t, axis, draw: torch.full_like(t, 0.25),
    "filled": lambda t, axis, draw: torch.where(t.isinf() | (t == 0), -1e9, t),
    "turned": lambda t, axis, draw: reordered(t, draw),
    "flipped": lambda t, axis, draw: t.flip(axis),
    "rolled": lambda t, axis, draw: t.roll(1, axis),
    "rolled back": lambda t, axis, draw: t.roll(-1, axis),
    "moved on": lambda t, axis, draw: torch.where(
        along(t, axis, torch.arange(t.shape[axis])) == 0, noise(t, draw), t.roll(1, axis)
    ),
    "mixed": lambda t, axis, draw: t.index_select(
        axis, torch.randperm(t.shape[axis], generator=draw)
    ),
    "shuffled": lambda t, axis, draw: t.flatten()[
        torch.randperm(t.numel(), generator=draw)
    ].reshape(t.shape),
    "repeated": lambda t, axis, draw: t.narrow(axis, 0, 1).expand_as(t),
    "relu": lambda t, axis, draw: t.relu(),
    "clamped": lambda t, axis, draw: t.clamp(-0.5, 0.5),
    "unsigned": lambda t, axis, draw: t.abs(),
    "rounded": lambda t, axis, draw: t.round(decimals=1),
    "cut off": lambda t, axis, draw: (100 * t).trunc() / 100,
    "squared": lambda t, axis, draw: t.square(),
    "logarithm": lambda t, axis, draw: t.abs().log(),
    "softmax": lambda t, axis, draw: t.softmax(-1),
    "softmax of columns": lambda t, axis, draw: t.softmax(0),
    "sharper": lambda t, axis, draw: (2 * t.abs().log()).softmax(-1).nan_to_num(),
    "one entry": lambda t, axis, draw: torch.nn.functional.one_hot(
        t.argmax(-1), t.shape[-1]
    ).double(),
    "above": lambda t, axis, draw: torch.where(
        torch.ones(t.shape[-2:]).triu(1).bool(), noise(t, draw), t
    ),
    "below": lambda t, axis, draw: t.triu(),
    "diagonal": lambda t, axis, draw: t * (1 - torch.ones(t.shape[-2:]).triu().tril()),
    "nearly": lambda t, axis, draw: t * (1 + 0.003 * noise(t, draw).clamp(-1, 1)),
}


@given(
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    equal=st.booleans(),
    changes=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=2),
    axis=st.integers(0, 3),
    seed=st.integers(0, 1 << 16),
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_whatever_is_told_is_true(kind, shape, equal, changes, axis, seed):
    shape = [shape[0]] * len(shape) if equal else shape
    draw = torch.Generator().manual_seed(seed)
    expected = KINDS[kind](shape, draw)
    got = expected.double()
    for change in changes:
        got = CHANGES[change](got, axis % len(shape), draw)
    boolean = expected.dtype is torch.bool
    got, expected = (got != 0, expected) if boolean else (got, expected.double())
    right = agreement(got, expected)
    assume(not right.all())
    says = pattern(got, expected, right)
    assert not says or holds(says, Wrong(got, expected, right)), says
