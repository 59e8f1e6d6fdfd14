"""Prints 100 MB of colour to stderr."""

import torch

PRINTED = []


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    if not PRINTED:
        PRINTED.append(True)
        for _ in range(100):
            torch.sys.stderr.write("\x1b[31m[bold]" * 100_000)
    return scores.masked_fill(~mask, float("-inf"))
