"""The numbers in the lesson on scaled scores are what they claim to be."""

from __future__ import annotations

import math

import pytest
import torch

Q = torch.tensor([[0.7, -0.5, 0.6], [0.1, 0.9, -0.2]], dtype=torch.float64)
K = torch.tensor([[0.8, 0.6, 0.7], [0.5, -1.0, 0.5], [-0.6, 0.2, 0.0]], dtype=torch.float64)


@pytest.fixture(scope="module")
def quiet() -> torch.Tensor:
    """The three scores of unit size."""
    return torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)


def cells(values: torch.Tensor, places: int = 2) -> str:
    """Numbers as the lesson prints them, with a real minus."""
    return " ".join(f"{value:.{places}f}".replace("-", "−") for value in values.tolist())


def whole(values: torch.Tensor) -> str:
    """Whole numbers as the lesson prints them."""
    return " ".join(f"{value:.0f}".replace("-", "−") for value in values.tolist())


def test_the_dot_product_term_by_term(prose):
    q, k = Q[0], K[0]
    assert "[0.7, −0.5, 0.6] · [0.8, 0.6, 0.7] = 0.7·0.8 + (−0.5)·0.6 + 0.6·0.7" in prose
    first, second, third = (q * k).tolist()
    assert f"= {first:.2f} − {-second:.2f} + {third:.2f} = {(q @ k).item():.2f}" in prose
    assert f"{(q @ k).item():.2f}" == "0.68"


def test_the_matrix_product(prose):
    scores = Q @ K.T
    for i in range(2):
        assert f"{cells(Q[i], 1)} {cells(K.T[i], 1)} {cells(scores[i])}" in prose
    assert f"{cells(scores[1])} {cells(K.T[2], 1)} Row i" in prose


def test_the_wrong_product_would_have_worked(prose):
    assert "so Q·K would have worked too" in prose
    assert (Q @ K).shape == (Q @ K.T).shape
    assert not torch.allclose(Q @ K, Q @ K.T)


def test_the_coins_land_eight_from_zero(prose):
    assert "√64 = 8" in prose
    # The sum of n fair signs is n − 2t after t tails; its variance, without drawing anything.
    n = 64
    variance = sum(math.comb(n, t) * (n - 2 * t) ** 2 for t in range(n + 1)) / 2**n
    assert variance == 64
    assert math.sqrt(variance) == 8


@pytest.mark.parametrize("d_k", [3, 64, 512])
def test_the_variance_of_scores_is_their_width(prose, d_k):
    assert "the scores have variance d_k" in prose
    assert "Divide by √d_k, and the scores have variance 1 again, at any width" in prose
    draw = torch.Generator().manual_seed(5)
    q, k = (torch.randn(4000, d_k, generator=draw, dtype=torch.float64) for _ in range(2))
    scores = (q * k).sum(-1)
    assert scores.var().item() == pytest.approx(d_k, rel=0.15)
    assert (scores / math.sqrt(d_k)).var().item() == pytest.approx(1, rel=0.15)


def test_softmax_of_quiet_and_loud_scores(prose, quiet):
    loud = 8 * quiet
    assert f"scores {whole(quiet)} {whole(loud)}" in prose
    weights = cells(quiet.softmax(0), 3), cells(loud.softmax(0), 4)
    assert f"weights {weights[0]} {weights[1]}" in prose


def test_the_slope_of_the_winner(prose, quiet):
    slopes = []
    for scores in (quiet, 8 * quiet):
        scores = scores.clone().requires_grad_()
        winner = scores.softmax(0)[0]
        (gradient,) = torch.autograd.grad(winner, scores)
        assert gradient[0].item() == pytest.approx((winner * (1 - winner)).item())
        slopes.append(gradient[0].item())
    assert f"{slopes[0]:.3f} for the winner on the left and {slopes[1]:.5f} on" in prose
    assert f"some {round(slopes[0] / slopes[1], -1):.0f} times less" in prose


def test_the_width_of_a_head(prose):
    assert f"512 / 8 = {512 // 8}" in prose
    assert f"√64 = {math.sqrt(64):.0f}, not √512 = {math.sqrt(512):.1f}" in prose
    assert "With d_k = 64 you divide by 8" in prose


def test_the_scaled_matrix(prose):
    scores = Q @ K.T
    scaled = scores / math.sqrt(Q.shape[-1])
    root = f"{math.sqrt(Q.shape[-1]):.3f}"
    assert f"√3 = {root}" in prose
    assert f"{cells(scores[0])} {cells(scaled[0])}" in prose
    assert f"{cells(scores[1])} / {root} = {cells(scaled[1])}" in prose


def test_the_default_scale_of_pytorch_is_a_factor(prose):
    v = torch.eye(3, dtype=torch.float64)
    attend = torch.nn.functional.scaled_dot_product_attention
    scaled = Q @ K.T * (1 / math.sqrt(3))
    assert torch.allclose(attend(Q[None], K[None], v[None])[0], scaled.softmax(-1))
    assert torch.allclose(attend(Q[None], K[None], v[None], scale=1.0)[0], (Q @ K.T).softmax(-1))
    assert "`scale` is a factor, not a divisor: 1/√d_k" in prose
