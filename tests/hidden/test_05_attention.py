"""What `weighted_sum`, `attention` and `self_attention` must do."""

from __future__ import annotations

import math

import pytest
import torch

from grader.suite import (
    SDPA,
    follows_device,
    leaves_arguments_alone,
    odd_forms,
    same,
    same_values,
    step,
)

FORBIDDEN = SDPA
# The size by whose root the scores are divided, under its name in the docstrings' shapes.
SCALES = {"attention": "d_k", "self_attention": "d_k"}
PARTS = "output weights"

# n_q, n_k, d_k, d_v: all equal, where a wrong axis shows in values, then all different;
# at last one query, as when a model writes.
SIZES = [(5, 5, 5, 5), (3, 5, 7, 2), (6, 3, 5, 7), (1, 4, 6, 3)]
LESSON = (2, 3, 4, 2)  # those of the lesson's example, which comes first wherever it can

# batch, n, d_model, d_k, d_v, in the same order.
SMALL = ((), 3, 2, 4, 1)
# Tokens and w_v are unit vectors here: the values are too, and the output is the weights.
UNITS = [((), 3, 5, 2, 4), ((), 4, 6, 7, 5), ((), 2, 3, 5, 6)]
SEQUENCES = [SMALL, ((), 4, 4, 4, 4), ((), 5, 7, 3, 2), *UNITS]
BATCHES = [((3,), 3, 3, 3, 3), ((3,), 4, 6, 7, 5), ((2, 3), 5, 7, 6, 8)]

# A batch of one, none, two samples, and a batch without samples.
ODD_BATCHES = [(1,), (), (2,), (0,)]


def tokens(draw, n_q, n_k, d_k, d_v, batch=(), dtype=torch.float32):
    """Queries, keys and values."""
    return (
        draw.normal(*batch, n_q, d_k, dtype=dtype),
        draw.normal(*batch, n_k, d_k, dtype=dtype),
        draw.normal(*batch, n_k, d_v, dtype=dtype),
    )


def tokens_of(sizes, draw, device):
    """Cat, ball and curious as the lesson has them, asked by *it* and by another; or random ones.

    Small numbers, so that the case that is shown can be done by hand.
    """
    if sizes != LESSON:
        return tokens(draw, *sizes)
    q = [[1.0, 1.0, 1.0, 1.0], [2.0, 0.0, -2.0, 0.0]]
    k = [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0]]
    v = [[4.0, 0.0], [0.0, 4.0], [2.0, 2.0]]
    return tuple(torch.tensor(rows, device=device) for rows in (q, k, v))


def projections(draw, d_model, d_k, d_v):
    """Three matrices that keep numbers at unit size."""
    return tuple(draw.normal(d_model, d) / math.sqrt(d_model) for d in (d_k, d_k, d_v))


