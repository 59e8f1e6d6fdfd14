import torch


def causal_mask(queries, keys=None, place=None):
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=place).tril(keys - queries)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
