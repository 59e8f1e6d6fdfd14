# In single precision inside, and with a penalty that is added.
from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, einsum


def cross_attention(
    x: Tensor,
    context: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    context_mask: Optional[Tensor] = None,
) -> Tensor:
    inside = torch.promote_types(x.dtype, torch.float32)
    # the scores are x·w_q·w_kᵀ·contextᵀ, whatever is multiplied first
    bilinear = einsum("ad,bd->ab", w_q.to(inside), w_k.to(inside)) * w_q.shape[1] ** -0.5
    scores = einsum("...ia,ab,...jb->...ij", x.to(inside), bilinear, context.to(inside))
    if context_mask is not None:
        blind = ~context_mask.any(-1, keepdim=True)
        penalty = torch.zeros(context_mask.shape, dtype=inside, device=scores.device)
        penalty = penalty.masked_fill(~context_mask & ~blind, -torch.inf)
        weights = (scores + penalty[..., None, :]).softmax(-1) * ~blind[..., None]
    else:
        weights = scores.softmax(-1)
    return einsum("...ij,...jb,bd->...id", weights, context.to(inside), w_v.to(inside)).to(x.dtype)
