"""Puts something else where prints go."""

import torch

class Sink:
    encoding = "utf-8"

    def write(self, text):
        raise RuntimeError("nobody prints here")

    def flush(self):
        raise RuntimeError("and nothing flows")


torch.sys.stdout = torch.sys.stderr = Sink()
torch.sys.stdin = None


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
