from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, einsum


def padding_mask(lengths: Tensor, n: int, device: Optional[torch.device] = None) -> Tensor:
    where = lengths.device if device is None else device
    tokens = torch.ones(len(lengths), n, dtype=torch.long, device=where)
    return tokens.cumsum(-1).le(lengths.to(where).reshape(-1, 1))


def combine_masks(causal: Tensor, padding: Tensor) -> Tensor:
    return einsum("qk,bk->bqk", causal.float(), padding.float()).bool()


def padded_attention(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool = False) -> Tensor:
    n = q.size(-2)
    real = padding_mask(lengths, n, q.device)
    order = torch.arange(n, device=q.device)
    allowed = order[:, None] >= order if causal else order[:, None] >= -1
    seen = combine_masks(allowed, real) & real.unsqueeze(-1)
    scores = einsum("bqd,bkd->bqk", q, k) * q.size(-1) ** -0.5
    if scores.dtype != torch.float64:
        scores = scores.float()  # half precision is summed up in single
    powers = scores - scores.masked_fill(~seen, 0).amax(-1, keepdim=True)
    powers = powers.masked_fill(~seen, -torch.inf).exp()
    total = powers.sum(-1, keepdim=True)
    weights = (powers / total.where(total > 0, torch.ones_like(total))).to(v.dtype)
    return einsum("bqk,bkd->bqd", weights, v)
