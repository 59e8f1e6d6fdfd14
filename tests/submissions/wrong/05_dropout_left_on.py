import torch
import torch.nn.functional as F


def weighted_sum(weights, v):
    return weights @ v


def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = F.dropout(F.softmax(scores, dim=-1).nan_to_num(0.0), p=0.5)
    return weighted_sum(weights, v), weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    n = x.size(-2)
    mask = torch.ones(n, n, dtype=torch.bool, device=x.device).tril() if causal else None
    return attention(x @ w_q, x @ w_k, x @ w_v, mask)[0]
