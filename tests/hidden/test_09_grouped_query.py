"""What the functions of grouped queries must do."""

from __future__ import annotations

import math

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
# The size by whose root the scores are divided, under its name in the docstring's shapes.
SCALES = {"multi_query_attention": "d_k"}

# n_kv, n, d, n_rep: all equal, where a wrong axis shows in values, then all different, with
# fewer copies than heads and with more; one head for all, and a head for each.
HEADS = [(3, 3, 3, 3), (2, 4, 5, 3), (4, 5, 3, 2), (1, 4, 3, 6), (3, 4, 5, 1)]

# batch, n, d_model, n_heads, n_kv_heads, d_k, d_v. Where sizes are equal, a wrong axis shows in
# values; where n_heads·d_v is d_model, so does a w_o that was left out or turned over.
# n_heads divides d_model throughout: a width of d_model / n_heads is a whole number.
SHARED_BY_ALL = [
    ((), 3, 6, 3, 1, 5, 2),  # as many tokens as heads
    ((), 6, 6, 3, 1, 6, 6),  # not as many heads: a root of n_heads·d_k would be d_k
    ((), 5, 9, 3, 1, 4, 7),
    ((), 4, 4, 2, 1, 9, 3),
]
# As many groups as heads in a group; more groups, and fewer; a single group, and a head each.
GROUPS = [
    ((), 4, 4, 4, 2, 4, 4),
    ((), 5, 12, 6, 3, 4, 2),
    ((), 3, 6, 6, 2, 5, 4),
    ((), 4, 4, 4, 1, 3, 2),
    ((), 2, 8, 4, 4, 3, 5),
]
BATCHES_OF_ALL = [((3,), 3, 6, 3, 1, 4, 3), ((2,), 4, 6, 3, 1, 5, 2), ((2, 3), 2, 3, 3, 1, 4, 5)]
# As many samples as heads, as groups, and as heads in a group.
BATCHES_OF_GROUPS = [
    ((4,), 4, 4, 4, 2, 4, 4),
    ((3,), 4, 6, 6, 3, 5, 2),
    ((2,), 5, 12, 6, 3, 4, 2),
    ((2, 3), 2, 6, 6, 2, 4, 3),
]
# Tokens and the values are unit vectors: what a head finds is its weights, and w_o lets
# one head through.
ONE_HEAD_OF_ALL = [((), 3, 4, 2, 1, 3, 4), ((), 4, 9, 3, 1, 7, 5), ((), 2, 6, 3, 1, 4, 3)]
ONE_HEAD_OF_A_GROUP = [((), 3, 6, 6, 2, 2, 4), ((), 4, 12, 6, 3, 7, 5), ((), 3, 8, 4, 2, 5, 3)]

# A batch of one, none, two samples, and a batch without samples.
ODD_BATCHES = [(1,), (), (2,), (0,)]


def model(sizes, draw):
    """Tokens and the four matrices, which keep numbers at unit size."""
    batch, n, d_model, n_heads, n_kv_heads, d_k, d_v = sizes
    x = draw.normal(*batch, n, d_model)
    outer = (n_heads * d_k, n_kv_heads * d_k, n_kv_heads * d_v)
    weights = [draw.normal(d_model, width) / math.sqrt(d_model) for width in outer]
    w_o = draw.normal(n_heads * d_v, d_model) / math.sqrt(n_heads * d_v)
    return x, *weights, w_o


def whole_numbers(sizes, draw, dtype):
    """A model of −1, 0 and 1, and a mask that shows each token itself, and the second one nothing.

    All weights are 0 or 1, and every sum is a small whole number: there is nothing to round, in
    whatever order, so that no right formula loses a point to a narrow dtype.
    """
    parts = model(sizes, draw)
    whole = [draw.integers(-1, 2, tuple(part.shape)).to(dtype) for part in parts]
    mask = torch.ones_like(draw.mask(sizes[1], sizes[1])).tril().triu()
    mask[1] = False
    return (*whole, mask)


