"""What `split_heads`, `merge_heads` and `multi_head_attention` must do."""

from __future__ import annotations

import math

import pytest
import torch

from grader.suite import (
    SDPA,
    follows_device,
    leaves_arguments_alone,
    odd_forms,
    raises,
    same,
    same_values,
    step,
)

FORBIDDEN = SDPA

# n, d, n_heads: equal, where a wrong axis shows in values, then different; as many tokens as
# there are heads, or twice as many, where tokens are easily shared out; a single head.
CUTS = [(4, 4, 4), (4, 4, 2), (3, 9, 3), (5, 12, 3), (6, 15, 3), (7, 10, 2), (4, 6, 2), (3, 5, 1)]
CUTS_IN_BATCHES = [((3,), 3, 9, 3), ((2,), 4, 10, 2), ((3,), 4, 6, 2), ((2, 3), 5, 12, 4)]
# n_heads, n, d_head
HEADS = [(4, 4, 4), (2, 3, 5), (3, 6, 2), (3, 2, 4), (5, 3, 1), (1, 4, 3)]
HEADS_IN_BATCHES = [((3,), 3, 3, 3), ((2,), 3, 4, 5), ((4,), 2, 3, 4), ((2, 3), 4, 5, 2)]

# batch, n, d_model, n_heads, d_k, d_v: one to be done by hand; then the usual widths, where
# the heads together are as wide as a token; then widths that have nothing to do with it.
SMALL = ((), 3, 2, 2, 1, 1)
SIZES = [
    SMALL,
    ((), 4, 4, 2, 2, 2),
    ((), 3, 3, 3, 3, 3),
    ((), 5, 6, 3, 2, 2),
    ((), 4, 12, 3, 4, 4),
    ((), 6, 9, 3, 4, 2),
    ((), 5, 7, 3, 4, 2),
    ((), 4, 6, 2, 3, 5),
    ((), 3, 5, 1, 4, 2),
]
# As many samples as heads, and as tokens; as many samples as heads; all different.
BATCHES = [
    ((3,), 3, 3, 3, 3, 3),
    ((3,), 4, 6, 3, 2, 2),
    ((2,), 5, 12, 3, 4, 4),
    ((2,), 4, 9, 3, 2, 5),
    ((3, 3), 4, 6, 3, 4, 2),
    ((2, 4), 5, 6, 3, 2, 7),
]
# Tokens and values are unit vectors here, and w_o shows what one head has found: its weights.
UNITS = [((), 3, 6, 2, 2, 4), ((), 4, 6, 3, 5, 4), ((), 2, 9, 3, 4, 6), ((), 5, 8, 4, 3, 5)]

# A batch of one, none, two samples, and a batch without samples.
ODD_BATCHES = [(1,), (), (2,), (0,)]


def numbered(draw, n, d):
    """Tokens as the lesson has them, whose numbers tell where they come from: 10, 11, 12 …"""
    rows = [[10.0 * (token + 1) + column for column in range(d)] for token in range(n)]
    return torch.tensor(rows, device=draw.device)


def projections(draw, d_model, n_heads, d_k, d_v):
    """The four matrices, which keep numbers at unit size."""
    shapes = [(d_model, n_heads * d) for d in (d_k, d_k, d_v)]
    shapes.append((n_heads * d_v, d_model))
    return tuple(draw.normal(*shape) / math.sqrt(shape[0]) for shape in shapes)


def sequence(sizes, draw):
    """Tokens, the four matrices and the number of heads: done by hand, or random ones."""
    batch, n, d_model, n_heads, d_k, d_v = sizes
    if sizes != SMALL:
        x = draw.normal(*batch, n, d_model)
        return x, *projections(draw, d_model, n_heads, d_k, d_v), n_heads
    x = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    w_q = [[1.0, 0.0], [1.0, 2.0]]
    w_k = [[1.0, 1.0], [0.0, -1.0]]
    w_v = [[2.0, 0.0], [8.0, 2.0]]
    w_o = [[1.0, -1.0], [2.0, 3.0]]
    parts = (torch.tensor(rows, device=draw.device) for rows in (x, w_q, w_k, w_v, w_o))
    return *parts, n_heads


def causal(n, device):
    """A token may attend to itself and to what comes before it."""
    return torch.ones(n, n, dtype=torch.bool, device=device).tril()


def torchs(x, w_q, w_k, w_v, w_o, n_heads, mask):
    """What nn.MultiheadAttention makes of a batch: of packed weights, a row for each output."""
    layer = torch.nn.MultiheadAttention(
        x.shape[-1], n_heads, bias=False, batch_first=True, device=x.device, dtype=x.dtype
    )
    packed = torch.cat([w_q, w_k, w_v], dim=-1).mT
    layer.load_state_dict({"in_proj_weight": packed, "out_proj.weight": w_o.mT})
    with torch.no_grad():
        output, _ = layer(x, x, x, attn_mask=None if mask is None else ~mask)
    return output


