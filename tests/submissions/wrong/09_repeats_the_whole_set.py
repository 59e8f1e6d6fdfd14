import math

import torch


def repeat_kv(x, n_rep):
    times = [1] * x.dim()
    times[-3] = n_rep
    return x.repeat(*times)


def heads(x, w, count):
    return (x @ w).unflatten(-1, (count, -1)).transpose(-3, -2)


def attend(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is None:
        return torch.softmax(scores, dim=-1) @ v
    mask = mask.unsqueeze(-3)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return (torch.softmax(scores, dim=-1) * mask) @ v


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = heads(x, w_k, 1), heads(x, w_v, 1)
    out = attend(heads(x, w_q, n_heads), k, v, mask)
    return out.transpose(-3, -2).flatten(-2) @ w_o


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    k = repeat_kv(heads(x, w_k, n_kv_heads), n_rep)
    v = repeat_kv(heads(x, w_v, n_kv_heads), n_rep)
    out = attend(heads(x, w_q, n_heads), k, v, mask)
    return out.transpose(-3, -2).flatten(-2) @ w_o


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    return n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value * 2
