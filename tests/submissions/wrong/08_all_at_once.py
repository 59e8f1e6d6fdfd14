# Everything in the last function, with a view at either end.
import torch


def split_heads(x, n_heads):
    d = x.size(-1)
    if d % n_heads:
        raise ValueError(n_heads)
    return x.unflatten(-1, (n_heads, d // n_heads)).movedim(-2, -3)


def merge_heads(x):
    return x.movedim(-3, -2).flatten(-2)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    shape = (*x.shape[:-2], n_heads, x.size(-2), -1)
    q, k, v = ((x @ w).reshape(shape) for w in (w_q, w_k, w_v))
    scores = q @ k.mT * q.size(-1) ** -0.5
    if mask is not None:
        seen = mask[..., None, :, :]
        scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, -1).masked_fill(~seen, 0.0)
    else:
        weights = torch.softmax(scores, -1)
    return (weights @ v).reshape(*x.shape[:-1], -1) @ w_o
