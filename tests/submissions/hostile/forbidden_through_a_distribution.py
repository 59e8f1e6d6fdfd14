"""A distribution, asked for what it is made of."""

import torch


def softmax(x, dim=-1):
    return torch.distributions.Categorical(logits=x.movedim(dim, -1)).probs.movedim(-1, dim)


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    low = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    e = (low - low.amax(dim, keepdim=True)).exp() * mask
    return e / e.sum(dim, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
