"""Recursion through the C stack, until that ends."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    nested = ()
    for _ in range(1_000_000):
        nested = (nested,)
    print(hash(nested))
    return scores.masked_fill(~mask, float("-inf"))
