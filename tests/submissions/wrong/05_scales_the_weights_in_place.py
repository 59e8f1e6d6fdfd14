import math

import torch
import torch.nn.functional as F


def weighted_sum(weights, v):
    return weights @ v


def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        weights = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
    return weighted_sum(weights, v), weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    w_q /= 2.0
    n = x.shape[-2]
    mask = torch.ones(n, n, dtype=torch.bool, device=x.device).tril() if causal else None
    output, _ = attention(2.0 * (x @ w_q), x @ w_k, x @ w_v, mask)
    return output
