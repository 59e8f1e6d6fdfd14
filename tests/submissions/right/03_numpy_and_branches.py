"""A mask made by NumPy, and a shortcut that looks at the numbers."""

import numpy as np
import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    triangle = np.tri(n_q, n_k, n_k - n_q, dtype=bool)
    return torch.from_numpy(triangle).to(device or "cpu")


def apply_mask(scores, mask):
    if mask.all():
        return scores.clone()
    hidden = scores.new_full((), -float("inf"))
    return torch.where(mask, scores, hidden)
