"""A module in the manner of torch, without its parameters."""

from __future__ import annotations

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, causal: bool = False):
        super().__init__()
        self.causal = causal
        self.normalise = nn.Softmax(dim=-1)

    def mask_for(self, q, k):
        if not self.causal:
            return None
        n_q, n_k = q.shape[-2], k.shape[-2]
        return q.new_ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)

    def forward(self, q, k, v, mask=None):
        scores = torch.matmul(q, k.mT).div(q.shape[-1] ** 0.5)
        if mask is None:
            mask = self.mask_for(q, k)
        if mask is None:
            mask = torch.ones_like(scores, dtype=torch.bool)
        seen = mask.any(dim=-1, keepdim=True)
        scores = scores.masked_fill(seen & ~mask, -torch.inf)
        weights = self.normalise(scores).where(seen, torch.zeros((), dtype=scores.dtype, device=scores.device))
        return torch.matmul(weights, v), weights


def weighted_sum(weights, v):
    return torch.matmul(weights, v)


def attention(q, k, v, mask=None):
    return Attention()(q, k, v, mask)


def self_attention(x, w_q, w_k, w_v, causal=False):
    y, _ = Attention(causal)(x @ w_q, x @ w_k, x @ w_v)
    return y


if __name__ == "__main__":
    q = torch.randn(2, 5, 8)
    theirs = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
    mine, _ = Attention(causal=True)(q, q, q)
    print((theirs - mine).abs().max())
