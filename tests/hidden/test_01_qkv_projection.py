"""What `project`, `project_qkv` and `project_packed` must do."""

from __future__ import annotations

import pytest
import torch

from grader.suite import (
    LINEAR,
    SDPA,
    follows_device,
    leaves_arguments_alone,
    odd_forms,
    same,
    same_values,
    step,
)

FORBIDDEN = LINEAR | SDPA
PARTS = "q k v"

# Cat, ball and it, as the lesson has them: thing, alive, round, refers.
TOKENS = [[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
W_Q = [[0.5, 0.0], [0.0, 0.5], [0.0, -1.0], [1.0, 2.0]]
W_K = [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.5, 0.0]]
W_V = [[2.0, 1.0, 0.0], [0.0, 3.0, -1.0], [1.0, 0.0, 4.0], [0.0, 0.5, 0.0]]

# Where all sizes are equal a wrong axis shows in values, elsewhere only in an exception; so
# that case comes first, and what a learner sees first are numbers.


@step(points=1, public=True)
def test_three_tokens_by_hand(student, reference, device):
    """Cat, ball and it get the keys of the lesson

    Work out ball's key by hand, as the lesson does. At which point does your function go
    another way?
    """
    x, w = torch.tensor(TOKENS, device=device), torch.tensor(W_K, device=device)
    assert same_values(student.project(x, w), reference.project(x, w))


@step(points=2)
@pytest.mark.parametrize("n, d_in, d_out", [(4, 4, 4), (5, 3, 7), (1, 6, 2)])
def test_any_number_of_tokens_and_features(student, reference, draw, n, d_in, d_out):
    """Rows of x meet columns of w, whatever their sizes

    Pick one number of the result. Which row of x and which column of w should it be made
    of?
    """
    x, w = draw.normal(n, d_in), draw.normal(d_in, d_out)
    assert same_values(student.project(x, w), reference.project(x, w))


@step(points=2)
@pytest.mark.parametrize(
    "batch, n, d_in, d_out",
    [((3,), 3, 3, 3), ((3, 3), 3, 3, 3), ((2,), 5, 3, 7), ((2, 6), 5, 3, 7)],
)
def test_batches(student, reference, draw, batch, n, d_in, d_out):
    """Every sentence of a batch is projected by itself

    Which axes of x count sentences, and what does each of your lines do to those axes?
    """
    x, w = draw.normal(*batch, n, d_in), draw.normal(d_in, d_out)
    assert same_values(student.project(x, w), reference.project(x, w))


@step(points=2)
@pytest.mark.parametrize(
    "shape, d_out", [((4, 4), 4), ((3, 3, 3), 3), ((5, 3), 7), ((2, 6, 5, 3), 7)]
)
def test_the_bias(student, reference, draw, shape, d_out):
    """Every token gets the same bias, a number for each feature

    Along which axis of the result does b lie, and what should happen along the others?
    """
    x, w, b = draw.normal(*shape), draw.normal(shape[-1], d_out), draw.normal(d_out)
    assert same_values(student.project(x, w, b), reference.project(x, w, b))


@step(points=1, needs="test_any_number_of_tokens_and_features")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_inputs_set_dtype_and_device(student, reference, draw, dtype):
    """The inputs set dtype and device, and stay as they are

    Which of your lines makes a tensor or changes one, and what sets its dtype and device?
    """
    x, w = draw.normal(5, 3, dtype=dtype), draw.normal(3, 7, dtype=dtype)
    b = draw.normal(7, dtype=dtype)
    # With a bias first: a tensor that is made in any case is not a bias for want of one.
    assert follows_device(student.project, x, w, b)
    assert follows_device(student.project, x, w)
    assert same(student.project(x, w), reference.project(x, w))
    assert same(student.project(x, w, b), reference.project(x, w, b))
    assert leaves_arguments_alone(student.project, x, w, b)


@step(points=1, needs="test_any_number_of_tokens_and_features")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients(student, reference, draw, batch):
    """Gradients flow back to the tokens, the weights and the bias

    Follow x, w and b one by one to the result. On which of these ways could a gradient be
    lost?
    """
    x, w, b = draw.normal(*batch, 5, 3), draw.normal(3, 7), draw.normal(7)
    cotangent = draw.normal(*batch, 5, 7)
    got = student.project.gradients(x, w, b, cotangent=cotangent)
    assert same(got, reference.project.gradients(x, w, b, cotangent=cotangent))


# One sentence in a batch, a sentence without tokens, a batch without sentences.
ODD_SHAPES = [(1, 2, 3), (2, 5, 3), (0, 3), (0, 5, 3)]


@step(points=1, needs=("test_batches", "test_the_bias"))
@pytest.mark.parametrize("shape", ODD_SHAPES)
def test_odd_inputs(student, reference, draw, shape):
    """Transposed, empty, in training, a batch of one: all work

    Which of your lines takes something for granted: a size, the order of numbers in memory,
    inputs that nobody trains?
    """
    x, w, b = draw.normal(*shape), draw.normal(3, 4), draw.normal(4)
    for parts in odd_forms(x, w, b):
        assert same_values(student.project(*parts), reference.project(*parts))


@step(points=3, public=True)
def test_three_parts_by_hand(student, reference, device):
    """Cat, ball and it get a query, a key and a value each

    Which matrix makes which part, and in which order do you hand the parts back?
    """
    parts = [torch.tensor(part, device=device) for part in (TOKENS, W_Q, W_K, W_V)]
    assert same_values(student.project_qkv(*parts), reference.project_qkv(*parts), PARTS)


@step(points=4)
@pytest.mark.parametrize(
    "shape, d_k, d_v",
    [((4, 4), 4, 4), ((3, 3, 3), 3, 3), ((5, 3), 6, 7), ((2, 5, 3), 6, 7), ((2, 8, 5, 3), 6, 7)],
)
def test_each_with_its_own_weights(student, reference, draw, shape, d_k, d_v):
    """Queries, keys and values come from x, by their own weights

    From which tensor is each of the three made, with which weights, and how wide should it
    be?
    """
    x, d_model = draw.normal(*shape), shape[-1]
    w_q, w_k, w_v = draw.normal(d_model, d_k), draw.normal(d_model, d_k), draw.normal(d_model, d_v)
    got = student.project_qkv(x, w_q, w_k, w_v)
    assert same_values(got, reference.project_qkv(x, w_q, w_k, w_v), PARTS)


@step(points=1, needs="test_each_with_its_own_weights")
def test_the_three_follow_their_inputs(student, reference, draw):
    """Dtype and device follow the inputs, which stay as they are

    Which line makes, converts or overwrites a tensor on the way to your three parts, be it
    here or in `project`?
    """
    half = [draw.normal(*shape, dtype=torch.float16) for shape in ((5, 3), (3, 6), (3, 6), (3, 7))]
    assert follows_device(student.project_qkv, *half)
    assert same(student.project_qkv(*half), reference.project_qkv(*half), PARTS)
    assert leaves_arguments_alone(student.project_qkv, *half)


@step(points=1, needs="test_each_with_its_own_weights")
def test_gradients_of_the_three(student, reference, draw):
    """Gradients flow back to the tokens and to all three weights

    Start at q, at k and at v, and walk back to x and the weights. Where could a gradient
    lose its way?
    """
    parts = [draw.normal(*shape) for shape in ((2, 5, 3), (3, 6), (3, 6), (3, 7))]
    cotangent = (draw.normal(2, 5, 6), draw.normal(2, 5, 6), draw.normal(2, 5, 7))
    got = student.project_qkv.gradients(*parts, cotangent=cotangent)
    assert same(got, reference.project_qkv.gradients(*parts, cotangent=cotangent))


@step(points=1, needs="test_each_with_its_own_weights")
@pytest.mark.parametrize("shape", [(1, 1, 3), *ODD_SHAPES])
def test_odd_inputs_of_the_three(student, reference, draw, shape):
    """Transposed, empty, in training, a single word: all work

    Walk an empty x through your lines, then a transposed one, a single word, one in
    training. Which line cannot cope?
    """
    x, w_q, w_k, w_v = draw.normal(*shape), *(draw.normal(3, d) for d in (4, 4, 2))
    for parts in odd_forms(x, w_q, w_k, w_v):
        assert same_values(student.project_qkv(*parts), reference.project_qkv(*parts), PARTS)


@step(points=3, public=True)
@pytest.mark.parametrize(
    "shape, d",
    [
        ((2, 3), 2),  # small enough to see
        ((5, 3), 7),
        ((6, 6), 2),  # the packed matrix is square
        ((3, 3), 3),
        ((2, 5, 3), 7),
        ((2, 6, 5, 3), 7),
    ],
)
def test_the_order_of_the_packed_parts(student, reference, draw, shape, d):
    """One product holds queries, then keys, then values

    Which columns of the packed product are queries, which keys, which values, and along
    which axis do you cut?
    """
    x, w_qkv = draw.normal(*shape), draw.normal(shape[-1], 3 * d)
    assert same_values(student.project_packed(x, w_qkv), reference.project_packed(x, w_qkv), PARTS)


@step(points=4)
@pytest.mark.parametrize(
    "shape, d", [((6, 6), 2), ((3, 3), 3), ((6, 6, 6), 2), ((5, 3), 7), ((2, 6, 5, 3), 7)]
)
def test_the_packed_bias(student, reference, draw, shape, d):
    """Queries, keys and values each get their part of the bias

    Which numbers of b_qkv belong to which part, and at which point do you add them?
    """
    x, w_qkv, b_qkv = draw.normal(*shape), draw.normal(shape[-1], 3 * d), draw.normal(3 * d)
    got = student.project_packed(x, w_qkv, b_qkv)
    assert same_values(got, reference.project_packed(x, w_qkv, b_qkv), PARTS)


@step(points=1, needs="test_the_order_of_the_packed_parts")
def test_the_packed_follow_their_inputs(student, reference, draw):
    """Dtype and device follow x and the rest, left as they are

    Go through your function once with a bias and once without. Which line makes, converts
    or overwrites a tensor?
    """
    half = [draw.normal(*shape, dtype=torch.float16) for shape in ((5, 3), (3, 6), (6,))]
    assert follows_device(student.project_packed, *half)
    assert follows_device(student.project_packed, *half[:2])
    assert same(student.project_packed(*half[:2]), reference.project_packed(*half[:2]), PARTS)
    assert leaves_arguments_alone(student.project_packed, *half)


@step(points=1, needs="test_the_order_of_the_packed_parts")
def test_gradients_of_the_packed(student, reference, draw):
    """Gradients flow back to the tokens, the packed weights and bias

    Walk back from each part, over the cut, to x, weights and bias. Where could a gradient
    lose its way?
    """
    parts = [draw.normal(*shape) for shape in ((2, 5, 3), (3, 12), (12,))]
    cotangent = tuple(draw.normal(2, 5, 4) for _ in range(3))
    got = student.project_packed.gradients(*parts, cotangent=cotangent)
    assert same(got, reference.project_packed.gradients(*parts, cotangent=cotangent))


@step(points=1, needs="test_the_packed_bias")
@pytest.mark.parametrize("shape", [(1, 1, 3), *ODD_SHAPES])
def test_odd_inputs_of_the_packed(student, reference, draw, shape):
    """Transposed, empty, in training, a single word: all work

    At the cut and around it, which line counts on certain sizes, on order in memory, or on
    inputs that nobody trains?
    """
    x, w_qkv, b_qkv = draw.normal(*shape), draw.normal(3, 12), draw.normal(12)
    for parts in odd_forms(x, w_qkv, b_qkv):
        got = student.project_packed(*parts)
        assert same_values(got, reference.project_packed(*parts), PARTS)
