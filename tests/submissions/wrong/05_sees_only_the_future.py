import torch
import torch.nn.functional as F


def weighted_sum(weights, v):
    return torch.matmul(weights, v)


def attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) / q.shape[-1] ** 0.5
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = torch.where(mask, F.softmax(scores, -1), 0)
    return weighted_sum(weights, v), weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        t = torch.arange(x.shape[-2], device=x.device)
        mask = t.unsqueeze(0) >= t.unsqueeze(1)
    output, weights = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return output