def one_head(sizes, head, draw, device):
    """A model whose output is the weights of one head, and zeros beside them."""
    _, n, d_model, n_heads, n_kv_heads, d_k, d_v = sizes
    w_q, w_k = draw.normal(d_model, n_heads * d_k), draw.normal(d_model, n_kv_heads * d_k)
    unit = torch.eye(d_model, d_v, device=device)
    w_o = torch.zeros(n_heads * d_v, d_model, device=device)
    w_o[head * d_v : (head + 1) * d_v] = unit.mT
    return torch.eye(n, d_model, device=device), w_q, w_k, unit.repeat(1, n_kv_heads), w_o


def heads_of(sizes):
    """Those numbers of a call that are no tensors."""
    _, _, _, n_heads, n_kv_heads, _, _ = sizes
    return n_heads, n_kv_heads


def other_last(tensor):
    """The same batch with other numbers in its last sample."""
    changed = tensor.clone()
    changed[-1].add_(1.0).mul_(-1.5)
    return changed


def mask_with_an_empty_row(draw, *shape):
    """A mask in whose first sample the second query may see nothing, and the first two keys."""
    mask = draw.mask(*shape)
    mask[..., 0, :2], mask[..., 0, 2:] = True, False
    mask[(0,) * (len(shape) - 2) + (1,)] = False
    return mask


def counted(got, expected):
    """A whole number that came back as a float is as good, but where the type is asked for."""
    whole = type(got) is float and got.is_integer() and abs(got) < 2**53
    return same_values(int(got) if whole else got, expected)


@step(points=2, public=True)
@pytest.mark.parametrize("n_rep", [2, 3, 1])
def test_two_heads_repeated(student, reference, device, n_rep):
    """The copies of a head stand side by side

    Number the heads that went in. In which order do their numbers stand in the result, and
    how often is each there?
    """
    # The digits of an entry number its head, its token and its feature.
    x = [[[111.0, 112.0], [121.0, 122.0]], [[211.0, 212.0], [221.0, 222.0]]]
    x = torch.tensor(x, device=device)
    assert same_values(student.repeat_kv(x, n_rep), reference.repeat_kv(x, n_rep))


@step(points=3)
@pytest.mark.parametrize("n_kv, n, d, n_rep", HEADS)
def test_heads_of_any_number(student, reference, draw, n_kv, n, d, n_rep):
    """Any number of heads, tokens, features and copies will do

    Write down the shape of x and that of your result. Which axis should have grown, and by
    which factor?
    """
    x = draw.normal(n_kv, n, d)
    assert same_values(student.repeat_kv(x, n_rep), reference.repeat_kv(x, n_rep))


@step(points=2)
@pytest.mark.parametrize("batch, heads", [((3,), (3, 3, 3, 3)), ((4,), (2, 3, 5, 3)),
                                          ((2, 3), (4, 5, 6, 2))])  # fmt: skip
def test_heads_in_batches(student, reference, draw, batch, heads):
    """Each sample keeps its own heads, whatever stands in front

    Count the axes of x from the front, then from the end. Which way of counting always
    finds the heads?
    """
    *shape, n_rep = heads
    x = draw.normal(*batch, *shape)
    assert same_values(student.repeat_kv(x, n_rep), reference.repeat_kv(x, n_rep))


@step(points=1, needs="test_heads_of_any_number")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_copies_follow_their_input(student, reference, draw, dtype):
    """Dtype and device follow the input, which stays as it is

    Which of your lines makes a tensor from nothing, names a dtype, or writes into the tensor
    that came in?
    """
    x = draw.normal(2, 4, 5, dtype=dtype)
    assert same(student.repeat_kv(x, 3), reference.repeat_kv(x, 3))
    assert follows_device(student.repeat_kv, x, 3)
    assert leaves_arguments_alone(student.repeat_kv, x, 3)


@step(points=1, needs="test_heads_of_any_number")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_the_copies(student, reference, draw, batch):
    """Gradients of all copies come back to the head they are of

    A head has several copies, and each sends a gradient back. What should become of them
    where they meet?
    """
    x, cotangent = draw.normal(*batch, 2, 4, 5), draw.normal(*batch, 6, 4, 5)
    got = student.repeat_kv.gradients(x, 3, cotangent=cotangent)
    assert same(got, reference.repeat_kv.gradients(x, 3, cotangent=cotangent))


