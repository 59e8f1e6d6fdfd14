import math

import torch
import torch.nn.functional as F


def split_heads(x, n_heads):
    *batch, n, d = x.shape
    if d % n_heads != 0:
        raise ValueError("d must be divisible by n_heads")
    return x.contiguous().view(*batch, n_heads, n, d // n_heads)


def merge_heads(x):
    *batch, n_heads, n, d_head = x.shape
    return x.contiguous().view(*batch, n, n_heads * d_head)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = split_heads(x @ w_q, n_heads)
    k = split_heads(x @ w_k, n_heads)
    v = split_heads(x @ w_v, n_heads)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        mask = mask.unsqueeze(-3)
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = F.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask
    return merge_heads(weights @ v) @ w_o
