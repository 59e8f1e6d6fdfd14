# Head by head.
import torch


def one_head(q, k, v, mask):
    rows = []
    for i in range(q.shape[-2]):
        scores = (q[..., i, None, :] * k).sum(-1) / q.shape[-1] ** 0.5
        if mask is None:
            weights = torch.softmax(scores, -1)
        else:
            m = mask[..., i, :]
            weights = torch.softmax(torch.where(m, scores, torch.finfo(scores.dtype).min), -1) * m
        rows.append((weights[..., None] * v).sum(-2))
    return torch.stack(rows, -2)


def repeat_kv(x, n_rep):
    out = []
    for h in range(x.shape[-3]):
        for _ in range(n_rep):
            out.append(x[..., h, :, :])
    return torch.stack(out, dim=-3)


def multi_query_attention(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d = w_k.shape[1]
    k, v = x @ w_k, x @ w_v
    heads = []
    for h in range(n_heads):
        q = x @ w_q[:, h * d : (h + 1) * d]
        heads.append(one_head(q, k, v, mask))
    return torch.cat(heads, dim=-1) @ w_o


def grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    d_k = w_k.shape[1] // n_kv_heads
    d_v = w_v.shape[1] // n_kv_heads
    output = torch.zeros_like(x)
    for h in range(n_heads):
        g = h * n_kv_heads // n_heads
        q = x @ w_q[:, h * d_k : (h + 1) * d_k]
        k = x @ w_k[:, g * d_k : (g + 1) * d_k]
        v = x @ w_v[:, g * d_v : (g + 1) * d_v]
        output = output + one_head(q, k, v, mask) @ w_o[h * d_v : (h + 1) * d_v]
    return output


def kv_cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    total = 0
    for what in ("keys", "values"):
        total += n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
    return total
