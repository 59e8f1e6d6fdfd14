"""What `dot_scores`, `scale_scores` and `scaled_scores` must do."""

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
# The size by whose root the scores are divided, under its name in the docstrings' shapes.
SCALES = {"scale_scores": "d_k", "scaled_scores": "d_k"}

# Two queries and three keys, as the lesson has them.
QUERIES = [[0.7, -0.5, 0.6], [0.1, 0.9, -0.2]]
KEYS = [[0.8, 0.6, 0.7], [0.5, -1.0, 0.5], [-0.6, 0.2, 0.0]]

# Batch dimensions, n_q, n_k, d_k: first all equal, where a wrong axis shows in values and not
# in an exception, then all different, with their roots.
BATCHES = [((3,), 3, 3, 3), ((3, 3), 3, 3, 3), ((2,), 3, 7, 5), ((2, 6), 3, 7, 5)]

# A batch of one, none, two samples, and a batch without samples.
ODD_BATCHES = [(1,), (), (2,), (0,)]


@step(points=1, public=True)
def test_two_queries_and_three_keys(student, reference, device):
    """The first query and the first key have a score of 0.68

    Work out one score of the lesson by hand, product by product. Where does your function
    do something else?
    """
    q, k = torch.tensor(QUERIES, device=device), torch.tensor(KEYS, device=device)
    assert same_values(student.dot_scores(q, k), reference.dot_scores(q, k))


@step(points=3)
@pytest.mark.parametrize("n_q, n_k, d_k", [(4, 4, 4), (3, 7, 5), (6, 2, 3), (1, 6, 5)])
def test_every_query_meets_every_key(student, reference, draw, n_q, n_k, d_k):
    """Every query meets every key: rows ask, columns are asked

    Pick one entry of the scores. Which query and which key should meet in it, and which do
    in yours?
    """
    q, k = draw.normal(n_q, d_k), draw.normal(n_k, d_k)
    assert same_values(student.dot_scores(q, k), reference.dot_scores(q, k))


@step(points=3)
@pytest.mark.parametrize("batch, n_q, n_k, d_k", BATCHES)
def test_batches_and_heads(student, reference, draw, batch, n_q, n_k, d_k):
    """Each sentence and each head keeps to itself

    With sentences and heads in front, which axes should your lines work on, and which
    should they leave alone?
    """
    q, k = draw.normal(*batch, n_q, d_k), draw.normal(*batch, n_k, d_k)
    assert same_values(student.dot_scores(q, k), reference.dot_scores(q, k))


@step(points=1, needs="test_every_query_meets_every_key")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_inputs_set_dtype_and_device(student, reference, draw, dtype):
    """Queries and keys set dtype and device, and stay as they are

    Where does each tensor of your function get its dtype and its device, and into which
    tensors do your lines write?
    """
    q, k = draw.normal(3, 5, dtype=dtype), draw.normal(7, 5, dtype=dtype)
    assert follows_device(student.dot_scores, q, k)
    assert same(student.dot_scores(q, k), reference.dot_scores(q, k))
    assert leaves_arguments_alone(student.dot_scores, q, k)


@step(points=1, needs="test_every_query_meets_every_key")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients(student, reference, draw, batch):
    """Gradients flow back to the queries and to the keys

    Go back from the scores to q and to k, line by line. Which of your lines might let no
    gradient through?
    """
    q, k = draw.normal(*batch, 3, 5), draw.normal(*batch, 7, 5)
    cotangent = draw.normal(*batch, 3, 7)
    got = student.dot_scores.gradients(q, k, cotangent=cotangent)
    assert same(got, reference.dot_scores.gradients(q, k, cotangent=cotangent))


