import torch


def softmax(x, dim=-1):
    e = (x - x.amax(dim, True)).exp()
    return e / e.sum(dim, True)


def masked_softmax(scores, mask, dim=-1):
    floor = torch.full_like(scores, torch.finfo(scores.dtype).min)
    return softmax(torch.where(mask, scores, floor), dim)
