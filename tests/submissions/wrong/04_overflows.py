from __future__ import annotations

import torch


def softmax(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    powers = torch.e**x
    return powers / powers.sum(dim=dim, keepdim=True)


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand_as(scores)
    low = torch.finfo(scores.dtype).min
    s = torch.where(mask, scores, low)
    e = torch.exp(s - s.max(dim, keepdim=True)[0]) * mask
    return e / e.sum(dim, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
