"""Einsum for the products, and the scale put on the queries before they meet the keys."""
import torch as t


def dot_scores(q: t.Tensor, k: t.Tensor) -> t.Tensor:
    return t.einsum("... q d, ... k d -> ... q k", q, k)


def scale_scores(scores: t.Tensor, d_k: int) -> t.Tensor:
    return scores * d_k**-0.5


def scaled_scores(q: t.Tensor, k: t.Tensor) -> t.Tensor:
    return dot_scores(q * q.shape[-1] ** -0.5, k)
