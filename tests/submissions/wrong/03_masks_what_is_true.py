"""With the convention of nn.MultiheadAttention in both functions, where they nearly cancel."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    rows = torch.arange(n_q, device=device)[:, None] + (n_k - n_q)
    return torch.arange(n_k, device=device)[None] > rows


def apply_mask(scores, mask):
    return torch.where(mask, -torch.inf, scores)
