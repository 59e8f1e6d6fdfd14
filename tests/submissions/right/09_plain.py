import math

import torch
import torch.nn.functional as F


def attend(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        mask = mask.unsqueeze(-3)
        weights = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ v


def split(x, n_heads):
    return x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads).transpose(-3, -2)


def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep, dim=-3)


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = split(x @ w_q, n_heads)
    k = (x @ w_k).unsqueeze(-3)
    v = (x @ w_v).unsqueeze(-3)
    output = attend(q, k, v, mask)  # the one key head broadcasts
    return output.transpose(-3, -2).flatten(-2) @ w_o


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    q = split(x @ w_q, n_heads)
    k = repeat_kv(split(x @ w_k, n_kv_heads), n_rep)
    v = repeat_kv(split(x @ w_v, n_kv_heads), n_rep)
    output = attend(q, k, v, mask)
    return output.transpose(-3, -2).flatten(-2) @ w_o


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
