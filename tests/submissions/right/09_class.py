"""A module in the manner of torch, without its parameters; heads are folded into the batch."""

from __future__ import annotations

import torch
from torch import nn


class GroupedQueryAttention(nn.Module):
    def __init__(self, n_heads: int, n_kv_heads: int | None = None):
        super().__init__()
        self.n_heads = n_heads
        self.n_kv_heads = n_kv_heads or n_heads
        self.normalise = nn.Softmax(dim=-1)

    def fold(self, x, heads):
        """(batch, n, heads·d) -> (batch·heads, n, d)"""
        b, n, width = x.shape
        return (
            x.reshape(b, n, heads, width // heads)
            .permute(0, 2, 1, 3)
            .reshape(b * heads, n, width // heads)
        )

    def forward(self, x, w_q, w_k, w_v, w_o, mask=None):
        shape = x.shape
        b = 1
        for size in shape[:-2]:
            b *= size
        n = shape[-2]
        x = x.reshape(b, n, shape[-1])
        share = self.n_heads // self.n_kv_heads
        q = self.fold(x @ w_q, self.n_heads)
        k = self.fold(x @ w_k, self.n_kv_heads).repeat_interleave(share, dim=0)
        v = self.fold(x @ w_v, self.n_kv_heads).repeat_interleave(share, dim=0)
        scores = torch.bmm(q, k.mT) / q.size(-1) ** 0.5
        if mask is not None:
            if mask.dim() > 2:
                mask = mask.reshape(b, n, n).repeat_interleave(self.n_heads, dim=0)
            seen = mask.any(dim=-1, keepdim=True)
            scores = scores.masked_fill(seen & ~mask, float("-inf"))
            weights = self.normalise(scores) * seen
        else:
            weights = self.normalise(scores)
        y = torch.bmm(weights, v)  # (b·n_heads, n, d_v)
        y = y.reshape(b, self.n_heads, n, y.size(-1)).transpose(1, 2).flatten(2)
        return (y @ w_o).reshape(shape)


def repeat_kv(x, n_rep):
    index = torch.arange(x.size(-3) * n_rep, device=x.device).div(n_rep, rounding_mode="floor")
    return x.index_select(-3, index)


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    return GroupedQueryAttention(n_heads, 1)(x, w_q, w_k, w_v, w_o, mask)


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    return GroupedQueryAttention(n_heads, n_kv_heads)(x, w_q, w_k, w_v, w_o, mask)


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    import math

    return math.prod((2, n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value))


if __name__ == "__main__":
    q, kv = torch.randn(2, 6, 5, 4), torch.randn(2, 3, 5, 4)
    print(nn.functional.scaled_dot_product_attention(q, kv, kv, enable_gqa=True).shape)
