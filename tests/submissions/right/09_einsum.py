"""Queries in groups; nothing is ever repeated."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, einsum


def repeat_kv(x: Tensor, n_rep: int) -> Tensor:
    *batch, n_kv, n, d = x.shape
    if n_rep == 1:
        return x
    return (
        x[..., :, None, :, :].expand(*batch, n_kv, n_rep, n, d).reshape(*batch, n_kv * n_rep, n, d)
    )


def multi_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    mask: Optional[Tensor] = None,
) -> Tensor:
    return grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, 1, mask)


def grouped_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    n_kv_heads: int,
    mask: Optional[Tensor] = None,
) -> Tensor:
    d_k = w_q.shape[1] // n_heads
    d_v = w_o.shape[0] // n_heads
    # g groups, r heads in each
    w_q = (
        w_q.view(-1, n_kv_heads, n_heads // n_kv_heads, d_k)
        if w_q.is_contiguous()
        else w_q.reshape(-1, n_kv_heads, n_heads // n_kv_heads, d_k)
    )
    q = einsum("...nm,mgrd->...grnd", x, w_q)
    k = einsum("...nm,mgd->...gnd", x, w_k.reshape(-1, n_kv_heads, d_k))
    v = einsum("...nm,mgd->...gnd", x, w_v.reshape(-1, n_kv_heads, d_v))
    scores = einsum("...grid,...gjd->...grij", q, k) * d_k**-0.5
    if mask is not None:
        blind = ~mask.any(-1, keepdim=True)
        penalty = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(
            ~mask & ~blind, -torch.inf
        )
        weights = (scores + penalty[..., None, None, :, :]).softmax(-1)
        weights = weights.masked_fill(blind[..., None, None, :, :], 0)
    else:
        weights = scores.softmax(-1)
    found = einsum("...grij,...gjd->...igrd", weights, v)
    rows = w_o.reshape(n_kv_heads, n_heads // n_kv_heads, d_v, -1)
    return einsum("...igrd,grdm->...im", found, rows)


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    vector = d_head * bytes_per_value
    keys = values = n_layers * n_tokens * n_kv_heads * vector
    return keys + values
