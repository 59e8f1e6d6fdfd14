from typing import NamedTuple

import torch


def weighted_sum(weights, v):
    return weights.matmul(v)


def attention(q, k, v, mask=None):
    scores = q.matmul(k.mT).mul(q.size(-1) ** -0.5)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights, weighted_sum(weights, v)


def self_attention(x, w_q, w_k, w_v, causal=False):
    n = x.shape[-2]
    mask = torch.ones(n, n, device=x.device, dtype=torch.bool).tril() if causal else None
    _, output = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return output
