"""The mask that torch ships, by a name that is put together while it runs."""

import torch

MAKER = "ksam_tneuqesbus_erauqs_etareneg"[::-1]


def causal_mask(n_q, n_k=None, device=None):
    mask = getattr(torch.nn.Transformer, MAKER)(n_q, device=device) == 0
    return mask if n_k is None else torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
