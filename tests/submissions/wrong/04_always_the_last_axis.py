import torch


def softmax(x, dim=-1):
    top, _ = torch.max(x, -1)
    e = torch.exp(x - top[..., None])
    return e / e.sum(-1)[..., None]


def masked_softmax(scores, mask, dim=-1):
    mask = mask.expand(scores.shape)
    some = mask.any(dim, keepdim=True)
    s = torch.where(mask | ~some, scores, -torch.inf)
    s = s - s.amax(dim, keepdim=True)
    e = s.exp()
    return (e / e.sum(dim, keepdim=True)) * mask
