# One slice after the other, with a running maximum and a running sum.
import torch


def softmax(x, dim=-1):
    slices = x.unbind(dim)
    top = slices[0]
    for s in slices[1:]:
        top = torch.maximum(top, s)
    top = top.detach()  # the same is taken away everywhere: no gradient goes this way
    exps = [torch.exp(s - top) for s in slices]
    total = exps[0]
    for e in exps[1:]:
        total = total + e
    return torch.stack([e / total for e in exps], dim)


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    pairs = list(zip(scores.unbind(dim), mask.unbind(dim)))
    anything = torch.zeros_like(pairs[0][1])
    top = torch.full_like(pairs[0][0], torch.finfo(scores.dtype).min)
    for s, m in pairs:
        anything = anything | m
        top = torch.where(m, torch.maximum(top, s), top)
    top = top.detach()
    exps = []
    for s, m in pairs:
        # What is hidden is put at the top, so that exp is 1 there and never overflows.
        exps.append(torch.exp(torch.where(m, s, top) - top) * m)
    total = sum(exps)
    total = torch.where(anything, total, torch.ones_like(total))
    return torch.stack([e / total for e in exps], dim)
