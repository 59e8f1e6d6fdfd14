import math

import torch


class KVCache:
    def __init__(self):
        self.k = None
        self.v = None

    def append(self, k, v):
        if self.k is None:
            self.k, self.v = k, v
        else:
            self.k = torch.cat([self.k, k], dim=-2)
            self.v = torch.cat([self.v, v], dim=-2)
        return self.k, self.v

    def __len__(self):
        return 0 if self.k is None else self.k.shape[-2]


def cached_attention(q, k, v, cache):
    k, v = cache.append(k, v)
    n_q, n_k = q.shape[-2], k.shape[-2]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    mask = torch.ones(n_q, n_k, dtype=torch.bool, device=q.device).tril(n_k - n_q)
    return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1) @ v


def decode_step(x_t, w_q, w_k, w_v, cache):
    return cached_attention(x_t @ w_q, x_t @ w_k, x_t @ w_v, cache)
