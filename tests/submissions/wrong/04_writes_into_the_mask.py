import torch


def softmax(x, dim=-1):
    x = x - x.max(dim=dim, keepdim=True).values
    e = torch.exp(x)
    return e / torch.sum(e, dim=dim, keepdim=True)


def masked_softmax(scores, mask, dim=-1):
    empty = ~mask.expand(scores.shape).any(dim, keepdim=True)
    if mask.shape == scores.shape:
        mask |= empty
    else:
        mask = mask | empty
    return softmax(scores.masked_fill(~mask, float("-inf")), dim).masked_fill(empty | ~mask, 0.0)
