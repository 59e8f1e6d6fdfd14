"""From Windows, and without a line end at the end."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    """Everything that is not after the query."""
    if n_k is None:
        n_k = n_q
    future = torch.ones((n_q, n_k), dtype=torch.bool, device=device).triu(diagonal=n_k - n_q + 1)
    return torch.logical_not(future)


def apply_mask(scores, mask):
    result = scores.clone()
    result[~mask.expand_as(scores)] = -torch.inf
    return result