import math

import torch
import torch.nn.functional as F


def split_heads(x, n_heads):
    if x.shape[-1] % n_heads != 0:
        raise ValueError(f"{n_heads} heads do not divide {x.shape[-1]}")
    return x.unflatten(-1, (n_heads, -1)).transpose(-2, -3)


def merge_heads(x):
    return x.transpose(-2, -3).flatten(-2)


def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is None:
        return F.softmax(scores, dim=-1) @ v
    weights = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
    return weights.masked_fill(~mask, 0.0) @ v


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = split_heads(x @ w_q, n_heads)
    k = split_heads(x @ w_k, n_heads)
    v = split_heads(x @ w_v, n_heads)
    return merge_heads(attention(q, k, v, mask)) @ w_o
