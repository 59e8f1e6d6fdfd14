"""Heads are folded into the batch, and bmm does the rest; the softmax is in single precision at least."""

import torch


def split_heads(x, n_heads):
    n, d = x.shape[-2:]
    if d % n_heads > 0:
        raise ValueError
    return x.transpose(-1, -2).unflatten(-2, (n_heads, d // n_heads)).transpose(-1, -2)


def merge_heads(x):
    return x.transpose(-1, -2).flatten(-3, -2).transpose(-1, -2)


def fold(x):
    return x.flatten(0, -3) if x.dim() > 3 else x


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    *batch, n, _ = x.shape
    q, k, v = (split_heads(x.matmul(w), n_heads) for w in (w_q, w_k, w_v))
    scores = torch.bmm(fold(q), fold(k).transpose(1, 2)) * q.size(-1) ** -0.5
    wide = scores.float() if scores.dtype.itemsize < 4 else scores
    if mask is not None:
        hide = ~mask.expand(*batch, n, n).unsqueeze(-3).repeat_interleave(n_heads, -3)
        hide = fold(hide)
        wide = wide.masked_fill(hide, -1e30)
        weights = wide.softmax(-1).masked_fill(hide, 0).to(x.dtype)
    else:
        weights = wide.softmax(-1).to(x.dtype)
    found = torch.bmm(weights, fold(v)).unflatten(0, (*batch, n_heads))
    return merge_heads(found).matmul(w_o)
