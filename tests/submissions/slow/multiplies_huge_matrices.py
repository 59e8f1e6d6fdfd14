"""Long work inside of torch, which hears of no time limit."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    big = torch.ones(2000, 2000)
    for _ in range(100_000):
        big = (big @ big).clamp(max=1.0)
    return scores.masked_fill(~mask, float("-inf"))
