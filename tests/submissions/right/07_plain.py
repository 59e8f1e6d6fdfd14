import math

import torch
import torch.nn.functional as F


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    q = x @ w_q
    k = context @ w_k
    v = context @ w_v
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if context_mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        hidden = ~context_mask.unsqueeze(-2)
        weights = F.softmax(scores.masked_fill(hidden, torch.finfo(scores.dtype).min), dim=-1)
        weights = weights.masked_fill(hidden, 0.0)
    return weights @ v
