import torch
import torch.nn.functional as F


def repeat_kv(x, n_rep):
    *lead, n_kv, n, d = x.shape
    return x.unsqueeze(-3).expand(*lead, n_kv, n_rep, n, d).reshape(*lead, n_kv * n_rep, n, d)


def softmax_where(scores, mask):
    if mask is None:
        return F.softmax(scores, dim=-1)
    shares = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
    return shares.masked_fill(~mask, 0.0)


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = (x @ w_q).unflatten(-1, (n_heads, -1)).transpose(-3, -2)
    k, v = (x @ w_k).unsqueeze(-3), (x @ w_v).unsqueeze(-3)
    scores = q @ k.mT / x.shape[-1] ** 0.5
    weights = softmax_where(scores, None if mask is None else mask.unsqueeze(-3))
    return (weights @ v).transpose(-3, -2).flatten(-2) @ w_o


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q = (x @ w_q).unflatten(-1, (n_heads, -1)).transpose(-3, -2)
    q = q.unflatten(-3, (n_kv_heads, -1))  # (..., groups, heads in each, n, d)
    k, v = ((x @ w).unflatten(-1, (n_kv_heads, -1)).transpose(-3, -2) for w in (w_k, w_v))
    scores = q @ k.unsqueeze(-3).mT / q.shape[-1] ** 0.5
    weights = softmax_where(scores, None if mask is None else mask.unsqueeze(-3))
    found = (weights @ v.unsqueeze(-3)).flatten(-4, -3)
    return found.transpose(-3, -2).flatten(-2) @ w_o


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value // 1
