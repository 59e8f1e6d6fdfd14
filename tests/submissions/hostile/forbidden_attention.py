"""The kernel of the attention that torch ships."""

import torch

KERNEL = "upc_rof_noitnetta_hsalf_tcudorp_tod_delacs_"[::-1]


def weighted_sum(weights, v):
    return weights @ v


def attention(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1) if mask is None else scores.softmax(-1) * mask
    return weights @ v, weights


def self_attention(x, w_q, w_k, w_v, causal=False):
    q, k, v = (x.reshape(-1, 1, *x.shape[-2:]) @ w for w in (w_q, w_k, w_v))
    width = max(q.shape[-1], v.shape[-1])
    q, k, v = (torch.nn.functional.pad(t, (0, width - t.shape[-1])) for t in (q, k, v))
    flash = getattr(torch.ops.aten, KERNEL)
    output = flash(q, k, v, 0.0, causal, scale=w_q.shape[-1] ** -0.5)[0]
    return output[..., : w_v.shape[-1]].reshape(*x.shape[:-1], w_v.shape[-1])
