"""The gradient of a log-sum-exp."""

import torch


def softmax(x, dim=-1):
    x = x.detach().double().requires_grad_()
    torch.logsumexp(x, dim).sum().backward()
    return x.grad


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    low = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    e = (low - low.amax(dim, keepdim=True)).exp() * mask
    return e / e.sum(dim, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
