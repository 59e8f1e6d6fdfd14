import torch


def softmax(x, dim=-1):
    x = x - x.max(dim=dim, keepdim=True).values
    e = torch.exp(x)
    return e / torch.sum(e, dim=dim, keepdim=True)


def masked_softmax(scores, mask, dim=-1):
    empty = ~mask.any(dim, keepdim=True)
    weights = softmax(scores.masked_fill(~(mask | empty), float("-inf")), dim)
    return weights.masked_fill(empty | ~mask, 0.0)
