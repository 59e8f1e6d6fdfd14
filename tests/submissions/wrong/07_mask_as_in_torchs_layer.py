import math

import torch


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    q, k, v = x @ w_q, context @ w_k, context @ w_v
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(k.size(-1))
    if context_mask is not None:
        # as key_padding_mask: True is padding
        padding = context_mask.unsqueeze(-2)
        scores = scores.masked_fill(padding, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if context_mask is not None:
        weights = weights.masked_fill(padding, 0.0)
    return torch.matmul(weights, v)
