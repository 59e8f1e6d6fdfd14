import torch


def weighted_sum(weights, v):
    return torch.einsum("...ij,...jd->...id", weights, v)


def attention(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k)
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1) * mask
    return weighted_sum(weights, v), weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q = q / q.shape[-1] ** 0.5
    n = x.shape[-2]
    mask = torch.arange(n, device=x.device)[:, None] >= torch.arange(n, device=x.device)
    return attention(q, k, v, mask if causal else None)[0]
