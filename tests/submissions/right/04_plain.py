import torch


def softmax(x, dim=-1):
    x = x - x.max(dim=dim, keepdim=True).values
    e = torch.exp(x)
    return e / torch.sum(e, dim=dim, keepdim=True)


def masked_softmax(scores, mask, dim=-1):
    # The lowest number there is instead of minus infinity: an empty row has no NaN, and is
    # set to zero at the end like everything that is hidden.
    lowest = torch.finfo(scores.dtype).min
    weights = softmax(scores.masked_fill(~mask, lowest), dim)
    return weights * mask
