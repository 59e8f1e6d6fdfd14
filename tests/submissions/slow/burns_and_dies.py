"""Burns time at import and in every call, and is gone before anybody has counted."""

import time

import torch


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


burn(0.15)


def causal_mask(n_q, n_k=None, device=None):
    burn(0.05)
    torch.os._exit(1)


def apply_mask(scores, mask):
    burn(0.05)
    return scores.masked_fill(~mask, torch.tensor(float("-inf")))
