import torch


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    i = torch.arange(n_q, device=device)
    j = torch.arange(n_k, device=device)
    return i[:, None] >= j[None, :]


def apply_mask(scores, mask):
    return torch.where(mask, scores, float("-inf"))
