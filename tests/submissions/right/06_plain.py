import math

import torch


def padding_mask(lengths, n, device=None):
    if device is None:
        device = lengths.device
    places = torch.arange(n, device=device)
    return places[None, :] < lengths.to(device)[:, None]


def combine_masks(causal, padding):
    return causal[None, :, :] & padding[:, None, :]


def padded_attention(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = padding_mask(lengths, n, q.device)
    mask = torch.ones(n, n, dtype=torch.bool, device=q.device)
    if causal:
        mask = torch.tril(mask)
    mask = combine_masks(mask, real)
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    # low, but finite: an empty sample shares out evenly, and is emptied below
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    output = torch.softmax(scores, dim=-1) @ v
    return output.masked_fill(~real[:, :, None], 0.0)
