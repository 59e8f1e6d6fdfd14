"""What `softmax` and `masked_softmax` must do."""

from __future__ import annotations

import pytest
import torch

from grader.suite import (
    SDPA,
    SOFTMAX,
    follows_device,
    leaves_arguments_alone,
    odd_forms,
    same,
    same_values,
    step,
)

FORBIDDEN = SOFTMAX | SDPA

# Cases small enough to be done by hand come first: theirs is the one that is shown.
A_HUNDRED_MORE = [102.0, 101.0, 100.1]
SQUARE = [[1.0, 2.0], [3.0, 5.0]]
SCORES = [[2.0, 1.0, 0.0, -1.0], [0.0, 3.0, 1.0, 2.0], [1.0, 1.0, 2.0, 0.0]]
NOUGHTS = [[0.0] * 4] * 3  # where all scores are equal, weights show the mask alone
VISIBLE = [[True, False, True, True], [False, True, True, False], [True, True, True, True]]


def numbers(draw, given, device):
    """The scores that are written out, or normal ones of this shape."""
    return torch.tensor(given, device=device) if type(given) is list else draw.normal(*given)


def spread(x, height):
    """Scores with a row far above the others, one far below, and one that holds both.

    Whoever cuts off large scores gets the same here at any limit that exp can bear: that it
    is another one hides no mistake.
    """
    if height:
        x = x.clone()
        x[0] += height
        x[1] -= height
        x[2] = -height
        x[2, 0], x[2, 3] = height, height - 1
    return x


def masked_numbers(draw, given, device):
    """Scores, and a mask of their shape: the small ones written out, or random ones."""
    if type(given) is list:
        return numbers(draw, given, device), torch.tensor(VISIBLE, device=device)
    return numbers(draw, given, device), draw.mask(*given)


def mask_along(draw, shape, dim):
    """A random mask that hides and shows something on every line along `dim`.

    Across `dim` whole lines are hidden, so that it matters along which one to look.
    """
    mask = draw.mask(*shape)
    mask.select(dim, 0).fill_(False)
    mask.select(dim, 1).fill_(True)
    return mask


@step(points=1, public=True)
def test_three_scores(student, reference, device):
    """Scores 2, 1 and 0.1 become weights

    Work the three weights out by hand, as in the lesson. At which step does your function
    first have other numbers?
    """
    x = torch.tensor([2.0, 1.0, 0.1], device=device)
    assert same_values(student.softmax(x), reference.softmax(x))


@step(points=3)
@pytest.mark.parametrize(
    "given, dtype",
    [
        (SQUARE, torch.float32),  # a sum without keepdim shows in values here
        ((5, 5), torch.float32),
        ((3, 7), torch.float32),
        ((1, 6), torch.float32),  # one query, as when a model writes
        ((2, 3, 5, 7), torch.float32),
        ((3, 5), torch.float64),
    ],
)
def test_rows_become_weights(student, reference, draw, device, given, dtype):
    """Every row, in any batch, gets its own weights

    Follow one row through your function, beside its neighbours. Which entries meet at each
    step, and which of them should?
    """
    x = numbers(draw, given, device).to(dtype)
    # To single precision: who adds 1e-9 below the line has made no mistake that matters.
    assert same_values(student.softmax(x), reference.softmax(x.float()))


@step(points=3)
@pytest.mark.parametrize(
    "given, dim",
    [
        (SQUARE, 0),
        ((4, 4, 4), 1),
        ((3, 5), 0),
        ((2, 3, 5), 1),
        ((2, 3, 5), -2),
        ((2, 3, 5), 2),
    ],
)
def test_the_given_dimension(student, reference, draw, device, given, dim):
    """Any dim will do, counted from either end

    Go through your function with `dim` as the first dimension. Along which dimension does
    each of your steps run?
    """
    x = numbers(draw, given, device)
    assert same_values(student.softmax(x, dim), reference.softmax(x, dim))


@step(points=3)
@pytest.mark.parametrize(
    "given, height",
    [
        (A_HUNDRED_MORE, 0.0),
        ([88.0, 87.0, 90.0], 0.0),  # exp overflows, but not 2 further down
        ([45.0, -45.0, 44.0], 0.0),  # nor here, unless the shift goes to the wrong end
        ((4, 4), 1e4),  # no keepdim, and no maximum either: here in values
        ((4, 5), 1e4),
    ],
)
def test_large_scores(student, reference, draw, device, given, height):
    """Huge scores still give finite weights

    What is the largest number that exp meets in a row of huge scores, and how small can the
    sum become?
    """
    x = spread(numbers(draw, given, device), height)
    assert same_values(student.softmax(x), reference.softmax(x))


