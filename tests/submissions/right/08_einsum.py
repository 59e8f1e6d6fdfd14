"""The heads are an index of the matrices, and nothing is ever transposed."""

from __future__ import annotations

import torch
from torch import Tensor, einsum


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    width, rest = divmod(x.shape[-1], n_heads)
    if rest:
        raise ValueError("the number of heads must divide the width")
    return einsum("...nhd->...hnd", x.unflatten(-1, (n_heads, width)))


def merge_heads(x: Tensor) -> Tensor:
    return einsum("...hnd->...nhd", x).flatten(start_dim=-2)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    w_q, w_k, w_v = (w.unflatten(1, (n_heads, -1)) for w in (w_q, w_k, w_v))
    w_o = w_o.unflatten(0, (n_heads, -1))
    q, k, v = (einsum("...nm,mhd->...hnd", x, w) for w in (w_q, w_k, w_v))
    scores = einsum("...hid,...hjd->...hij", q * q.shape[-1] ** -0.5, k)
    if mask is not None:
        seen = mask[..., None, :, :]
        blind = ~seen.any(-1, keepdim=True)
        penalty = torch.zeros_like(scores).masked_fill(~seen & ~blind, -torch.inf)
        weights = (scores + penalty).softmax(-1).masked_fill(blind, 0)
    else:
        weights = scores.softmax(-1)
    # each head writes through rows of its own, and what they write is added up
    return einsum("...hij,...hjd,hdm->...im", weights, v, w_o)
