# All batch axes folded into one, products with bmm and weights by hand.
import torch


def fold(t):
    return t.reshape(t.shape[:-2].numel(), *t.shape[-2:])


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    *batch, n_x, _ = x.shape
    n_context = context.shape[-2]
    q, k, v = fold(x @ w_q), fold(context @ w_k), fold(context @ w_v)
    start = q.new_zeros(q.shape[0], n_x, n_context)
    scores = torch.baddbmm(start, q, k.mT, alpha=q.shape[-1] ** -0.5)
    if context_mask is None:
        keep = torch.ones_like(scores)
    else:
        keep = context_mask.reshape(-1, 1, n_context).to(scores.dtype)
    top = scores.detach().masked_fill(keep == 0, torch.finfo(scores.dtype).min)
    top = top.amax(-1, keepdim=True)
    powers = torch.exp(torch.where(keep == 1, scores - top, -torch.inf))
    total = powers.sum(-1, keepdim=True)
    weights = powers / torch.where(total == 0, 1.0, total)
    return torch.bmm(weights, v).reshape(*batch, n_x, v.shape[-1])