def sequence(sizes, draw, device):
    """A sequence and its three projections: a small one done by hand, or random ones.

    sizes: (batch, n, d_model, d_k, d_v).
    """
    batch, n, *widths = sizes
    if sizes in UNITS:
        d_model, d_k, d_v = widths
        x, w_v = torch.eye(n, d_model, device=device), torch.eye(d_model, d_v, device=device)
        return x, draw.normal(d_model, d_k), draw.normal(d_model, d_k), w_v
    if sizes != SMALL:
        return draw.normal(*batch, n, widths[0]), *projections(draw, *widths)
    x = [[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]
    w_q = [[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0]]
    w_k = [[2.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    w_v = [[4.0], [8.0]]
    return tuple(torch.tensor(rows, device=device) for rows in (x, w_q, w_k, w_v))


def other_last(tensor, axis):
    """The same tensor with other numbers in the last place of an axis."""
    changed = tensor.clone()
    changed.select(axis, -1).add_(1.0).mul_(-1.5)
    return changed


def only(index, got, expected):
    """Compare one of two results; where no pair came back, say so."""
    if type(got) is tuple and len(got) == 2:
        got = tuple(got[i] if i == index else expected[i] for i in range(2))
    return same_values(got, expected, parts=PARTS)


@step(points=1, public=True)
def test_a_small_sum(student, reference, device):
    """Each row of weights blends the rows of the values

    Work out the output of one row of weights by hand. Which values go into it, and how much
    of each?
    """
    # A copy, two blends, and a query that hands out nothing.
    weights = torch.tensor(
        [[0.0, 1.0, 0.0], [0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.0, 0.0, 0.0]], device=device
    )
    v = torch.tensor([[2.0, -4.0], [10.0, 0.0], [3.0, 8.0]], device=device)
    assert same_values(student.weighted_sum(weights, v), reference.weighted_sum(weights, v))


@step(points=3)
@pytest.mark.parametrize("n_q, n_k, d_v", [(5, 5, 5), (3, 5, 7), (6, 2, 3), (1, 4, 6)])
def test_sums_of_any_size(student, reference, draw, n_q, n_k, d_v):
    """Any number of queries, keys and features will do

    Write down the shapes of weights, values and output. Which axis do weights and values
    share, and what becomes of it?
    """
    weights, v = draw.normal(n_q, n_k).softmax(-1), draw.normal(n_k, d_v)
    assert same_values(student.weighted_sum(weights, v), reference.weighted_sum(weights, v))


@step(points=3)
@pytest.mark.parametrize(
    "batch, n_q, n_k, d_v", [((3, 3), 3, 3, 3), ((3,), 4, 6, 5), ((2, 3), 5, 7, 6)]
)
def test_sums_in_batches(student, reference, draw, batch, n_q, n_k, d_v):
    """Each sample's weights meet that sample's values

    Which axes of weights and values does each of your lines work along, and what becomes of
    those in front?
    """
    weights, v = draw.normal(*batch, n_q, n_k).softmax(-1), draw.normal(*batch, n_k, d_v)
    assert same_values(student.weighted_sum(weights, v), reference.weighted_sum(weights, v))


@step(points=1, needs="test_sums_of_any_size")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_sums_follow_their_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which stay as they are

    Which of your lines makes a tensor from nothing, names a dtype, or writes into a tensor
    that came in?
    """
    weights, v = draw.normal(3, 5).softmax(-1).to(dtype), draw.normal(5, 7, dtype=dtype)
    assert same(student.weighted_sum(weights, v), reference.weighted_sum(weights, v))
    assert follows_device(student.weighted_sum, weights, v)
    assert leaves_arguments_alone(student.weighted_sum, weights, v)


@step(points=1, needs="test_sums_of_any_size")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_the_sum(student, reference, draw, batch):
    """Gradients flow back to the weights and to the values

    Go back from the output to the weights, then to the values. Which of your steps could a
    gradient not pass unharmed?
    """
    weights, v = draw.normal(*batch, 3, 5).softmax(-1), draw.normal(*batch, 5, 7)
    cotangent = draw.normal(*batch, 3, 7)
    got = student.weighted_sum.gradients(weights, v, cotangent=cotangent)
    assert same(got, reference.weighted_sum.gradients(weights, v, cotangent=cotangent))


@step(points=1, needs="test_sums_in_batches")
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_inputs_of_the_sum(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What do your lines take for granted: a certain batch, how numbers lie in memory, or that
    no tensor is in training?
    """
    weights, v = draw.normal(*batch, 2, 3).softmax(-1), draw.normal(*batch, 3, 4)
    for parts in odd_forms(weights, v):
        assert same_values(student.weighted_sum(*parts), reference.weighted_sum(*parts))


@step(points=3, public=True)
@pytest.mark.parametrize("sizes", [LESSON, *SIZES])
def test_the_weights(student, reference, draw, device, sizes):
    """Weights are the softmax of scaled scores over keys

    Work out one query's weights by hand, step by step. Which step of your function is the
    first to say something else?
    """
    q, k, v = tokens_of(sizes, draw, device)
    assert only(1, student.attention(q, k, v), reference.attention(q, k, v))


@step(points=1)
@pytest.mark.parametrize("sizes", [LESSON, *SIZES])
def test_the_output(student, reference, draw, device, sizes):
    """The output is the values, weighted and summed

    Which two tensors meet in your output, over which axis are they summed, and in which
    place do you return it?
    """
    q, k, v = tokens_of(sizes, draw, device)
    assert only(0, student.attention(q, k, v), reference.attention(q, k, v))


@step(points=3)
@pytest.mark.parametrize("sizes", [LESSON, (5, 5, 5, 5), (4, 6, 7, 3)])
def test_a_mask(student, reference, draw, device, sizes):
    """Hidden keys get no weight, the others share it

    Take a row with one hidden key. What are its scores just before your softmax, and what
    do its weights sum to?
    """
    q, k, v = tokens_of(sizes, draw, device)
    n_q, n_k = sizes[:2]
    triangle = torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
    padded = draw.mask(n_q, n_k)
    padded[:, 0], padded[:, -1] = True, False  # the last key is hidden from every query
    # Where all keys are zeros, so are all scores, and visible keys share evenly.
    for keys, mask in ((k, triangle), (k, padded), (torch.zeros_like(k), padded)):
        got = student.attention(q, keys, v, mask)
        assert same_values(got, reference.attention(q, keys, v, mask), parts=PARTS)


@step(points=1)
@pytest.mark.parametrize(
    "sizes, batch, dtype",
    [
        (LESSON, (), torch.float32),
        ((5, 5, 5, 5), (), torch.float32),
        ((4, 6, 7, 3), (3,), torch.float32),  # only one sample has such a query
        ((4, 3, 5, 6), (), torch.float64),  # here adding -1e9 leaves scores their differences
    ],
)
def test_nothing_to_attend_to(student, reference, draw, device, sizes, batch, dtype):
    """A query with nothing to attend to gets zeros

    Follow a row in which everything is hidden through your function. What does it hold
    after each step?
    """
    parts = tokens(draw, *sizes, batch) if batch else tokens_of(sizes, draw, device)
    q, k, v = (part.to(dtype) for part in parts)
    mask = draw.mask(*batch, *sizes[:2])
    # Two keys and more to see, so that scores show, and one that is hidden.
    mask[..., 0, :2], mask[..., 0, 2] = True, False
    mask[(0,) * len(batch) + (1,)] = False
    assert same_values(
        student.attention(q, k, v, mask), reference.attention(q, k, v, mask), parts=PARTS
    )


@step(points=1)
@pytest.mark.parametrize(
    "batch, n_q, n_k, d_k, d_v",
    [((4,), 4, 4, 4, 4), ((3, 3), 3, 3, 3, 3), ((3,), 4, 6, 7, 5), ((2, 3), 5, 7, 6, 8)],
)
def test_batches(student, reference, draw, batch, n_q, n_k, d_k, d_v):
    """Every sample of a batch attends on its own

    In which of your steps could one sample meet another, and how is that step told which
    axes to use?
    """
    q, k, v = tokens(draw, n_q, n_k, d_k, d_v, batch)
    # Other keys in the last sample are nothing to the samples before it.
    asked = [(q, k, v), (q, other_last(k, 0), v)]
    got = [student.attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.attention(*parts), parts=PARTS)


@step(points=1)
@pytest.mark.parametrize(
    "batch, n_q, n_k, d_k, d_v, mask_shape",
    [
        ((3,), 3, 3, 3, 3, (3, 3, 3)),  # one for each sample, and no heads
        ((3, 3), 3, 3, 3, 3, (3, 3, 3)),  # one for each head, whatever the sample
        ((3, 3), 3, 3, 3, 3, (3, 1, 3, 3)),  # one for each sample, whatever the head
        ((3,), 4, 6, 7, 5, (4, 6)),  # one for all
        ((3,), 4, 6, 7, 5, (3, 4, 6)),
        ((2, 3), 5, 7, 6, 8, (3, 5, 7)),
        ((2, 3), 5, 7, 6, 8, (2, 1, 5, 7)),
        ((2, 3), 5, 7, 6, 8, (2, 1, 1, 7)),  # one row for each sample, as padding has it
    ],
)
def test_the_mask_broadcasts(student, reference, draw, batch, n_q, n_k, d_k, d_v, mask_shape):
    """A mask may serve one sample or many, one head or all

    Line up the shapes of mask and scores from the right. Which axes are repeated, and which
    of your steps expects otherwise?
    """
    q, k, v = tokens(draw, n_q, n_k, d_k, d_v, batch)
    mask = draw.mask(*mask_shape)
    assert same_values(
        student.attention(q, k, v, mask), reference.attention(q, k, v, mask), parts=PARTS
    )


@step(points=1, needs="test_a_mask")
@pytest.mark.parametrize("masked", [False, True])
def test_large_scores(student, reference, draw, masked):
    """Large scores do no harm, whether visible or hidden

    How high and how low can your numbers get on their way to the output, and which step
    cannot bear it?
    """
    # Whole numbers, and a width whose fourth root is exact: every order of operations
    # rounds alike, so that a right formula cannot lose here to a score's last digit.
    q, k = draw.integers(-2, 3, (4, 16)).float(), draw.integers(-2, 3, (6, 16)).float()
    q[:, 0], q[1::2, 0] = 1000.0, -1000.0
    k[:, 0], k[2, 0] = 200.0, 400.0  # scores about ±50 000, for key 2 about ±100 000
    v = draw.normal(6, 5)
    mask = draw.mask(4, 6) if masked else None
    if mask is not None:
        mask[:, 2], mask[:, 4], mask[:, 5] = False, True, True
    got = student.attention(q, k, v, mask)
    # Compared as half precision is: this is about harm, not about the last digits.
    expected = tuple(part.half() for part in reference.attention(q, k, v, mask))
    assert same_values(got, expected, parts=PARTS)


@step(points=1, needs="test_a_mask")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_device_and_arguments(student, reference, draw, dtype):
    """Dtype, device and arguments stay as they were

    Where does each tensor that you make get its dtype and device from, and which line
    writes into one you were given?
    """
    # A width whose root is exact in every dtype.
    q, k, v = tokens(draw, 5, 6, 4, 7, dtype=dtype)
    mask = draw.mask(5, 6)
    assert same(student.attention(q, k, v, mask), reference.attention(q, k, v, mask), parts=PARTS)
    assert follows_device(student.attention, q, k, v, mask)
    assert follows_device(student.attention, q, k, v)
    # With an empty row: to let it see something for a moment is easily done in the mask itself.
    mask[1] = False
    assert leaves_arguments_alone(student.attention, q, k, v, mask)


@step(points=1, needs="test_nothing_to_attend_to")
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradients(student, reference, draw, batch):
    """Gradients are right, empty rows included

    Which way does a gradient take from the results back to queries, keys and values, and
    what does an empty row do to it?
    """
    q, k, v = tokens(draw, 5, 6, 4, 7, batch)
    mask = draw.mask(5, 6)
    mask[2] = False
    cotangent = (draw.normal(*batch, 5, 7), draw.normal(*batch, 5, 6))
    got = student.attention.gradients(q, k, v, mask, cotangent=cotangent)
    assert same(got, reference.attention.gradients(q, k, v, mask, cotangent=cotangent))


@step(points=1, needs=("test_a_mask", "test_batches"))
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_inputs(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What does your function expect of its inputs that a transposed tensor, one in training
    or an empty batch does not give?
    """
    q, k, v = tokens(draw, 2, 3, 4, 5, batch)
    for parts in odd_forms(q, k, v, draw.mask(*batch, 2, 3)):
        for chosen in (parts, parts[:3]):  # with the mask, and without
            got = student.attention(*chosen)
            assert same_values(got, reference.attention(*chosen), parts=PARTS)


@step(points=3, public=True)
@pytest.mark.parametrize("sizes", SEQUENCES)
def test_self_attention(student, reference, draw, device, sizes):
    """Queries, keys and values come from the same tokens

    Which matrix makes queries, which makes keys, which makes values, and what is done with
    each of the three afterwards?
    """
    x, *weights = sequence(sizes, draw, device)
    got = student.self_attention(x, *weights)
    assert same_values(got, reference.self_attention(x, *weights))


@step(points=1)
@pytest.mark.parametrize("sizes", BATCHES)
def test_sequences_in_batches(student, reference, draw, device, sizes):
    """Every sequence of a batch attends to itself alone

    Where in your function could the tokens of two sequences meet, and what is the shape of
    your scores there?
    """
    x, *weights = sequence(sizes, draw, device)
    asked = [x, other_last(x, 0)]  # another last sequence is nothing to those before it
    got = [student.self_attention(one, *weights) for one in asked]
    for answer, one in zip(got, asked, strict=True):
        assert same_values(answer, reference.self_attention(one, *weights))


@step(points=4)
@pytest.mark.parametrize("sizes", [*SEQUENCES, *BATCHES])
def test_causal_self_attention(student, reference, draw, device, sizes):
    """With causal=True no token sees what comes after it

    Draw which tokens each token may see. Which line of yours makes that drawing, and where
    is it used?
    """
    x, *weights = sequence(sizes, draw, device)
    # Another last token is nothing to those before it; unit vectors stay what they are.
    asked = [x] if sizes in UNITS else [x, other_last(x, -2)]
    got = [student.self_attention(one, *weights, causal=True) for one in asked]
    for answer, one in zip(got, asked, strict=True):
        assert same_values(answer, reference.self_attention(one, *weights, causal=True))


@step(points=1, needs="test_causal_self_attention")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_self_attention_follows_its_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which are not changed

    With causal and without: which tensors do you make from nothing, which do you convert,
    and which do you write into?
    """
    parts = [part.to(dtype) for part in (draw.normal(5, 7), *projections(draw, 7, 4, 3))]
    got = student.self_attention(*parts, causal=True)
    assert same(got, reference.self_attention(*parts, causal=True))
    assert follows_device(student.self_attention, *parts, causal=True)
    assert follows_device(student.self_attention, *parts)
    assert leaves_arguments_alone(student.self_attention, *parts, causal=True)


@step(points=1, needs="test_causal_self_attention")
@pytest.mark.parametrize("batch, causal", [((), True), ((2,), False)])
def test_gradients_of_self_attention(student, reference, draw, batch, causal):
    """Gradients flow back to the tokens and to all three weights

    By which ways does the output depend on x and on each matrix, and which step could cut
    one of them?
    """
    parts = draw.normal(*batch, 5, 7), *projections(draw, 7, 4, 3)
    cotangent = draw.normal(*batch, 5, 3)
    got = student.self_attention.gradients(*parts, causal=causal, cotangent=cotangent)
    expected = reference.self_attention.gradients(*parts, causal=causal, cotangent=cotangent)
    assert same(got, expected)


@step(points=1, needs=("test_sequences_in_batches", "test_causal_self_attention"))
@pytest.mark.parametrize("shape", [(1, 3), (1, 2, 3), (2, 4, 3), (0, 4, 3)])
def test_odd_sequences(student, reference, draw, shape):
    """Transposed, empty, in training, a single word: all work

    What do your lines take for granted about x: its number of words or sentences, how it
    lies in memory, whether it is in training?
    """
    for parts in odd_forms(draw.normal(*shape), *projections(draw, 3, 4, 2)):
        for causal in (False, True):
            got = student.self_attention(*parts, causal=causal)
            assert same_values(got, reference.self_attention(*parts, causal=causal))
