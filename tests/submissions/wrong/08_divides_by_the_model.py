import torch


def split_heads(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("no")
    return torch.stack(x.chunk(n_heads, dim=-1), dim=-3)


def merge_heads(x):
    return torch.cat(x.unbind(dim=-3), dim=-1)


def multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_model = x.shape[-1]
    q, k, v = [split_heads(x @ w, n_heads) for w in (w_q, w_k, w_v)]
    scores = torch.einsum("...id,...jd->...ij", q, k) / d_model**0.5
    if mask is None:
        weights = scores.softmax(-1)
    else:
        mask = mask.unsqueeze(-3)
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask
    return merge_heads(weights @ v) @ w_o