@step(points=1, needs="test_rows_become_weights")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_input_sets_dtype_and_device(student, reference, draw, dtype):
    """Dtype and device stay, and so does the input

    Which of your lines makes a tensor, of which dtype and on which device? And which writes
    into one that was there before?
    """
    x = draw.normal(3, 5, dtype=dtype)
    assert same(student.softmax(x), reference.softmax(x))
    assert leaves_arguments_alone(student.softmax, x)
    assert follows_device(student.softmax, x)


@step(points=1, needs="test_rows_become_weights")
@pytest.mark.parametrize("dim", [-1, 0])
def test_gradients(student, reference, draw, dim):
    """Gradients pass through weights and their sum

    By which paths does one score reach all the weights of its row, and where in your
    function might a gradient stop?
    """
    x, cotangent = draw.normal(3, 5), draw.normal(3, 5)
    got = student.softmax.gradients(x, dim, cotangent=cotangent)
    assert same(got, reference.softmax.gradients(x, dim, cotangent=cotangent))


@step(points=1, needs="test_large_scores")
def test_large_scores_in_half_and_in_training(student, reference, draw):
    """Huge scores harm neither gradients nor half precision

    Half precision ends early. Which number grows largest on the way to your weights, and
    which on the way back?
    """
    x, cotangent = draw.normal(3, 4), draw.normal(3, 4)
    x[1] = torch.tensor([100.0, 99.0, 0.0, -3.0])
    got = student.softmax.gradients(x, cotangent=cotangent)
    assert same(got, reference.softmax.gradients(x, cotangent=cotangent))
    half = spread(draw.normal(4, 5, dtype=torch.float16), 6e4)
    half[3] += 12.0  # where float16 begins to overflow
    assert same_values(student.softmax(half), reference.softmax(half))


# No rows, or no sentences. The axis to share along is never empty: of that the contract
# says nothing.
@step(points=1, needs="test_the_given_dimension")
@pytest.mark.parametrize(
    "shape, dim", [((2, 3), -1), ((2, 3, 4), 1), ((1, 2, 3), 2), ((0, 3), -1), ((0, 2, 3), 1)]
)
def test_odd_inputs(student, reference, draw, shape, dim):
    """Inputs work transposed, empty, and in training

    Which of your lines counts on a first row, on the order of numbers in memory, or on
    scores that it may change?
    """
    for (x,) in odd_forms(draw.normal(*shape)):
        assert same_values(student.softmax(x, dim), reference.softmax(x, dim))


@step(points=1, public=True)
@pytest.mark.parametrize("given", [SCORES, NOUGHTS])
def test_a_small_mask(student, reference, draw, device, given):
    """Hidden scores weigh nothing, the rest sum to one

    Follow one hidden score and one visible score through your function. What does each of
    them add to the sum?
    """
    # The last row hides nothing: it is a plain softmax.
    scores, mask = masked_numbers(draw, given, device)
    got = student.masked_softmax(scores, mask)
    assert same_values(got, reference.masked_softmax(scores, mask))


@step(points=2)
@pytest.mark.parametrize(
    "given, mask_shape",
    [
        (SCORES, (4,)),
        ((3, 7), (3, 7)),
        ((1, 6), (1, 6)),
        ((3, 3, 3, 3), (3, 1, 3, 3)),  # all sizes equal: a wrong axis shows in values
        ((2, 3, 5, 7), (5, 7)),  # one mask for all
        ((2, 3, 5, 7), (2, 1, 5, 7)),  # one for each sample
        ((2, 3, 5, 7), (2, 1, 1, 7)),  # one row for each sample, as padding has it
    ],
)
def test_masks_that_broadcast(student, reference, draw, device, given, mask_shape):
    """A mask serves every row, a whole batch, or one sample

    Write the shapes of scores and mask below each other, lined up at the right. Which entry
    of the mask belongs to which score?
    """
    scores, mask = numbers(draw, given, device), draw.mask(*mask_shape)
    got = student.masked_softmax(scores, mask)
    assert same_values(got, reference.masked_softmax(scores, mask))


