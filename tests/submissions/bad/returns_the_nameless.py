"""Returns an object of a class without a name."""

import torch


def causal_mask(n_q, n_k=None, device=None):
    return type("", (), {"__module__": "builtins"})()


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
