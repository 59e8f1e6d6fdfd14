# Query by query, key by key.
import torch


def weighted_sum(weights, v):
    rows = []
    for i in range(weights.shape[-2]):
        row = torch.zeros_like(v[..., 0, :])
        for j in range(v.shape[-2]):
            row = row + weights[..., i, j, None] * v[..., j, :]
        rows.append(row)
    return torch.stack(rows, -2)


def attention(q, k, v, mask=None):
    d_k = q.shape[-1]
    if mask is not None:
        mask = mask.expand(*q.shape[:-1], k.shape[-2])
    rows = []
    for i in range(q.shape[-2]):
        scores = (q[..., i, None, :] * k).sum(-1) / d_k**0.5
        if mask is None:
            rows.append(torch.softmax(scores, -1))
            continue
        m = mask[..., i, :]
        scores = torch.where(m, scores, torch.finfo(scores.dtype).min)
        rows.append(torch.softmax(scores, -1) * m)
    weights = torch.stack(rows, -2)
    return weighted_sum(weights, v), weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    if not causal:
        return attention(q, k, v)[0]
    outputs = []
    for i in range(x.shape[-2]):  # the past of each token, cut out
        past = slice(0, i + 1)
        outputs.append(attention(q[..., i : i + 1, :], k[..., past, :], v[..., past, :])[0])
    return torch.cat(outputs, dim=-2)