@step(points=1, needs="test_heads_in_batches")
@pytest.mark.parametrize("shape", [(1, 2, 1, 3), (1, 1, 3), (2, 2, 3, 4), (0, 2, 3, 4)])
def test_odd_heads(student, reference, draw, shape):
    """Transposed, empty, in training, a single token: all work

    What do your lines take for granted about x: its number of tokens or samples, how it lies
    in memory, whether it is in training?
    """
    for (x,) in odd_forms(draw.normal(*shape)):
        assert same_values(student.repeat_kv(x, 3), reference.repeat_kv(x, 3))


@step(points=2, public=True)
def test_three_heads_read_one(student, reference, device):
    """All query heads read one head of keys and values

    Work out what each head finds for the first token. Which keys does it meet, and which
    values does it blend?
    """
    # Keys are 0000 and 1111, and √d_k is 2: a query of four times log(3)/2 gives the second key
    # three times the weight of the first.
    x = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=device)
    w_q = torch.tensor([[0.0, 1.0, -1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]], device=device)
    w_q = w_q.repeat_interleave(4, dim=1) * (math.log(3.0) / 2)
    w_k = torch.tensor([[0.0] * 4, [1.0] * 4, [0.0] * 4], device=device)
    w_v = torch.tensor([[4.0], [8.0], [0.0]], device=device)
    w_o = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [10.0, 1.0, 1.0]], device=device)
    parts = (x, w_q, w_k, w_v, w_o, 3)
    got = student.multi_query_attention(*parts)
    assert same_values(got, reference.multi_query_attention(*parts))


