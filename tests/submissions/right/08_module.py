"""A module in the manner of torch, without its parameters."""

from __future__ import annotations

import torch
from torch import nn


def split_heads(x, n_heads):
    batch, n, d = x.shape[:-2], x.shape[-2], x.shape[-1]
    d_head = d // n_heads
    if d_head * n_heads != d:
        raise ValueError("d must be divisible by n_heads")
    return torch.movedim(x.reshape(batch + (n, n_heads, d_head)), -2, -3)


def merge_heads(x):
    x = torch.movedim(x, -3, -2)
    return x.reshape(x.shape[:-2] + (x.shape[-2] * x.shape[-1],))


class MultiHeadAttention(nn.Module):
    def __init__(self, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.normalise = nn.Softmax(dim=-1)

    def weigh(self, scores, mask):
        if mask is None:
            return self.normalise(scores)
        mask = mask.unsqueeze(-3).expand(scores.shape)
        seen = mask.any(dim=-1, keepdim=True)
        weights = self.normalise(scores.masked_fill(seen & ~mask, -torch.inf))
        return torch.where(seen, weights, torch.zeros_like(weights))

    def forward(self, x, w_q, w_k, w_v, w_o, mask=None):
        q, k, v = (split_heads(torch.matmul(x, w), self.n_heads) for w in (w_q, w_k, w_v))
        scores = torch.matmul(q, k.mT).div(q.shape[-1] ** 0.5)
        return torch.matmul(merge_heads(torch.matmul(self.weigh(scores, mask), v)), w_o)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    return MultiHeadAttention(n_heads)(x, w_q, w_k, w_v, w_o, mask)


if __name__ == "__main__":
    layer = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    x = torch.randn(3, 5, 8)
    w_q, w_k, w_v = layer.in_proj_weight.chunk(3)
    theirs, _ = layer(x, x, x)
    mine = multi_head_attention(x, w_q.T, w_k.T, w_v.T, layer.out_proj.weight.T, 2)
    print((theirs - mine).abs().max())
