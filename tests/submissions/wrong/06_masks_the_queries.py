import math

import torch


def padding_mask(lengths, n, device=None):
    positions = torch.arange(n, device=lengths.device if device is None else device)
    return positions.unsqueeze(0) < lengths.to(positions.device).unsqueeze(1)


def combine_masks(causal, padding):
    padding = padding.unsqueeze(2)  # (batch, n, 1)
    return torch.logical_and(causal.unsqueeze(0), padding)


def padded_attention(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padding = padding_mask(lengths, n, q.device)
    look = torch.ones(n, n, device=q.device, dtype=torch.bool)
    if causal:
        look = look.tril()
    mask = combine_masks(look, padding)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
    out = weights @ v
    return out * padding.unsqueeze(2)
