import torch
import torch.nn.functional as F


def padding_mask(lengths, n, device=None):
    device = device or lengths.device
    return torch.arange(n, device=device)[None, :] < lengths.to(device)[:, None]


def combine_masks(causal, padding):
    return causal & padding[:, None, :]


def padded_attention(q, k, v, lengths, causal=False):
    n = q.size(1)
    mask = padding_mask(lengths, n, q.device)[:, None, :]
    if causal:
        mask = mask & torch.ones(n, n, dtype=torch.bool, device=q.device).tril()
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    scores = scores.masked_fill(~mask, float("-inf"))
    return F.softmax(scores, dim=-1) @ v
