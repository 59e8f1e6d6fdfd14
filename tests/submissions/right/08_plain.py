import math

import torch
import torch.nn.functional as F


def split_heads(x, n_heads):
    if x.shape[-1] % n_heads != 0:
        raise ValueError(f"{n_heads} heads do not divide {x.shape[-1]}")
    return x.view(*x.shape[:-1], n_heads, x.shape[-1] // n_heads).transpose(-2, -3)


def merge_heads(x):
    *batch, n_heads, n, d_head = x.shape
    return x.transpose(-2, -3).contiguous().view(*batch, n, n_heads * d_head)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = split_heads(x @ w_q, n_heads)
    k = split_heads(x @ w_k, n_heads)
    v = split_heads(x @ w_v, n_heads)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        mask = mask.unsqueeze(-3)
        weights = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
    return merge_heads(weights @ v) @ w_o