@step(points=1, needs="test_batches_and_heads")
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_inputs(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    Which of your lines would do something else for one sentence, for none, or for keys that
    are a transposed tensor?
    """
    q, k = draw.normal(*batch, 2, 4), draw.normal(*batch, 3, 4)
    for parts in odd_forms(q, k):
        assert same_values(student.dot_scores(*parts), reference.dot_scores(*parts))


# √3 rounded down is 1: at d_k = 3 alone, that mistake and no division at all look the same.
@step(points=3, public=True)
@pytest.mark.parametrize("d_k", [3, 12])
def test_the_scores_of_the_lesson(student, reference, device, d_k):
    """A score of 0.68 becomes 0.39 at d_k = 3, and 0.20 at 12

    What is the root of each of the two widths, and by what does your function divide?
    """
    scores = torch.tensor([[0.68, 1.15, -0.52], [0.48, -0.95, 0.12]], device=device)
    assert same_values(student.scale_scores(scores, d_k), reference.scale_scores(scores, d_k))


@step(points=4)
@pytest.mark.parametrize(
    "shape, d_k", [((3, 5), 7), ((4, 6), 50), ((5, 5), 12), ((2, 3, 5), 11), ((2, 6, 3, 5), 7)]
)
def test_the_root_of_the_width(student, reference, draw, shape, d_k):
    """Scores are divided by √d_k, whatever their shape

    What is your divisor made from, and what happens to the scores besides the division?
    """
    scores = draw.normal(*shape)
    assert same_values(student.scale_scores(scores, d_k), reference.scale_scores(scores, d_k))


# No float64 here: a root taken in float32, as in `torch.tensor(d_k).sqrt()`, is no mistake.
@step(points=1, needs="test_the_root_of_the_width")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_result_follows_the_scores(student, reference, draw, dtype):
    """Dtype and device follow the scores, which stay as they are

    Which tensors take part besides the scores, where do they get dtype and device, and
    which of them do you write into?
    """
    scores = draw.normal(3, 5, dtype=dtype)
    assert follows_device(student.scale_scores, scores, 7)
    assert same(student.scale_scores(scores, 7), reference.scale_scores(scores, 7))
    large = 4096 * scores  # half precision holds them, but not their squares
    assert same(student.scale_scores(large, 7), reference.scale_scores(large, 7))
    assert leaves_arguments_alone(student.scale_scores, scores, 7)


@step(points=1, needs="test_the_root_of_the_width")
def test_gradients_of_the_scaled(student, reference, draw):
    """Gradients flow back to the scores

    How do the scores come into your result: as the tensor you were given, or by something
    that forgets where it came from?
    """
    scores, cotangent = draw.normal(2, 3, 5), draw.normal(2, 3, 5)
    scores[..., 0] = 0.0  # where a root has no slope
    got = student.scale_scores.gradients(scores, 7, cotangent=cotangent)
    assert same(got, reference.scale_scores.gradients(scores, 7, cotangent=cotangent))


@step(points=1, needs="test_the_root_of_the_width")
@pytest.mark.parametrize(
    "shape, size",
    [((2, 3), 1), ((2, 3, 5), 1), ((0, 3), 1), ((0, 2, 3), 1), ((2, 3), 1000)],
)
def test_odd_scores(student, reference, draw, shape, size):
    """Scores work transposed, empty, large, and in training

    What do your lines take for granted about the scores: how large they are, how many, or
    how they lie in memory?
    """
    for (scores,) in odd_forms(size * draw.normal(*shape)):
        assert same_values(student.scale_scores(scores, 7), reference.scale_scores(scores, 7))


@step(points=3, public=True)
@pytest.mark.parametrize("n_q, n_k, d_k", [(2, 3, 5), (3, 7, 64), (1, 6, 5), (7, 4, 5), (5, 5, 5)])
def test_scores_of_unit_size(student, reference, draw, n_q, n_k, d_k):
    """Scores keep to unit size, however wide the vectors are

    By what does your function divide in all, and which axis of q or k does this number come
    from?
    """
    q, k = draw.normal(n_q, d_k), draw.normal(n_k, d_k)
    assert same_values(student.scaled_scores(q, k), reference.scaled_scores(q, k))


@step(points=4)
@pytest.mark.parametrize("batch, n_q, n_k, d_k", BATCHES)
def test_scaled_in_batches_and_heads(student, reference, draw, batch, n_q, n_k, d_k):
    """The width counts, not tokens, heads or sentences

    What does each axis of q count, and which axis gives the number under your root?
    """
    q, k = draw.normal(*batch, n_q, d_k), draw.normal(*batch, n_k, d_k)
    assert same_values(student.scaled_scores(q, k), reference.scaled_scores(q, k))


@step(points=1, needs="test_scores_of_unit_size")
def test_scaled_scores_follow_their_inputs(student, reference, draw):
    """Dtype and device follow queries and keys, left as they are

    Which tensors do you make or change on the way from q and k to the scores, and what sets
    their dtype and device?
    """
    half = draw.normal(3, 5, dtype=torch.float16), draw.normal(7, 5, dtype=torch.float16)
    assert follows_device(student.scaled_scores, *half)
    assert same(student.scaled_scores(*half), reference.scaled_scores(*half))
    assert leaves_arguments_alone(student.scaled_scores, *half)


@step(points=1, needs="test_scores_of_unit_size")
def test_gradients_of_the_scaled_scores(student, reference, draw):
    """Gradients flow back to queries and keys, through the scaling

    Follow q and k through both halves of the work. In which half could the way back to them
    be lost?
    """
    q, k, cotangent = draw.normal(2, 3, 5), draw.normal(2, 7, 5), draw.normal(2, 3, 7)
    got = student.scaled_scores.gradients(q, k, cotangent=cotangent)
    assert same(got, reference.scaled_scores.gradients(q, k, cotangent=cotangent))


@step(points=1, needs="test_scaled_in_batches_and_heads")
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_inputs_of_the_scaled_scores(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What do your lines take for granted about q and k: how many sentences there are, or how
    the numbers lie in memory?
    """
    q, k = draw.normal(*batch, 2, 4), draw.normal(*batch, 3, 4)
    for parts in odd_forms(q, k):
        assert same_values(student.scaled_scores(*parts), reference.scaled_scores(*parts))
