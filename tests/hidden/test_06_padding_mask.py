"""What `padding_mask`, `combine_masks` and `padded_attention` must do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

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
SCALES = {"padded_attention": "d_k"}

# Lengths, n, d_k, d_v: all sizes equal, where a wrong axis shows in values; all different, with
# one sample that fills its places and with none.
LESSON = ([3, 2], 4, 1, 1)  # one that can be done by hand, which comes first wherever it can
EQUAL = ([2, 4, 1, 3], 4, 4, 4)
SIZES = [LESSON, EQUAL, ([2, 5, 3], 5, 7, 4), ([3, 1], 6, 4, 3)]
# Values are unit vectors here, so that the output is the weights.
UNITS = ([3, 4, 2], 4, 2, 5)

# With an empty sample among the others.
EMPTIES = [([3, 0, 1], 6, 4, 2), ([2, 4, 0, 3], 4, 4, 4), ([2, 5, 3, 0], 5, 7, 3)]

# A sample, none at all, and two samples.
ODD_BATCHES = [[2], [], [3, 1]]


def the_lengths(numbers, device, dtype=torch.int64):
    """How many tokens of each sample are real."""
    return torch.tensor(numbers, dtype=dtype, device=device)


def tokens(draw, batch, n, d_k, d_v, dtype=torch.float32):
    """Queries, keys and values; what stands in the padding is drawn as well."""
    return (
        draw.normal(batch, n, d_k, dtype=dtype),
        draw.normal(batch, n, d_k, dtype=dtype),
        draw.normal(batch, n, d_v, dtype=dtype),
    )


def sample_of(sizes, draw, device):
    """The four tensors of a call: done by hand, with the weights as output, or random."""
    numbers, n, d_k, d_v = sizes
    lengths = the_lengths(numbers, device)
    if sizes == UNITS:
        q, k, _ = tokens(draw, len(numbers), n, d_k, d_v)
        return q, k, torch.eye(n, d_v, device=device).repeat(len(numbers), 1, 1), lengths
    if sizes != LESSON:
        return *tokens(draw, len(numbers), n, d_k, d_v), lengths
    # All keys are alike, and so are the weights of all that can be seen.
    q = torch.tensor([[[2.0], [1.0], [-1.0], [3.0]], [[1.0], [2.0], [4.0], [-2.0]]], device=device)
    v = torch.tensor([[[6.0], [3.0], [9.0], [2.0]], [[1.0], [7.0], [4.0], [8.0]]], device=device)
    return q, torch.ones_like(q), v, lengths


def places(lengths, n):
    """Which places are real."""
    return torch.arange(n, device=lengths.device) < lengths[:, None]


def only(rows, got, expected, check=same_values):
    """Compare some rows of some samples, sample by sample, where there are any to choose from."""
    if isinstance(got, torch.Tensor) and got.shape == expected.shape:
        names = " ".join(f"output[{b},{rows_b.start}:{rows_b.stop}]" for b, rows_b in rows)
        chosen = [tuple(each[b, rows_b] for b, rows_b in rows) for each in (got, expected)]
        return check(*chosen, parts=names)
    return check(got, expected)


def real(lengths):
    """The rows of real tokens, by sample."""
    return [(b, slice(0, length)) for b, length in enumerate(lengths.tolist()) if length]


def padded(lengths, n):
    """The rows of padding, by sample; but for samples that hold nothing else."""
    ends = enumerate(lengths.tolist())
    return [(b, slice(length, n)) for b, length in ends if 0 < length < n]


def with_padding(parts, lengths, padding):
    """The same tokens, with something else in the padding."""
    tokens_here = places(lengths, parts[0].shape[-2])[..., None]
    return [torch.where(tokens_here, part, padding * part) for part in parts]


def other_last_token(parts, lengths):
    """The same queries, keys and values, with another last real token in every sample."""
    last = torch.arange(parts[0].shape[-2], device=lengths.device) == lengths[:, None] - 1
    return [torch.where(last[..., None], -1.5 * (part + 1), part) for part in parts]


# -- padding_mask --------------------------------------------------------------


@step(points=2, public=True)
@pytest.mark.parametrize("numbers, n", [([3, 4, 5], 5), ([2, 1], 3)])
def test_three_sentences(student, reference, device, numbers, n):
    """A row for each sample, True on its tokens

    Write the numbers of the places above one row of your mask. Which of them belong to
    tokens, by the length of that sample?
    """
    lengths = the_lengths(numbers, device)
    assert same_values(student.padding_mask(lengths, n), reference.padding_mask(lengths, n))


@step(points=3)
@pytest.mark.parametrize(
    "numbers, n", [([2, 4, 1, 3], 4), ([1, 4, 2], 6), ([3, 2, 4, 1, 3], 7), ([3, 517], 520)]
)
def test_any_number_of_places(student, reference, device, numbers, n):
    """Any number of places, samples in any order

    What do you take for granted about the lengths: an order among them, or a sample that
    fills all its places?
    """
    lengths = the_lengths(numbers, device)
    assert same_values(student.padding_mask(lengths, n), reference.padding_mask(lengths, n))


@step(points=2)
@pytest.mark.parametrize("numbers, n", [([2, 0, 4], 5), ([1, 3, 2], 3), ([0, 4], 4), ([0, 0], 3)])
def test_empty_and_full_samples(student, reference, device, numbers, n):
    """A sample may be empty, and it may be full

    Take the smallest and the largest length there can be. What does each of your lines make
    of them?
    """
    lengths = the_lengths(numbers, device)
    assert same_values(student.padding_mask(lengths, n), reference.padding_mask(lengths, n))


@step(points=1, needs="test_three_sentences")
def test_the_padding_mask_is_boolean(student, reference, device):
    """The mask is made of True and False

    Which dtype does your mask have, and which of your lines decides it?
    """
    lengths = the_lengths([2, 4, 1], device)
    assert same(student.padding_mask(lengths, 5), reference.padding_mask(lengths, 5))


@step(points=1, needs="test_three_sentences")
def test_lengths_are_left_alone(student, device):
    """Device follows the lengths, which stay intact

    Which of your lines makes a tensor from nothing, and which writes into one that came in?
    """
    lengths = the_lengths([2, 4, 1], device)
    assert leaves_arguments_alone(student.padding_mask, lengths, 5)
    assert follows_device(student.padding_mask, lengths, 5)
    # Lengths often stay on the CPU, whatever the device of the mask.
    assert follows_device(student.padding_mask, the_lengths([2, 4, 1], "cpu"), 5, device=device)


@step(points=1, needs="test_any_number_of_places")
@pytest.mark.parametrize("numbers, n", [([2], 3), ([], 3), ([1, 1], 1), ([0, 0], 0)])
def test_odd_lengths(student, reference, device, numbers, n):
    """One sample, none, one place, other dtypes

    What do your lines expect of the lengths that a batch of one, an empty one or a shorter
    dtype does not give?
    """
    for dtype in (torch.int64, torch.int32):
        for (lengths,) in odd_forms(the_lengths(numbers, device, dtype)):
            assert same_values(student.padding_mask(lengths, n), reference.padding_mask(lengths, n))


# -- combine_masks -------------------------------------------------------------


@step(points=3, public=True)
@pytest.mark.parametrize("numbers, n", [([2, 3, 1], 3), ([3, 5], 5)])
def test_causal_and_padding(student, reference, device, numbers, n):
    """A key must be allowed by both masks

    Pick a sample, a query and a key. Which entry of each mask is about them, and what do
    the two say together?
    """
    causal = torch.ones(n, n, dtype=torch.bool, device=device).tril()
    padding = places(the_lengths(numbers, device), n)
    got = student.combine_masks(causal, padding)
    assert same_values(got, reference.combine_masks(causal, padding))


@step(points=3)
@pytest.mark.parametrize("numbers, n_q, n_k", [([3, 5, 4], 2, 5), ([6, 2], 3, 6), ([2, 1], 5, 3)])
def test_unequal_numbers(student, reference, device, numbers, n_q, n_k):
    """Any number of queries, keys and samples

    What does each axis of the result count, and from which axis of which argument does it
    come?
    """
    causal = torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
    padding = places(the_lengths(numbers, device), n_k)
    got = student.combine_masks(causal, padding)
    assert same_values(got, reference.combine_masks(causal, padding))


@step(points=2)
@pytest.mark.parametrize("batch, n_q, n_k", [(3, 3, 3), (2, 5, 5), (2, 3, 7)])
def test_any_two_masks(student, reference, draw, device, batch, n_q, n_k):
    """Any two masks will do, whatever they hide

    What do you take for granted about where in the masks True stands: a triangle, tokens in
    front, at least one in a row?
    """
    everything = torch.ones(n_q, n_k, dtype=torch.bool, device=device)
    causal, padding = draw.mask(n_q, n_k), draw.mask(batch, n_k)
    # A query that sees nothing, a key that nobody sees, and an empty sample.
    causal[1], causal[:, 2], padding[0] = False, False, False
    asked = [
        (everything, draw.mask(batch, n_k)),
        (draw.mask(n_q, n_k), padding),
        (causal, ~padding),
    ]
    got = [student.combine_masks(*masks) for masks in asked]
    for answer, masks in zip(got, asked, strict=True):
        assert same_values(answer, reference.combine_masks(*masks))


@step(points=1, needs="test_unequal_numbers")
def test_both_masks_are_left_alone(student, reference, draw):
    """It is boolean, and both masks stay as they are

    Which of your lines chooses a dtype or a device, and which writes into a mask that came
    in?
    """
    causal, padding = draw.mask(2, 5), draw.mask(3, 5)
    assert same(student.combine_masks(causal, padding), reference.combine_masks(causal, padding))
    assert follows_device(student.combine_masks, causal, padding)
    assert leaves_arguments_alone(student.combine_masks, causal, padding)


@step(points=1, needs="test_unequal_numbers")
@pytest.mark.parametrize("batch, n_q, n_k", [(1, 2, 3), (0, 2, 3), (2, 1, 3), (2, 1, 1)])
def test_odd_masks(student, reference, draw, batch, n_q, n_k):
    """One sample, none, a single query or key

    Which of your lines would mind if an axis had the size one, or none at all?
    """
    for causal, padding in odd_forms(draw.mask(n_q, n_k), draw.mask(batch, n_k)):
        got = student.combine_masks(causal, padding)
        assert same_values(got, reference.combine_masks(causal, padding))


# -- padded_attention ----------------------------------------------------------


@step(points=3, public=True)
@pytest.mark.parametrize("sizes", [*SIZES, UNITS])
def test_real_tokens(student, reference, draw, device, sizes):
    """Real tokens attend to real tokens only

    Take one real query of a short sample. Over which keys does its row of weights sum to
    one?
    """
    q, k, v, lengths = sample_of(sizes, draw, device)
    got = student.padded_attention(q, k, v, lengths)
    assert only(real(lengths), got, reference.padded_attention(q, k, v, lengths))


@step(points=2)
@pytest.mark.parametrize("sizes", EMPTIES)
def test_padded_rows(student, reference, draw, device, sizes):
    """The rows of padded queries are zeros

    Follow the last row of a short sample through your function. Which of your lines knows
    that no token stands there?
    """
    q, k, v, lengths = sample_of(sizes, draw, device)
    # What becomes of a sample without any token is for a step of its own to ask.
    got = [student.padded_attention(q, k, v, lengths, causal=causal) for causal in (False, True)]
    for answer, causal in zip(got, (False, True), strict=True):
        expected = reference.padded_attention(q, k, v, lengths, causal=causal)
        assert only(padded(lengths, q.shape[1]), answer, expected)


@step(points=3)
@pytest.mark.parametrize("sizes", [*SIZES, UNITS])
def test_causal_real_tokens(student, reference, draw, device, sizes):
    """With causal=True they see no later token

    Draw the square of one short sample. Which of its places does your mask leave open, and
    where does `causal` come in?
    """
    q, k, v, lengths = sample_of(sizes, draw, device)
    # Another last token is nothing to those before it; unit vectors stay what they are.
    others = [] if sizes in (UNITS, LESSON) else [other_last_token((q, k, v), lengths)]
    asked = [(q, k, v), *others]
    got = [student.padded_attention(*parts, lengths, causal=True) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        expected = reference.padded_attention(*parts, lengths, causal=True)
        assert only(real(lengths), answer, expected)


@step(points=1)
@pytest.mark.parametrize("causal", [False, True])
def test_whatever_stands_in_the_padding(student, reference, draw, device, causal):
    """What stands in the padding changes nothing

    How does your function tell padding from tokens, and where could the numbers in a padded
    place still get in?
    """
    parts = tokens(draw, 3, 5, 4, 2)
    for part in parts:
        part[0, 1] = 0.0  # a real token may look like nothing
    lengths = the_lengths([3, 5, 2], device)
    asked = [with_padding(parts, lengths, padding) for padding in (0.0, -1.0, 1e4)]
    got = [student.padded_attention(*one, lengths, causal=causal) for one in asked]
    for answer, one in zip(got, asked, strict=True):
        expected = reference.padded_attention(*one, lengths, causal=causal)
        assert only(real(lengths), answer, expected)


@step(points=1)
@pytest.mark.parametrize("numbers, n, d_k, d_v", [([2, 3, 2], 3, 3, 3), ([4, 1, 3], 6, 7, 5)])
def test_samples_apart(student, reference, draw, device, numbers, n, d_k, d_v):
    """Every sample attends on its own, in its place

    In which of your steps could one sample meet another, or change places with it?
    """
    q, k, v = tokens(draw, len(numbers), n, d_k, d_v)
    lengths = the_lengths(numbers, device)
    changed = k.clone()
    changed[-1] = -1.5 * (changed[-1] + 1)  # other keys in the last sample
    asked = [(q, k, v), (q, changed, v)]
    got = [student.padded_attention(*parts, lengths) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        expected = reference.padded_attention(*parts, lengths)
        assert only(real(lengths), answer, expected)


@step(points=1)
@pytest.mark.parametrize("causal", [False, True])
def test_a_sample_of_length_zero(student, reference, draw, device, causal):
    """A sample without tokens gets zeros, not NaN

    A sample holds no token at all. What do its scores, its weights and its output look
    like, one after the other?
    """
    q, k, v = tokens(draw, 3, 4, 2, 5)
    lengths = the_lengths([3, 0, 4], device)
    empty = [(1, slice(0, 4))]
    got = student.padded_attention(q, k, v, lengths, causal=causal)
    expected = reference.padded_attention(q, k, v, lengths, causal=causal)
    assert only(real(lengths) + empty, got, expected)


@step(points=1, needs="test_real_tokens")
@pytest.mark.parametrize(
    "dtype, causal", [(torch.float16, False), (torch.bfloat16, True), (torch.float64, False)]
)
def test_dtype_device_and_arguments(student, reference, draw, device, dtype, causal):
    """Dtype and device follow the inputs, left intact

    With causal and without: where does each tensor that you make get its dtype and device,
    and which do you write into?
    """
    parts = tokens(draw, 3, 5, 4, 2, dtype=dtype)  # a width whose root is exact in every dtype
    lengths = the_lengths([4, 2, 5], device)
    got = student.padded_attention(*parts, lengths, causal=causal)
    expected = reference.padded_attention(*parts, lengths, causal=causal)
    assert only(real(lengths), got, expected, check=same)
    assert follows_device(student.padded_attention, *parts, lengths, causal=causal)
    assert leaves_arguments_alone(student.padded_attention, *parts, lengths, causal=causal)


@step(points=1, needs=("test_padded_rows", "test_a_sample_of_length_zero"))
@pytest.mark.parametrize("numbers, causal", [([2, 4, 3], False), ([3, 0, 4], True)])
def test_gradients(student, reference, draw, device, numbers, causal):
    """Gradients are right, in padding too

    What should come back to a padded query, key or value, and by which way could something
    else get there?
    """
    parts = tokens(draw, 3, 4, 5, 2)
    lengths = the_lengths(numbers, device)
    cotangent = draw.normal(3, 4, 2)
    got = student.padded_attention.gradients(*parts, lengths, causal=causal, cotangent=cotangent)
    expected = reference.padded_attention.gradients(
        *parts, lengths, causal=causal, cotangent=cotangent
    )
    assert same(got, expected)


@step(points=1, needs=("test_real_tokens", "test_padded_rows", "test_causal_real_tokens"))
@pytest.mark.parametrize("numbers", ODD_BATCHES)
def test_odd_batches(student, reference, draw, device, numbers):
    """Transposed, empty, in training, a batch of one: all work

    What do you take for granted about the batch: its number of samples, how it lies in
    memory, whether it is in training?
    """
    parts = tokens(draw, len(numbers), 3, 2, 4)
    lengths = the_lengths(numbers, device, torch.int32)
    for *odd, length in odd_forms(*parts, lengths):
        for causal in (False, True):
            got = student.padded_attention(*odd, length, causal=causal)
            expected = reference.padded_attention(*odd, length, causal=causal)
            assert same_values(got, expected)


@step(points=1)
@pytest.mark.parametrize("causal", [False, True])
def test_agrees_with_pytorch(student, draw, device, causal):
    """It agrees with PyTorch's own attention

    Which of the two masks does each of PyTorch's functions take, and what does True mean
    there?
    """
    numbers, n, d = [3, 5, 2], 5, 4
    q, k, v = tokens(draw, len(numbers), n, d, d)
    lengths = the_lengths(numbers, device)
    got = student.padded_attention(q, k, v, lengths, causal=causal)
    padding = places(lengths, n)
    allowed = torch.ones(n, n, dtype=torch.bool, device=device)
    allowed = allowed.tril() if causal else allowed
    mask = allowed & padding[:, None, :]  # (batch, n, n)
    heads = [part[:, None] for part in (q, k, v)]  # (batch, 1, n, d): a single head
    expected = F.scaled_dot_product_attention(*heads, attn_mask=mask[:, None])[:, 0]
    assert only(real(lengths), got, expected)
    # nn.MultiheadAttention, with one head and projections that change nothing. Its True hides.
    unit = torch.eye(d, device=device)
    expected, _ = F.multi_head_attention_forward(
        *(part.transpose(0, 1) for part in (q, k, v)), d, 1, unit.repeat(3, 1), None, None, None,
        False, 0.0, unit, None, key_padding_mask=~padding, attn_mask=~allowed, need_weights=False,
    )  # fmt: skip
    assert only(real(lengths), got, expected.transpose(0, 1))
