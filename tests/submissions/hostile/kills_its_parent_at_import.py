"""Kills the process that starts the workers."""

import torch

if __name__ != "__main__":  # by hand that would be your shell
    torch.os.kill(torch.os.getppid(), 9)


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
