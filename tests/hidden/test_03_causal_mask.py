"""What `causal_mask` and `apply_mask` must do."""

from __future__ import annotations

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


@step(points=3, public=True)
@pytest.mark.parametrize("n", [4, 1, 7])
def test_as_many_keys_as_queries(student, reference, device, n):
    """Each token sees itself and everything before it

    Take one row of the mask by itself: which token is asking, and at which key should its last
    True stand?
    """
    got = student.causal_mask(n, device=device)
    assert same_values(got, reference.causal_mask(n, device=device))


@step(points=3)
@pytest.mark.parametrize("n_q, n_k", [(2, 5), (3, 7), (1, 6), (5, 6), (3, 2102)])
def test_more_keys_than_queries(student, reference, device, n_q, n_k):
    """The last query lines up with the last key

    Which token does the last row of the mask belong to, and which keys may that token see?
    """
    got = student.causal_mask(n_q, n_k, device=device)
    assert same_values(got, reference.causal_mask(n_q, n_k, device=device))


@step(points=1)
@pytest.mark.parametrize("n_q, n_k", [(5, 2), (4, 3), (6, 1), (7, 4)])
def test_fewer_keys_than_queries(student, reference, device, n_q, n_k):
    """Queries before the first key see nothing

    Start in the bottom right corner and go up, row by row: how many keys does each row see, and
    when are none left?
    """
    got = student.causal_mask(n_q, n_k, device=device)
    assert same_values(got, reference.causal_mask(n_q, n_k, device=device))


@step(points=1, needs="test_as_many_keys_as_queries")
def test_the_mask_is_boolean(student, reference):
    """The mask is made of True and False

    Which of your lines decides what the mask is made of: answers of yes and no, or numbers?
    """
    assert same(student.causal_mask(3), reference.causal_mask(3))
    assert same(student.causal_mask(3, 3), reference.causal_mask(3, 3))


@step(points=1, needs="test_as_many_keys_as_queries")
def test_the_mask_is_made_on_the_device(student, device):
    """The mask is made on the device asked for

    Which of your lines make a tensor from nothing, and what tells each of them the device?
    """
    assert follows_device(student.causal_mask, 4, device=device)
    assert follows_device(student.causal_mask, 2, 5, device=device)


@step(points=1, needs="test_fewer_keys_than_queries")
def test_no_keys_at_all(student, reference, device):
    """Without keys, a mask still has a row for every query

    How many rows and how many columns should a mask have when there are queries, but not a
    single key?
    """
    got = student.causal_mask(2, 0, device=device)
    assert same_values(got, reference.causal_mask(2, 0, device=device))


@step(points=3, public=True)
def test_a_small_matrix(student, reference, device):
    """Hidden scores become −inf, the others stay

    Pick one score: what does the mask say at its place, and what should become of that score?
    """
    # A visible 0 is a score like any other; the last row is hidden throughout.
    scores = torch.tensor(
        [[0.5, -1.0, 2.0, 0.0], [0.0, 1.5, -0.5, 1.0], [-2.0, 0.0, 0.75, -1.5]], device=device
    )
    mask = torch.tensor(
        [[True, True, False, True], [True, False, True, True], [False, False, False, False]],
        device=device,
    )
    assert same_values(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))


@step(points=3)
@pytest.mark.parametrize("n_q, n_k, hidden", [(5, 5, 0), (3, 7, 1), (1, 6, 0)])
def test_any_mask_will_do(student, reference, draw, n_q, n_k, hidden):
    """Any mask will do, not only a triangle

    What does your function take for granted about a mask's shape, and about where in the mask
    True may stand?
    """
    scores, mask = draw.normal(n_q, n_k), draw.mask(n_q, n_k)
    mask[:hidden] = False  # so many rows, the first ones, see nothing
    assert same_values(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))


@step(points=2)
@pytest.mark.parametrize("batch", [(3,), (2, 3)])
def test_one_mask_for_a_whole_batch(student, reference, draw, batch):
    """One mask serves every sample and every head

    Write the two shapes one above the other, lined up on the right: what should happen along
    the axes that the mask lacks?
    """
    scores, mask = draw.normal(*batch, 5, 7), draw.mask(5, 7)
    assert same_values(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))


@step(points=2)
@pytest.mark.parametrize(
    "shape, mask_shape",
    [
        ((3, 3, 3, 3), (3, 1, 3, 3)),  # all sizes equal: a wrong axis shows in values
        ((2, 3, 5, 7), (2, 1, 5, 7)),  # one mask for each sample
        ((2, 3, 5, 7), (2, 1, 1, 7)),  # one row for each sample, as padding has it
        ((3, 3, 3), (3, 3, 3)),  # samples without heads
        ((2, 3, 5, 7), (3, 5, 7)),  # one mask for each head
    ],
)
def test_a_mask_for_each_sample(student, reference, draw, shape, mask_shape):
    """Each sample, or each head, may bring its own mask

    Write down the shapes of scores and mask, lined up on the right: which axis of the scores
    does each axis of the mask meet?
    """
    scores, mask = draw.normal(*shape), draw.mask(*mask_shape)
    assert same_values(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))


@step(points=1, needs="test_a_small_matrix")
def test_the_scores_are_left_alone(student, draw):
    """The scores and mask you are given stay intact

    Which of your lines writes into a tensor instead of making a new one, and whose tensor is
    written into?
    """
    assert leaves_arguments_alone(student.apply_mask, draw.normal(3, 5), draw.mask(3, 5))


@step(points=1, needs="test_a_small_matrix")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_stays(student, reference, draw, dtype):
    """The scores' dtype, float16 too, and their device are kept

    Which of your lines makes or converts a tensor, and whose dtype and device does that line
    use?
    """
    scores, mask = draw.normal(3, 5, dtype=dtype), draw.mask(3, 5)
    assert follows_device(student.apply_mask, scores, mask)
    assert same(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))


@step(points=1, needs="test_a_small_matrix")
def test_gradients_of_the_visible_scores(student, reference, draw):
    """Gradients flow back to the visible scores

    Follow one visible score from the argument to the result: on which line might its gradient
    be lost or changed?
    """
    scores, mask = draw.normal(2, 3, 5), draw.mask(3, 5)
    # Nothing comes back to a hidden score from a softmax. So it is here, and a mask that
    # is added, whose own gradient at a hidden place is 1, counts as the right answer it is.
    cotangent = draw.normal(2, 3, 5).masked_fill(~mask, 0.0)
    got = student.apply_mask.gradients(scores, mask, cotangent=cotangent)
    assert same(got, reference.apply_mask.gradients(scores, mask, cotangent=cotangent))


@step(points=1, needs="test_one_mask_for_a_whole_batch")
@pytest.mark.parametrize(
    "shape, mask_shape",
    [((2, 3), (2, 3)), ((2, 3, 4), (3, 4)), ((1, 2, 3), (1, 2, 3)), ((0, 3), (0, 3)),
     ((0, 2, 3), (2, 3))],
)  # fmt: skip
def test_odd_scores_and_masks(student, reference, draw, shape, mask_shape):
    """Scores and masks work transposed, empty, and in training

    Which of your lines would mind if a tensor were transposed, had no entries at all, or needed
    gradients?
    """
    for scores, mask in odd_forms(draw.normal(*shape), draw.mask(*mask_shape)):
        assert same_values(student.apply_mask(scores, mask), reference.apply_mask(scores, mask))