def other_last(tensor, axis):
    """The same tensor with other numbers in the last place of an axis."""
    changed = tensor.clone()
    changed.select(axis, -1).add_(1.0).mul_(-1.5)
    return changed


# -- split_heads ---------------------------------------------------------------


@step(points=2, public=True)
@pytest.mark.parametrize("n, d, n_heads", [(3, 4, 2), (2, 4, 2), (2, 6, 3)])
def test_a_small_cut(student, reference, draw, n, d, n_heads):
    """Each head holds its own columns of every token

    Write down two tokens with their columns numbered. Where does each number belong once
    the width is cut?
    """
    x = numbered(draw, n, d)
    assert same_values(student.split_heads(x, n_heads), reference.split_heads(x, n_heads))


@step(points=4)
@pytest.mark.parametrize("n, d, n_heads", CUTS)
def test_cuts_of_any_size(student, reference, draw, n, d, n_heads):
    """Any number of tokens and heads, and any width will do

    Name the axes of x and of the result. Which axis becomes two, and which ones change
    places?
    """
    x = draw.normal(n, d)
    assert same_values(student.split_heads(x, n_heads), reference.split_heads(x, n_heads))


@step(points=4)
@pytest.mark.parametrize("batch, n, d, n_heads", CUTS_IN_BATCHES)
def test_cuts_in_batches(student, reference, draw, batch, n, d, n_heads):
    """Batch dimensions stay in front, as many as there are

    Which axes of x do your lines count from the front, and what stands there when there is
    a batch?
    """
    x = draw.normal(*batch, n, d)
    assert same_values(student.split_heads(x, n_heads), reference.split_heads(x, n_heads))


@step(points=1, needs="test_cuts_of_any_size")
@pytest.mark.parametrize("n, d, n_heads", [(3, 7, 3), (5, 4, 3), (8, 2, 4)])
def test_heads_that_do_not_fit(student, reference, draw, n, d, n_heads):
    """A width that cannot be cut evenly is a ValueError

    What does your function do with columns that are left over, and who is told?
    """
    assert raises(student.split_heads, ValueError, draw.normal(n, d), n_heads)


@step(points=1, needs="test_cuts_of_any_size")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_cuts_follow_their_input(student, reference, draw, dtype):
    """Dtype and device follow the input, which stays as it is

    Which of your lines makes a tensor from nothing, names a dtype, or changes the tensor
    that came in?
    """
    x = draw.normal(5, 6, dtype=dtype)
    assert same(student.split_heads(x, 3), reference.split_heads(x, 3))
    assert follows_device(student.split_heads, x, 3)
    assert leaves_arguments_alone(student.split_heads, x, 3)


@step(points=1, needs="test_cuts_of_any_size")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_the_cut(student, reference, draw, batch):
    """Gradients flow back to every column

    Go back from the heads to the tokens. Does each of your steps remember where its numbers
    came from?
    """
    x, cotangent = draw.normal(*batch, 4, 6), draw.normal(*batch, 3, 4, 2)
    got = student.split_heads.gradients(x, 3, cotangent=cotangent)
    assert same(got, reference.split_heads.gradients(x, 3, cotangent=cotangent))


@step(points=1, needs="test_cuts_in_batches")
@pytest.mark.parametrize("shape", [(1, 6), (1, 3, 6), (2, 1, 6), (0, 3, 6)])
def test_odd_inputs_of_the_cut(student, reference, draw, shape):
    """Transposed, empty, in training, a single token: all work

    Which size do your lines leave to be worked out, and can it be, in a batch without a
    sample?
    """
    for (x,) in odd_forms(draw.normal(*shape)):
        for n_heads in (2, 6):
            assert same_values(student.split_heads(x, n_heads), reference.split_heads(x, n_heads))


# -- merge_heads ---------------------------------------------------------------


@step(points=1, public=True)
@pytest.mark.parametrize("n_heads, n, d_head", [(2, 3, 2), (2, 2, 2), (3, 2, 2)])
def test_a_small_merge(student, reference, draw, n_heads, n, d_head):
    """What the heads hold of a token lies side by side again

    Take the first token. Which numbers of each head are its own, and in which order should
    they stand?
    """
    x = torch.stack([100.0 * h + numbered(draw, n, d_head) for h in range(n_heads)])
    assert same_values(student.merge_heads(x), reference.merge_heads(x))


