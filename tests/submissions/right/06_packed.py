"""All real tokens end to end in one sequence; who belongs to whom is a mask."""

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, n: int, device=None) -> Tensor:
    device = device if device is not None else lengths.device
    # Row L of a triangle with an extra column is the mask of a sample of length L.
    rows = torch.ones(n + 1, n, dtype=torch.bool, device=device).tril(-1)
    return rows[lengths.to(device).long()]


def combine_masks(causal: Tensor, padding: Tensor) -> Tensor:
    hidden = ~causal.unsqueeze(0) | ~padding.unsqueeze(1)
    return ~hidden


def padded_attention(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool = False) -> Tensor:
    batch, n, d_k = q.shape
    real = padding_mask(lengths, n, q.device)
    sample, place = real.nonzero(as_tuple=True)
    mask = sample[:, None] == sample[None, :]
    if causal:
        mask = mask & (place[:, None] >= place[None, :])
    scores = q[real] @ k[real].mT / d_k**0.5
    weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
    output = v.new_zeros(batch, n, v.shape[-1])
    return output.index_put((sample, place), weights @ v[real])
