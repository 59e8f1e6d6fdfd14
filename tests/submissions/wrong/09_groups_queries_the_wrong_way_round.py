import torch


def repeat_kv(x, n_rep):
    return torch.repeat_interleave(x, n_rep, dim=-3)


def grouped(q, k, v, mask):
    """q: (..., r, g, n, d); k and v: (..., g, n, d)."""
    scores = torch.einsum("...rgid,...gjd->...rgij", q, k) / q.shape[-1] ** 0.5
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        mask = mask[..., None, None, :, :]
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1) * mask
    return torch.einsum("...rgij,...gjd->...irgd", weights, v).flatten(-3)


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q = (x @ w_q).unflatten(-1, (n_heads // n_kv_heads, n_kv_heads, -1)).movedim(-4, -2)
    k, v = ((x @ w).unflatten(-1, (n_kv_heads, -1)).transpose(-3, -2) for w in (w_k, w_v))
    return grouped(q, k, v, mask) @ w_o


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    return grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, 1, mask)


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    return n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
