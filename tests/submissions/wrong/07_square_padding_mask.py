# The mask of exercise 06, where queries and keys were the same tokens.
import torch


def attention(q, k, v, mask=None):
    scores = q @ k.mT * q.size(-1) ** -0.5
    if mask is None:
        return scores.softmax(-1) @ v
    empty = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask & ~empty, -torch.inf)
    return scores.softmax(-1).masked_fill(empty, 0.0) @ v


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    if context_mask is not None:
        real = context_mask
        context_mask = real[..., None, :] & real[..., :, None]
    return attention(x @ w_q, context @ w_k, context @ w_v, context_mask)
