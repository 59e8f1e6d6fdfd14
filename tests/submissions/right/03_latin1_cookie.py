# -*- coding: latin-1 -*-
# Für Jörg, der noch immer so speichert.
import torch


def causal_mask(n_q, n_k=None, device=None):
    größe = n_q if n_k is None else n_k
    return torch.tril(torch.ones(n_q, größe, dtype=torch.bool, device=device), größe - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(mask.logical_not(), float("-inf"))
