"""The numbers in the lesson on queries, keys and values are what they claim to be."""

from __future__ import annotations

import torch

FEATURES = ("thing", "alive", "round", "refers")
X = torch.tensor([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])  # cat, ball, it
W_K = torch.tensor([[1.0, 0], [0, 1], [0, -1], [0.5, 0]])
Q_IT = torch.tensor([1.0, 2])
B_K = torch.tensor([0, 0.5])


def number(value: float) -> str:
    """A number as the lesson prints it, with a real minus."""
    return f"{value:g}".replace("-", "−")


def row(values: torch.Tensor) -> str:
    """A vector as the lesson prints it."""
    return "[" + ", ".join(number(value) for value in values.tolist()) + "]"


def cells(values: torch.Tensor) -> str:
    """A row of a matrix as the lesson prints it."""
    return " ".join(number(value) for value in values.tolist())


def test_the_baton_changes_hands_five_times(prose):
    sentence = "The cat chased the ball, because it was curious"
    assert f"*{sentence}.*" in prose
    words = sentence.replace(",", "").split()
    assert words.index("it") - words.index("cat") == 5
    assert "it changes hands five times" in prose


def test_the_matrices_are_printed_as_they_are_used(prose):
    assert " ".join(FEATURES) + " W_k" in prose
    for name, token, weights in zip(("cat", "ball", "it"), X, W_K, strict=False):
        assert f"{name} {cells(token)} {cells(weights)}" in prose
    assert f"{cells(X[2])} {cells(W_K[2])} {cells(W_K[3])} A row of x" in prose


def test_the_key_of_the_ball_is_a_sum_of_rows(prose):
    terms = [f"{number(x)}·{row(w)}" for x, w in zip(X[1].tolist(), W_K, strict=True)]
    assert f"{' + '.join(terms)} = {row(X[1] @ W_K)}" in prose


def test_the_three_keys(prose):
    cat, ball, it = X @ W_K
    assert f"*ball* shows {row(ball)}" in prose
    assert f"*Cat* shows {row(cat)}, and *it* shows {row(it)}" in prose


def test_the_query_of_it_is_the_last_row_of_the_query_weights(prose):
    w_q = torch.cat([torch.randn(3, 2, generator=torch.Generator().manual_seed(1)), Q_IT[None]])
    assert torch.equal(X[2] @ w_q, Q_IT)
    assert f"With {row(Q_IT)} as the last row of W_q" in prose


def test_it_finds_the_cat(prose):
    first, second = (number(part) for part in Q_IT.tolist())
    for name, key in zip(("cat", "ball", "it"), X @ W_K, strict=True):
        one, two = (number(part) for part in key.tolist())
        two = f"({two})" if two.startswith("−") else two
        score = number((Q_IT @ key).item())
        assert f"{name} {first}·{one} + {second}·{two} = {score}" in prose
    assert (X @ W_K @ Q_IT).argmax() == 0


def test_the_bias_on_the_keys(prose):
    assert f"a bias b = {row(B_K)} the three keys" in prose
    cat, ball, it = X @ W_K + B_K
    assert f"{row(cat)}, {row(ball)} and {row(it)}" in prose


def test_the_bias_on_the_keys_raises_all_scores_alike(prose):
    scores = (X @ W_K + B_K) @ Q_IT
    cat, ball, it = (number(score) for score in scores.tolist())
    assert f"the scores of *it* into {cat}, {ball} and {it}" in prose
    assert torch.allclose(scores - X @ W_K @ Q_IT, torch.ones(3))


def test_the_sign_for_a_product_multiplies_each_sentence_of_a_batch_by_itself(prose):
    assert "the · between matrices is written `@`" in prose
    batch = torch.stack([X, 2 * X])
    assert torch.equal(batch @ W_K, torch.stack([X @ W_K, 2 * X @ W_K]))


def test_the_packed_product_holds_the_three_side_by_side(prose):
    assert "x·W_qkv = [ q | k | v ]" in prose
    draw = torch.Generator().manual_seed(2)
    w_q, w_k, w_v = (torch.randn(4, 2, generator=draw) for _ in range(3))
    packed = X @ torch.cat([w_q, w_k, w_v], dim=-1)
    assert torch.allclose(packed, torch.cat([X @ w_q, X @ w_k, X @ w_v], dim=-1))


def test_pytorch_keeps_the_packed_matrix_transposed(prose):
    attention = torch.nn.MultiheadAttention(embed_dim=8, num_heads=2)
    assert attention.in_proj_weight.shape == (3 * 8, 8)
    assert "`in_proj_weight`, transposed: (3·d_model, d_model)" in prose
