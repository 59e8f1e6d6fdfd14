"""The exponential of a loss."""

import torch


def softmax(x, dim=-1):
    return torch.stack([
        torch.exp(-torch.nn.functional.cross_entropy(x.movedim(dim, 1), torch.full((len(x),), i), reduction="none"))
        for i in range(x.shape[dim])
    ], dim)


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    low = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    e = (low - low.amax(dim, keepdim=True)).exp() * mask
    return e / e.sum(dim, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