@step(points=3)
@pytest.mark.parametrize("sizes", SHARED_BY_ALL)
def test_many_heads_read_one(student, reference, draw, sizes):
    """Any number of heads, tokens and features will do

    Write the shapes of queries, keys and values behind your lines, with heads and without.
    Which sizes do your lines mix up?
    """
    parts = (*model(sizes, draw), sizes[3])
    got = student.multi_query_attention(*parts)
    assert same_values(got, reference.multi_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", ONE_HEAD_OF_ALL)
def test_weights_over_one_key_head(student, reference, draw, device, sizes):
    """Each head has weights of its own, over the same keys

    Work out one head's scores by hand. Whose keys does its query meet, and which width is
    under the root?
    """
    n_heads = sizes[3]
    asked = [(*one_head(sizes, head, draw, device), n_heads) for head in range(n_heads)]
    got = [student.multi_query_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.multi_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", BATCHES_OF_ALL)
def test_samples_that_share_a_head(student, reference, draw, sizes):
    """Every sample reads its own keys and values

    Where do samples and heads lie side by side in your tensors, and in which order?
    """
    x, *weights = model(sizes, draw)
    # Another last sample is nothing to those before it.
    asked = [(one, *weights, sizes[3]) for one in (x, other_last(x))]
    got = [student.multi_query_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.multi_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", [SHARED_BY_ALL[0], *BATCHES_OF_ALL])
def test_one_mask_for_all_heads(student, reference, draw, sizes):
    """One mask serves every sample and every head

    Line up the shapes of scores and mask from the right. On which axes is the mask repeated
    in your function?
    """
    n = sizes[1]
    parts = (*model(sizes, draw), sizes[3])
    for mask in (torch.ones_like(draw.mask(n, n)).tril(), draw.mask(n, n)):
        got = student.multi_query_attention(*parts, mask)
        assert same_values(got, reference.multi_query_attention(*parts, mask))


@step(points=2)
@pytest.mark.parametrize("sizes", BATCHES_OF_ALL)
def test_a_mask_for_each_sample(student, reference, draw, sizes):
    """Each sample has its own mask, and all its heads obey it

    Follow the mask of the second sample. Which scores does it meet in your function, and
    which should it meet?
    """
    batch, n = sizes[:2]
    parts = (*model(sizes, draw), sizes[3])
    mask = draw.mask(*batch, n, n)
    got = student.multi_query_attention(*parts, mask)
    assert same_values(got, reference.multi_query_attention(*parts, mask))


@step(points=1)
@pytest.mark.parametrize("sizes", [SHARED_BY_ALL[0], ((2,), 4, 6, 3, 1, 5, 2)])
def test_a_token_that_sees_nothing(student, reference, draw, sizes):
    """A token that may attend to nothing gets zeros

    Follow a token from which everything is hidden through your function. What does it hold
    after each step?
    """
    batch, n = sizes[:2]
    mask = mask_with_an_empty_row(draw, *batch, n, n)
    parts = (*model(sizes, draw), sizes[3], mask)
    got = student.multi_query_attention(*parts)
    assert same_values(got, reference.multi_query_attention(*parts))


@step(points=1, needs="test_one_mask_for_all_heads")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_multi_query_follows_its_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which are not changed

    With a mask and without: which tensors do you make from nothing, which do you convert, and
    which do you write into?
    """
    *parts, mask = whole_numbers(((), 4, 6, 3, 1, 4, 2), draw, dtype)
    parts = (*parts, 3)
    got = student.multi_query_attention(*parts, mask)
    assert same(got, reference.multi_query_attention(*parts, mask))
    assert follows_device(student.multi_query_attention, *parts, mask)
    assert follows_device(student.multi_query_attention, *parts)
    assert leaves_arguments_alone(student.multi_query_attention, *parts, mask)


@step(points=1, needs=("test_many_heads_read_one", "test_a_token_that_sees_nothing"))
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_multi_query(student, reference, draw, batch):
    """Gradients flow back to the tokens and to all four matrices

    By which ways does the output depend on x and on each matrix, and which of your steps
    could cut one of them?
    """
    parts = (*model((batch, 4, 6, 3, 1, 5, 2), draw), 3, mask_with_an_empty_row(draw, 4, 4))
    cotangent = draw.normal(*batch, 4, 6)
    got = student.multi_query_attention.gradients(*parts, cotangent=cotangent)
    assert same(got, reference.multi_query_attention.gradients(*parts, cotangent=cotangent))


@step(points=1, needs=("test_samples_that_share_a_head", "test_one_mask_for_all_heads"))
@pytest.mark.parametrize("batch, n", [((1,), 3), ((), 1), ((1,), 1), ((2,), 3), ((0,), 3)])
def test_odd_sequences(student, reference, draw, batch, n):
    """Transposed, empty, in training, a single token: all work

    What do your lines take for granted about x: its number of tokens or samples, how it lies
    in memory, whether it is in training?
    """
    mask = torch.ones_like(draw.mask(*batch, n, n)).tril()
    for *parts, seen in odd_forms(*model((batch, n, 6, 3, 1, 4, 2), draw), mask):
        for masks in ((), (seen,)):
            got = student.multi_query_attention(*parts, 3, *masks)
            assert same_values(got, reference.multi_query_attention(*parts, 3, *masks))


@step(points=2, public=True)
@pytest.mark.parametrize("mixed", [True, False])
def test_neighbours_share_their_values(student, reference, device, mixed):
    """Neighbouring query heads read the same key head

    A single token gives itself all of its attention. Whose value does each query head then
    hand on, and which row of w_o awaits it?
    """
    # The lesson's: two value heads hold 10 and 20; and then all six, as they stand side by side.
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]], device=device)
    w_q, w_k = torch.ones(6, 6, device=device), torch.ones(6, 2, device=device)
    w_v = torch.tensor([[10.0, 20.0]], device=device).repeat(6, 1)
    w_o = torch.eye(6, device=device)
    if mixed:
        w_o = torch.zeros(6, 6, device=device)
        w_o[:, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], device=device)
    parts = (x, w_q, w_k, w_v, w_o, 6, 2)
    got = student.grouped_query_attention(*parts)
    assert same_values(got, reference.grouped_query_attention(*parts))


@step(points=4)
@pytest.mark.parametrize("sizes", GROUPS)
def test_groups_of_any_size(student, reference, draw, sizes):
    """Any number of heads and groups, from one to all, will do

    How many query heads and key heads are there, how many share one, and where do you use
    each of these numbers?
    """
    parts = (*model(sizes, draw), *heads_of(sizes))
    got = student.grouped_query_attention(*parts)
    assert same_values(got, reference.grouped_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", ONE_HEAD_OF_A_GROUP)
def test_weights_over_the_keys_of_a_group(student, reference, draw, device, sizes):
    """Each head has weights of its own, over its group's keys

    Which key head does each query head read in your function, and which width is under the
    root when it does?
    """
    n_heads, _ = heads_of(sizes)
    asked = [(*one_head(sizes, head, draw, device), *heads_of(sizes)) for head in range(n_heads)]
    got = [student.grouped_query_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.grouped_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", BATCHES_OF_GROUPS)
def test_samples_in_groups(student, reference, draw, sizes):
    """Every sample reads its own key heads

    Where do samples, groups and heads lie side by side in your tensors, and in which order?
    """
    x, *weights = model(sizes, draw)
    asked = [(one, *weights, *heads_of(sizes)) for one in (x, other_last(x))]
    got = [student.grouped_query_attention(*parts) for parts in asked]
    for answer, parts in zip(got, asked, strict=True):
        assert same_values(answer, reference.grouped_query_attention(*parts))


@step(points=2)
@pytest.mark.parametrize("sizes", [*GROUPS[:3], *BATCHES_OF_GROUPS])
def test_one_mask_for_all_groups(student, reference, draw, sizes):
    """One mask serves every sample, group and head

    Write the axes of your scores below each other by name, and those of the mask beside them.
    Which of them meet?
    """
    n = sizes[1]
    parts = (*model(sizes, draw), *heads_of(sizes))
    for mask in (torch.ones_like(draw.mask(n, n)).tril(), draw.mask(n, n)):
        got = student.grouped_query_attention(*parts, mask)
        assert same_values(got, reference.grouped_query_attention(*parts, mask))


@step(points=2)
@pytest.mark.parametrize("sizes", BATCHES_OF_GROUPS)
def test_a_mask_for_each_sample_in_groups(student, reference, draw, sizes):
    """Each sample's mask holds for all of its groups and heads

    Follow the mask of the second sample. Which samples, groups and heads does it reach in
    your function?
    """
    batch, n = sizes[:2]
    parts = (*model(sizes, draw), *heads_of(sizes))
    mask = draw.mask(*batch, n, n)
    got = student.grouped_query_attention(*parts, mask)
    assert same_values(got, reference.grouped_query_attention(*parts, mask))


@step(points=1)
@pytest.mark.parametrize("sizes", [GROUPS[1], ((2,), 4, 6, 6, 3, 5, 2)])
def test_a_token_that_sees_nothing_in_groups(student, reference, draw, sizes):
    """Where a token may attend to nothing, no head finds anything

    Follow a row of the mask that is False throughout. What becomes of its scores, its weights
    and its output?
    """
    batch, n = sizes[:2]
    mask = mask_with_an_empty_row(draw, *batch, n, n)
    parts = (*model(sizes, draw), *heads_of(sizes), mask)
    got = student.grouped_query_attention(*parts)
    assert same_values(got, reference.grouped_query_attention(*parts))


@step(points=1, needs="test_one_mask_for_all_groups")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_groups_follow_their_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, and none is written into

    Where does each tensor that you make get its dtype and device from, and which line writes
    into one you were given?
    """
    *parts, mask = whole_numbers(((), 4, 6, 6, 3, 4, 2), draw, dtype)
    parts = (*parts, 6, 3)
    got = student.grouped_query_attention(*parts, mask)
    assert same(got, reference.grouped_query_attention(*parts, mask))
    assert follows_device(student.grouped_query_attention, *parts, mask)
    assert follows_device(student.grouped_query_attention, *parts)
    assert leaves_arguments_alone(student.grouped_query_attention, *parts, mask)


@step(points=1, needs=("test_groups_of_any_size", "test_a_token_that_sees_nothing_in_groups"))
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients_of_groups(student, reference, draw, batch):
    """Each key head learns from all the query heads that read it

    Go back from the output to w_k and w_v. How many query heads send a gradient to one key
    head, and does every one arrive?
    """
    sizes = (batch, 4, 6, 6, 3, 5, 2)
    parts = (*model(sizes, draw), *heads_of(sizes), mask_with_an_empty_row(draw, 4, 4))
    cotangent = draw.normal(*batch, 4, 6)
    got = student.grouped_query_attention.gradients(*parts, cotangent=cotangent)
    assert same(got, reference.grouped_query_attention.gradients(*parts, cotangent=cotangent))


@step(points=1, needs=("test_samples_in_groups", "test_one_mask_for_all_groups"))
@pytest.mark.parametrize("batch, n", [((1,), 3), ((), 1), ((1,), 1), ((2,), 3), ((0,), 3)])
def test_odd_sequences_in_groups(student, reference, draw, batch, n):
    """Transposed, empty, in training, a batch of one: all work

    What does your function expect of its inputs that a transposed tensor, one in training, or
    a single token does not give?
    """
    mask = torch.ones_like(draw.mask(*batch, n, n)).tril()
    for *parts, seen in odd_forms(*model((batch, n, 6, 6, 3, 4, 2), draw), mask):
        for masks in ((), (seen,)):
            got = student.grouped_query_attention(*parts, 6, 3, *masks)
            assert same_values(got, reference.grouped_query_attention(*parts, 6, 3, *masks))


@step(points=2)
@pytest.mark.parametrize("n_kv_heads", [2, 3, 1, 6])
def test_as_pytorch_has_it(student, draw, n_kv_heads):
    """It agrees with PyTorch's own attention with enable_gqa=True

    PyTorch lets neighbours share, scales by the root of a head's width, and its mask serves all
    heads. Where does your function part with it?
    """
    x, w_q, w_k, w_v, w_o = model(((2,), 5, 12, 6, n_kv_heads, 4, 3), draw)
    for mask in (None, draw.mask(2, 5, 5)):
        split = zip((w_q, w_k, w_v), (6, n_kv_heads, n_kv_heads), strict=True)
        q, k, v = ((x @ w).unflatten(-1, (heads, -1)).transpose(-3, -2) for w, heads in split)
        found = F.scaled_dot_product_attention(
            q, k, v, None if mask is None else mask[:, None], enable_gqa=True
        )
        expected = found.transpose(-3, -2).flatten(-2) @ w_o
        got = student.grouped_query_attention(x, w_q, w_k, w_v, w_o, 6, n_kv_heads, mask)
        assert same_values(got, expected)


@step(points=2, public=True)
@pytest.mark.parametrize("n_kv_heads, n_tokens", [(8, 8192), (32, 8192), (1, 8192), (8, 1)])
def test_the_lessons_model(student, reference, n_kv_heads, n_tokens):
    """The bytes of the lesson's model, in groups and without

    How many bytes does one token keep in one head of one layer? By how many heads, layers and
    tokens is that to be multiplied?
    """
    sizes = (32, n_kv_heads, 128, n_tokens, 2)
    assert counted(student.kv_cache_bytes(*sizes), reference.kv_cache_bytes(*sizes))


@step(points=3)
@pytest.mark.parametrize(
    "sizes", [(2, 3, 5, 7, 4), (1, 1, 1, 1, 1), (7, 2, 3, 11, 1), (3, 5, 8, 13, 8), (5, 3, 4, 0, 2)]
)
def test_every_size_counts(student, reference, sizes):
    """Every size counts, and counts once

    Make one size after the other twice as large. What should happen to the bytes each time, and
    what happens in your function?
    """
    assert counted(student.kv_cache_bytes(*sizes), reference.kv_cache_bytes(*sizes))


@step(points=1, needs="test_every_size_counts")
@pytest.mark.parametrize("sizes", [(2, 3, 5, 7, 4), (125, 7, 127, 3**24, 2)])
def test_whole_numbers(student, reference, sizes):
    """Bytes are a whole number, and exact however large

    Which type comes back from your function, and which of your operations makes it?
    """
    assert same(student.kv_cache_bytes(*sizes), reference.kv_cache_bytes(*sizes))
