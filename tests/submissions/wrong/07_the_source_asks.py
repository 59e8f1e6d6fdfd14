import torch
import torch.nn.functional as F


class CrossAttention:
    def __init__(self, w_q, w_k, w_v):
        self.w_q, self.w_k, self.w_v = w_q, w_k, w_v

    def __call__(self, queries, keys_and_values, mask=None):
        q = queries @ self.w_q
        k, v = keys_and_values @ self.w_k, keys_and_values @ self.w_v
        scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
        if mask is None:
            return F.softmax(scores, dim=-1) @ v
        mask = mask.unsqueeze(-2)
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return (F.softmax(scores, dim=-1) * mask) @ v


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    return CrossAttention(w_q, w_k, w_v)(context, x, context_mask)