@step(points=1)
@pytest.mark.parametrize(
    "given, dim, lacks",
    [
        (SCORES, 0, 0),
        ((4, 4, 4), 0, 0),
        ((5, 7), 0, 0),
        ((2, 3, 5), 1, 0),
        ((2, 3, 5), -2, 0),
        ((2, 3, 5), 2, 0),
        ((2, 3, 5), 1, 1),  # one mask for all: what is dim 1 of the scores is its dim 0
    ],
)
def test_masked_along_the_given_dimension(student, reference, draw, device, given, dim, lacks):
    """Visible weights sum to one along dim

    Which scores share one whole when `dim` is not the last? Along which dimension do your
    steps look, in scores and in mask?
    """
    scores, mask = masked_numbers(draw, given, device)
    mask = mask if given is SCORES else mask_along(draw, given[lacks:], dim - lacks)
    if lacks:  # to keep the scores of the hidden line, or to put 0 there: it is one mistake
        scores.select(dim, 0).zero_()
    got = student.masked_softmax(scores, mask, dim)
    assert same_values(got, reference.masked_softmax(scores, mask, dim))


@step(points=2)
@pytest.mark.parametrize(
    "given, empty, dtype, dim",
    [
        (SCORES, (1,), torch.float32, ()),
        ((4, 5), (1,), torch.float32, ()),
        ((2, 3, 5), (0, 2), torch.float32, ()),
        ((2, 6), (), torch.float64, ()),  # here adding -1e9 leaves the scores their differences
        ((4, 5), (slice(None), 1), torch.float32, (0,)),  # a column that sees nothing
    ],
)
def test_nothing_to_attend_to(student, reference, draw, device, given, empty, dtype, dim):
    """A row that sees nothing is zeros, not NaN

    What does a row that is hidden throughout hold after each of your steps?
    """
    scores, mask = masked_numbers(draw, given, device)
    scores, mask[empty] = scores.to(dtype), False
    got = student.masked_softmax(scores, mask, *dim)
    assert same_values(got, reference.masked_softmax(scores, mask, *dim))


@step(points=1)
@pytest.mark.parametrize(
    "given, visible, hidden",
    [
        (SCORES, 0.0, 3e4),
        # Lower than any number that people hide scores behind: to choose another one mends
        # nothing. Visible scores that low are all equal.
        (SCORES, -3e9, 0.0),
        ((4, 7), 0.0, 3e4),
        ((4, 7), 0.0, 3e9),
        ((4, 7), -3e9, 0.0),
        ((4, 7), -3e9, 3e9),
    ],
)
def test_large_hidden_scores(student, reference, draw, device, given, visible, hidden):
    """Hidden scores leave no trace, however much larger

    Suppose a hidden score is huge, or all visible ones are very low. Which of your steps
    lets the hidden one win?
    """
    scores, mask = masked_numbers(draw, given, device)
    scores = torch.where(mask, scores + visible, scores + hidden)
    got = student.masked_softmax(scores, mask)
    assert same_values(got, reference.masked_softmax(scores, mask))


@step(points=1, needs="test_a_small_mask")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_scores_set_dtype_and_device(student, reference, draw, dtype):
    """Dtype and device stay, and so do the scores

    After which of your lines are dtype or device no longer those of the scores, and which
    line writes into the caller's tensors?
    """
    scores, mask = draw.normal(3, 5, dtype=dtype), draw.mask(3, 5)
    got = student.masked_softmax(scores, mask)
    assert same(got, reference.masked_softmax(scores, mask))
    assert follows_device(student.masked_softmax, scores, mask)
    # With an empty row: to let it see something for a moment is easily done in the mask itself.
    mask[1] = False
    assert leaves_arguments_alone(student.masked_softmax, scores, mask)


@step(points=1, needs="test_nothing_to_attend_to")
def test_gradients_with_an_empty_row(student, reference, draw):
    """An empty row leaves no NaN in any gradient

    A gradient passes every step once more. Which of yours could stop or spoil it, and what
    does an empty row hold there?
    """
    scores, mask, cotangent = draw.normal(4, 5), draw.mask(4, 5), draw.normal(4, 5)
    mask[1] = False
    got = student.masked_softmax.gradients(scores, mask, cotangent=cotangent)
    assert same(got, reference.masked_softmax.gradients(scores, mask, cotangent=cotangent))


@step(points=1, needs="test_masks_that_broadcast")
@pytest.mark.parametrize(
    "shape, mask_shape",
    [((2, 3), (2, 3)), ((2, 3, 4), (3, 4)), ((1, 2, 3), (1, 2, 3)), ((0, 3), (0, 3)),
     ((0, 2, 3), (2, 3))],
)  # fmt: skip
def test_odd_scores_and_masks(student, reference, draw, shape, mask_shape):
    """Scores and masks work transposed, empty, and in training

    Which of your lines counts on how numbers lie in memory, on at least one row, or on
    scores without gradients?
    """
    for scores, mask in odd_forms(draw.normal(*shape), draw.mask(*mask_shape)):
        got = student.masked_softmax(scores, mask)
        assert same_values(got, reference.masked_softmax(scores, mask))
