"""Lists of lists, and a mask that is added."""

import torch


def may_attend(i, j, n_q, n_k):
    return j - n_k <= i - n_q


def causal_mask(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    rows = []
    for i in range(n_q):
        rows.append([may_attend(i, j, n_q, n_k) for j in range(n_k)])
    # A list without rows does not know how long they would have been.
    return torch.tensor(rows, dtype=torch.bool, device=device).reshape(n_q, n_k)


def apply_mask(scores, mask):
    penalty = torch.zeros_like(scores).masked_fill(~mask, float("-inf"))
    return scores + penalty
