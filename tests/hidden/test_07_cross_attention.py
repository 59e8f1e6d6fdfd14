"""What `cross_attention` must do."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

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
SCALES = {"cross_attention": "d_k"}

# n_x, n_context, d_model, d_context, d_k, d_v. The lesson's example comes first wherever it can.
LESSON = (2, 3, 3, 3, 4, 2)
EQUAL = (4, 4, 4, 4, 4, 4)
# One width for all, so that what goes to the wrong place fits there and shows in values.
LONGER, SHORTER = (3, 5, 4, 4, 4, 4), (5, 3, 4, 4, 4, 4)
DIFFERENT = (3, 5, 6, 8, 7, 2)
# The context and w_v are unit vectors here: the values are too, and the output is the weights.
UNITS = [(3, 4, 5, 6, 2, 7), (5, 3, 2, 7, 6, 4), (2, 5, 7, 6, 3, 8)]

# The batch before them: as large as everything else, as x is long, and of two axes.
BATCHES = [((3,), (3, 3, 3, 3, 3, 3)), ((3,), (3, 5, 4, 4, 4, 4)), ((2, 3), (4, 5, 6, 7, 3, 8))]


def matrices(draw, d_model, d_context, d_k, d_v):
    """w_q, w_k and w_v, which keep numbers at unit size."""
    shapes = (d_model, d_k), (d_context, d_k), (d_context, d_v)
    return tuple(draw.normal(*shape) / math.sqrt(shape[0]) for shape in shapes)


def texts(sizes, draw, device, batch=()):
    """x, context and the three matrices: the lesson's example, done by hand, or random ones."""
    n_x, n_context, d_model, d_context, d_k, d_v = sizes
    if sizes in UNITS:
        x, context = draw.normal(n_x, d_model), torch.eye(n_context, d_context, device=device)
        w_q = draw.normal(d_model, d_k) / math.sqrt(d_model)
        w_v = torch.eye(d_context, d_v, device=device)
        return x, context, w_q, draw.normal(d_context, d_k), w_v
    if sizes != LESSON:
        x, context = draw.normal(*batch, n_x, d_model), draw.normal(*batch, n_context, d_context)
        return x, context, *matrices(draw, d_model, d_context, d_k, d_v)
    # *chat* and *noir* ask; *the*, *black* and *cat* are unit vectors, so that their keys are
    # the rows of w_k and their values the rows of w_v.
    x = [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    context = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    w_q = [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, -1.0, -1.0]]
    w_k = [[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    w_v = [[10.0, 10.0], [10.0, 0.0], [0.0, 10.0]]
    return tuple(torch.tensor(rows, device=device) for rows in (x, context, w_q, w_k, w_v))


def other(tensor, row):
    """The same tensor with other numbers in one row."""
    changed = tensor.clone()
    changed.select(-2, row).add_(1.0).mul_(-1.5)
    return changed


def a_mask(sizes, draw, batch=()):
    """A mask that hides the first token of the context, and shows two later ones at least."""
    mask = draw.mask(*batch, sizes[1])
    mask[..., 0], mask[..., 1:3] = False, True
    return mask


@step(points=4, public=True)
@pytest.mark.parametrize("sizes", [LESSON, EQUAL, LONGER, SHORTER])
def test_who_asks_and_who_is_read(student, reference, draw, device, sizes):
    """x asks, and the context is read

    Who has something to ask, who has labels to show and things to hand over, and through
    which matrix does each of the three go?
    """
    parts = texts(sizes, draw, device)
    assert same_values(student.cross_attention(*parts), reference.cross_attention(*parts))


@step(points=3)
@pytest.mark.parametrize("sizes", [*UNITS, DIFFERENT, (1, 4, 5, 2, 3, 6), (4, 1, 2, 5, 6, 3)])
def test_any_sizes(student, reference, draw, device, sizes):
    """The two may differ in length and in width

    Write down the shapes of queries, keys, scores and values. Which sizes come from x,
    which from the context, and whose root do you take?
    """
    parts = texts(sizes, draw, device)
    assert same_values(student.cross_attention(*parts), reference.cross_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", [LESSON, EQUAL, LONGER, DIFFERENT])
def test_what_changes_what(student, reference, draw, device, sizes):
    """A token asks for itself; the context has no order

    Give one token of x, or one of the context, other numbers, or shuffle the context. Which
    rows of the output should change each time?
    """
    x, context, *weights = texts(sizes, draw, device)
    backwards = context.flip(-2)
    asked = [(x, context), (other(x, 0), context), (x, other(context, -1)), (x, backwards)]
    got = [student.cross_attention(*pair, *weights) for pair in asked]
    for answer, pair in zip(got, asked, strict=True):
        assert same_values(answer, reference.cross_attention(*pair, *weights))


@step(points=4)
@pytest.mark.parametrize("sizes", [LESSON, EQUAL, LONGER, SHORTER, UNITS[2], DIFFERENT])
def test_a_mask_on_the_context(student, reference, draw, device, sizes):
    """Hidden tokens of the context get no weight

    Whose tokens does the mask speak of, along which axis of the scores do they lie, and
    what do the visible ones share?
    """
    x, context, *weights = texts(sizes, draw, device)
    mask = a_mask(sizes, draw)
    # What stands in a hidden token is nothing to anybody; and order does not count here either.
    asked = [(context, mask), (other(context, 0), mask), (context.flip(-2), mask.flip(-1))]
    got = [student.cross_attention(x, one, *weights, seen) for one, seen in asked]
    for answer, (one, seen) in zip(got, asked, strict=True):
        assert same_values(answer, reference.cross_attention(x, one, *weights, seen))


@step(points=2)
@pytest.mark.parametrize("batch, sizes", BATCHES)
def test_batches(student, reference, draw, device, batch, sizes):
    """Each sample of x reads its own context

    In which of your steps could a token meet the context of another sample, and which axes
    does that step work along?
    """
    x, context, *weights = texts(sizes, draw, device, batch)
    last = context.clone()
    last[-1] = context[-1].flip(-2) * -1.5 + 1.0  # nothing to the samples before it
    asked = [(x, context), (x, last)]
    got = [student.cross_attention(*pair, *weights) for pair in asked]
    for answer, pair in zip(got, asked, strict=True):
        assert same_values(answer, reference.cross_attention(*pair, *weights))


@step(points=3)
@pytest.mark.parametrize("batch, sizes", [*BATCHES, ((3, 3), (3, 3, 3, 3, 3, 3))])
def test_a_mask_for_each_sample(student, reference, draw, device, batch, sizes):
    """Each sample brings a mask for its own context

    Line up the shapes of mask and scores from the right. Which axis does the mask lack, and
    what lies there in your function?
    """
    parts = texts(sizes, draw, device, batch)
    mask = draw.mask(*batch, sizes[1])
    mask[..., 1] = True
    mask[0] = False
    mask[0, ..., 0], mask[0, ..., 2] = True, True  # the first sample is padded in between
    if len(batch) > 1:
        mask[0, 1, 1] = True  # and of its parts one is not
    got = student.cross_attention(*parts, mask)
    assert same_values(got, reference.cross_attention(*parts, mask))


@step(points=2)
@pytest.mark.parametrize(
    "sizes, batch, dtype",
    [
        (LESSON, (), torch.float32),
        (LONGER, (3,), torch.float32),  # only one sample has nothing to read
        (EQUAL, (4,), torch.float64),  # here adding -1e9 leaves scores their differences
        (DIFFERENT, (2, 3), torch.float32),
    ],
)
def test_nothing_to_read(student, reference, draw, device, sizes, batch, dtype):
    """Nothing to read makes an output of zeros

    Follow a sample whose context is hidden throughout. What does it hold after each step,
    and what do its neighbours hold?
    """
    parts = [part.to(dtype) for part in texts(sizes, draw, device, batch)]
    mask = draw.mask(*batch, sizes[1])
    mask[..., :2] = True
    mask[(1,) * len(batch)] = False
    got = student.cross_attention(*parts, mask)
    # Nobody has to compute in float64 for that.
    assert same_values(got, reference.cross_attention(*parts, mask).float())


@step(points=1, needs="test_a_mask_on_the_context")
@pytest.mark.parametrize("loudest, masked", [(400.0, False), (210.0, True), (400.0, True)])
def test_large_scores(student, reference, draw, device, loudest, masked):
    """Large scores do no harm, whether visible or hidden

    How high and how low can your scores get, and which of your steps cannot bear it?
    """
    # Whole numbers, and a width whose fourth root is exact: every order of operations
    # rounds alike, so that a right formula cannot lose here to a score's last digit.
    x, context = draw.integers(-2, 3, (4, 16)).float(), draw.integers(-2, 3, (6, 16)).float()
    x[:, 0], x[1::2, 0] = 1000.0, -1000.0
    # Scores about ±50 000; for token 2 ±52 500 or ±100 000, which is hidden with a mask.
    context[:, 0], context[2, 0] = 200.0, loudest
    same_again = torch.eye(16, device=device)
    mask = None
    if masked:
        mask = torch.tensor([True, False, False, True, True, True], device=device)
    parts = x, context, same_again, same_again, draw.normal(16, 5), mask
    # Compared as half precision is: this is about harm, not about the last digits.
    expected = reference.cross_attention(*parts)
    assert same_values(student.cross_attention(*parts), expected.half())


@step(points=1, needs="test_a_mask_on_the_context")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_device_and_arguments(student, reference, draw, device, dtype):
    """Dtype, device and arguments stay as they were

    Which tensors do you make from nothing, which do you convert, and into which that you
    were given do you write?
    """
    # A width whose root is exact in every dtype.
    sizes = (5, 6, 7, 3, 4, 2)
    parts = [part.to(dtype) for part in texts(sizes, draw, device)]
    mask = a_mask(sizes, draw)
    got, expected = student.cross_attention(*parts, mask), reference.cross_attention(*parts, mask)
    # A softmax in float32 is as good; only the dtype is asked for here, of no rows at all.
    assert same_values(got, expected.float() if dtype is torch.float64 else expected)
    assert same(got[:0], expected[:0])
    assert follows_device(student.cross_attention, *parts, mask)
    assert follows_device(student.cross_attention, *parts)
    assert leaves_arguments_alone(student.cross_attention, *parts, mask)
    # To let a sample read something for a moment is easily done in the mask itself.
    assert leaves_arguments_alone(student.cross_attention, *parts, torch.zeros_like(mask))


@step(points=2, needs="test_nothing_to_read")
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradients(student, reference, draw, device, batch):
    """Gradients reach both texts and all three weights

    By which ways does the output depend on x, the context and each matrix, and which of
    your steps cuts one, or makes it NaN?
    """
    parts = texts((3, 5, 6, 4, 7, 2), draw, device, batch)
    mask = a_mask((3, 5), draw, batch)
    if batch:
        mask[1] = False  # a sample with nothing to read
    cotangent = draw.normal(*batch, 3, 2)
    got = student.cross_attention.gradients(*parts, mask, cotangent=cotangent)
    assert same(got, reference.cross_attention.gradients(*parts, mask, cotangent=cotangent))


@step(points=1, needs=("test_batches", "test_a_mask_for_each_sample"))
@pytest.mark.parametrize("batch", [(1,), (), (2,), (0,)])
def test_odd_inputs(student, reference, draw, device, batch):
    """Transposed, empty, in training: all inputs work

    What does your function expect of its inputs that a transposed tensor, one in training
    or an empty batch does not give?
    """
    parts = texts((2, 3, 4, 5, 6, 2), draw, device, batch)
    for chosen in odd_forms(*parts, draw.mask(*batch, 3)):
        for given in (chosen, chosen[:5]):  # with the mask, and without
            got = student.cross_attention(*given)
            assert same_values(got, reference.cross_attention(*given))


@step(points=1)
@pytest.mark.parametrize("sizes, masked", [((4, 4, 4, 6, 4, 4), True), (DIFFERENT, False)])
def test_torch_says_the_same(student, reference, draw, device, sizes, masked):
    """PyTorch's own attention says the same

    Which of queries, keys and values did you make of x, and what does True mean in torch's
    mask and in yours?
    """
    parts = texts(sizes, draw, device, (2,))
    mask = a_mask(sizes, draw, (2,)) if masked else None
    got = student.cross_attention(*parts, mask)
    assert same_values(got, torchs_layer(*parts, mask) if masked else torchs_function(*parts))


def torchs_function(x, context, w_q, w_k, w_v):
    """What F.scaled_dot_product_attention makes of it."""
    return F.scaled_dot_product_attention(x @ w_q, context @ w_k, context @ w_v)


def torchs_layer(x, context, w_q, w_k, w_v, mask):
    """What nn.MultiheadAttention does, with a single head and nothing after it."""
    d_model, d_context = x.shape[-1], context.shape[-1]
    widths = {"kdim": d_context, "vdim": d_context}
    with torch.random.fork_rng(devices=[]):  # what it begins with is drawn, and written over
        layer = nn.MultiheadAttention(d_model, 1, bias=False, batch_first=True, **widths).to(x)
    with torch.no_grad():
        layer.q_proj_weight.copy_(w_q.mT)
        layer.k_proj_weight.copy_(w_k.mT)
        layer.v_proj_weight.copy_(w_v.mT)
        layer.out_proj.weight.copy_(torch.eye(d_model))
        return layer(x, context, context, key_padding_mask=~mask)[0]
