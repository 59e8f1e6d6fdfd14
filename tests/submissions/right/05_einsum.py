from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, einsum


def weighted_sum(weights: Tensor, v: Tensor) -> Tensor:
    return einsum("...qk,...kd->...qd", weights, v)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor] = None):
    scores = einsum("...qd,...kd->...qk", q * q.shape[-1] ** -0.5, k)
    if mask is not None:
        # A penalty to add. A row that sees nothing gets none, and is zeroed afterwards.
        blind = ~mask.any(-1, keepdim=True)
        penalty = torch.zeros_like(scores).masked_fill(~mask & ~blind, -torch.inf)
        weights = (scores + penalty).softmax(-1).masked_fill(blind, 0)
    else:
        weights = scores.softmax(-1)
    return weighted_sum(weights, v), weights


def self_attention(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, causal: bool = False) -> Tensor:
    q, k, v = (einsum("...nd,de->...ne", x, w) for w in (w_q, w_k, w_v))
    where = torch.arange(x.shape[-2], device=x.device)
    mask = where[:, None] >= where[None, :] if causal else None
    return attention(q, k, v, mask)[0]
