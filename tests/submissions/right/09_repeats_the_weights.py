import math
import torch

def repeat_kv(x, n_rep):
    return torch.kron(x, torch.ones(n_rep, 1, 1, dtype=x.dtype, device=x.device))

def _mha(x, w_q, w_k, w_v, w_o, h, mask):
    def split(w):
        return torch.einsum("...nm,mhd->...hnd", x, w.unflatten(1, (h, -1)))
    q, k, v = split(w_q), split(w_k), split(w_v)
    root = q.shape[-1] ** 0.25
    s = (q / root) @ (k / root).transpose(-1, -2)
    if mask is not None:
        m = mask[..., None, :, :]
        s = s.masked_fill(~m, -1e30 if s.dtype != torch.float16 else -6e4)
        p = torch.exp(s - torch.logsumexp(s, -1, keepdim=True)) * m
    else:
        p = torch.exp(torch.log_softmax(s, -1))
    return torch.einsum("...hij,...hjd,hdm->...im", p, v, w_o.unflatten(0, (h, -1)))

def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    return _mha(x, w_q, w_k.repeat(1, n_heads), w_v.repeat(1, n_heads), w_o, n_heads, mask)

def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    r = n_heads // n_kv_heads
    grow = lambda w: w.unflatten(1, (n_kv_heads, -1)).repeat_interleave(r, dim=1).flatten(1)
    return _mha(x, w_q, grow(w_k), grow(w_v), w_o, n_heads, mask)

def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    return sum(n_kv_heads * d_head * n_tokens * bytes_per_value for _ in range(n_layers) for _ in "kv")