@step(points=3)
@pytest.mark.parametrize("n_heads, n, d_head", HEADS)
def test_merges_of_any_size(student, reference, draw, n_heads, n, d_head):
    """Any number of heads, tokens and columns will do

    Name the axes of what comes in. Which two become one, and do they stand next to each
    other?
    """
    x = draw.normal(n_heads, n, d_head)
    assert same_values(student.merge_heads(x), reference.merge_heads(x))


@step(points=3)
@pytest.mark.parametrize("batch, n_heads, n, d_head", HEADS_IN_BATCHES)
def test_merges_in_batches(student, reference, draw, batch, n_heads, n, d_head):
    """Every sample keeps its heads to itself

    Which axes do your lines count from the front, and what do they hold when there is a
    batch, or a batch of batches?
    """
    x = draw.normal(*batch, n_heads, n, d_head)
    assert same_values(student.merge_heads(x), reference.merge_heads(x))


@step(points=1, needs="test_merges_of_any_size")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_merges_follow_their_input(student, reference, draw, dtype):
    """Dtype and device follow the heads, which stay as they are

    Which of your lines makes a tensor, names a dtype, or changes the tensor that came in
    instead of making a new one?
    """
    x = draw.normal(3, 5, 2, dtype=dtype)
    assert same(student.merge_heads(x), reference.merge_heads(x))
    assert follows_device(student.merge_heads, x)
    assert leaves_arguments_alone(student.merge_heads, x)


@step(points=1, needs="test_merges_of_any_size")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_the_merge(student, reference, draw, batch):
    """Gradients flow back to every head

    Go back from the result to the heads. Which of your steps could a gradient not pass?
    """
    x, cotangent = draw.normal(*batch, 3, 4, 2), draw.normal(*batch, 4, 6)
    got = student.merge_heads.gradients(x, cotangent=cotangent)
    assert same(got, reference.merge_heads.gradients(x, cotangent=cotangent))


@step(points=1, needs="test_merges_in_batches")
@pytest.mark.parametrize("shape", [(3, 1, 2), (1, 2, 3, 4), (2, 1, 3, 4), (0, 2, 3, 4)])
def test_odd_inputs_of_the_merge(student, reference, draw, shape):
    """Transposed, empty, in training, a single token: all work

    Which size do your lines leave to be worked out, and what do they expect of the way the
    numbers lie in memory?
    """
    for (x,) in odd_forms(draw.normal(*shape)):
        assert same_values(student.merge_heads(x), reference.merge_heads(x))


# -- multi_head_attention --------------------------------------------------------


