"""Grouped is multi-query once for each group, and the groups' contributions added up.

In multi-query attention all heads stand below one another, as if they were more queries.
"""

import torch


def repeat_kv(x, n_rep):
    return torch.stack([x] * n_rep, dim=-3).flatten(-4, -3)


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k = x @ w_k  # (..., n, d_k)
    v = x @ w_v
    q = torch.cat((x @ w_q).chunk(n_heads, dim=-1), dim=-2)  # (..., n_heads·n, d_k)
    scores = (q / k.shape[-1] ** 0.5) @ k.mT
    if mask is not None:
        mask = torch.cat([mask] * n_heads, dim=-2)
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    found = (weights @ v).chunk(n_heads, dim=-2)
    return torch.cat(found, dim=-1) @ w_o


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    q, k, v = (w.chunk(n_kv_heads, dim=1) for w in (w_q, w_k, w_v))
    o = w_o.chunk(n_kv_heads, dim=0)
    return sum(
        multi_query_attention(x, q[g], k[g], v[g], o[g], n_rep, mask) for g in range(n_kv_heads)
    )


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    per_token = 2 * n_layers * (n_kv_heads * d_head) * bytes_per_value
    return per_token * n_tokens
