import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.tril(torch.ones(n_q, n_k, device=device), diagonal=n_k - n_q) > 0


def apply_mask(scores, mask):
    hidden = mask.logical_not().expand_as(scores)
    result = scores.clone()
    result[hidden] = 0
    return result