@step(points=4, public=True)
@pytest.mark.parametrize("sizes", SIZES)
def test_several_heads(student, reference, draw, sizes):
    """Every head attends by itself, and w_o mixes what they found

    Do the first head alone by hand, then the second. Where do your numbers leave those of
    your function?
    """
    parts = sequence(sizes, draw)
    got = student.multi_head_attention(*parts)
    assert same_values(got, reference.multi_head_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", UNITS)
def test_what_each_head_looks_at(student, reference, draw, sizes):
    """Every head has weights of its own

    How many tables of weights does your function make, from which columns is each one made,
    and how is it scaled?
    """
    _, n, d_model, n_heads, d_k, d_v = sizes
    x, one = torch.eye(n, d_model, device=draw.device), torch.eye(d_model, d_v, device=draw.device)
    w_q, w_k = draw.normal(d_model, n_heads * d_k), draw.normal(d_model, n_heads * d_k)
    asked = []
    for h in range(n_heads):
        shown = torch.zeros(n_heads * d_v, d_model, device=draw.device)
        shown[h * d_v : (h + 1) * d_v] = one.mT
        asked.append((x, w_q, w_k, torch.cat([one] * n_heads, -1), shown, n_heads))
    got = [student.multi_head_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.multi_head_attention(*parts))


@step(points=3)
@pytest.mark.parametrize("sizes", [*SIZES, ((2, 3), 4, 6, 3, 2, 2)])
def test_one_mask_for_all_heads(student, reference, draw, sizes):
    """What is hidden is hidden from every head

    Which shape do your scores have, which shape has the mask, and which heads does it
    reach?
    """
    parts, n = sequence(sizes, draw), sizes[1]
    for mask in (causal(n, draw.device), draw.mask(n, n)):
        got = student.multi_head_attention(*parts, mask)
        assert same_values(got, reference.multi_head_attention(*parts, mask))


@step(points=2)
@pytest.mark.parametrize("sizes", BATCHES)
def test_heads_in_batches(student, reference, draw, sizes):
    """Every sentence attends to itself alone, in every head

    Say what each axis of your scores counts. Could a token of one sentence meet one of
    another?
    """
    x, *rest = sequence(sizes, draw)
    asked = [(x, *rest), (other_last(x, 0), *rest)]  # nothing to the samples before it
    got = [student.multi_head_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.multi_head_attention(*parts))


@step(points=3)
@pytest.mark.parametrize("sizes", BATCHES)
def test_masks_in_batches(student, reference, draw, sizes):
    """One mask for all sentences, or one for each

    Line up the shapes of scores and mask from the right. Where does the mask need an axis
    that it does not have?
    """
    (batch, n, *_), parts = sizes, sequence(sizes, draw)
    asked = [(*parts, draw.mask(n, n)), (*parts, draw.mask(*batch, n, n))]
    got = [student.multi_head_attention(*each) for each in asked]
    for answer, each in zip(got, asked, strict=True):
        assert same_values(answer, reference.multi_head_attention(*each))


@step(points=1)
@pytest.mark.parametrize(
    "sizes", [((), 4, 4, 2, 2, 2), ((3,), 4, 6, 3, 2, 2), ((2, 3), 5, 6, 2, 3, 4)]
)
def test_nothing_to_attend_to(student, reference, draw, sizes):
    """A query with nothing to attend to gets zeros

    Follow a row in which everything is hidden: through the softmax, through the merge and
    through w_o. What does it hold each time?
    """
    (batch, n, *_), parts = sizes, sequence(sizes, draw)
    mask = draw.mask(*batch, n, n)
    mask[(0,) * len(batch) + (1,)] = False  # one query, of the first sample only
    got = student.multi_head_attention(*parts, mask)
    assert same_values(got, reference.multi_head_attention(*parts, mask))


@step(points=1)
@pytest.mark.parametrize("n, d_model, n_heads, masked", [(4, 8, 2, False), (5, 6, 3, True)])
def test_torchs_own(student, reference, draw, n, d_model, n_heads, masked):
    """Your function agrees with torch's nn.MultiheadAttention

    Torch's layer keeps its weights turned over, and in its mask the truth means the
    opposite. What does yours do differently?
    """
    d_head = d_model // n_heads
    parts = sequence(((2,), n, d_model, n_heads, d_head, d_head), draw)
    mask = causal(n, draw.device) if masked else None
    got = student.multi_head_attention(*parts, mask)
    assert same_values(got, torchs(*parts, mask))


@step(points=1, needs="test_one_mask_for_all_heads")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_device_and_arguments(student, reference, draw, dtype):
    """Dtype, device and arguments stay as they were

    Where does each tensor that you make get its dtype and device from, and which line
    writes into one you were given?
    """
    # A head's width whose root is exact in every dtype.
    *tensors, n_heads = sequence(((), 5, 7, 3, 4, 2), draw)
    parts = (*(part.to(dtype) for part in tensors), n_heads)
    mask = draw.mask(5, 5)
    got = student.multi_head_attention(*parts, mask)
    assert same(got, reference.multi_head_attention(*parts, mask))
    assert follows_device(student.multi_head_attention, *parts, mask)
    assert follows_device(student.multi_head_attention, *parts)
    # With an empty row: to let it see something for a moment is easily done in the mask itself.
    mask[1] = False
    assert leaves_arguments_alone(student.multi_head_attention, *parts, mask)


@step(points=1, needs=("test_one_mask_for_all_heads", "test_nothing_to_attend_to"))
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients(student, reference, draw, batch):
    """Gradients flow back to the tokens and to all four matrices

    By which ways does the output depend on each of the five tensors, and what does an empty
    row do to a gradient?
    """
    parts = sequence((batch, 5, 7, 3, 4, 2), draw)
    mask = draw.mask(5, 5)
    mask[2] = False
    cotangent = draw.normal(*batch, 5, 7)
    got = student.multi_head_attention.gradients(*parts, mask, cotangent=cotangent)
    expected = reference.multi_head_attention.gradients(*parts, mask, cotangent=cotangent)
    assert same(got, expected)


@step(points=1, needs=("test_heads_in_batches", "test_masks_in_batches"))
@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 4), (2, 1, 4), (0, 3, 4)])
def test_odd_inputs(student, reference, draw, shape):
    """Transposed, empty, in training, a single word: all work

    What do your lines take for granted: a certain batch, how numbers lie in memory, or that
    no tensor is in training?
    """
    *batch, n, d_model = shape
    parts = draw.normal(*shape), *projections(draw, d_model, 2, 2, 3)
    for *tensors, mask in odd_forms(*parts, draw.mask(*batch, n, n)):
        for chosen in (None, mask):
            got = student.multi_head_attention(*tensors, 2, chosen)
            assert same_values(got, reference.multi_head_attention(*tensors, 2, chosen))
