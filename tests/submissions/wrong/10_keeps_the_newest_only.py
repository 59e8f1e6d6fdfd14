import torch
import torch.nn.functional as F


class KVCache:
    def __init__(self):
        self.k, self.v = None, None

    def append(self, k, v):
        if self.k is not None:
            torch.cat((self.k, k), dim=-2)
            torch.cat((self.v, v), dim=-2)
        self.k, self.v = k, v
        return self.k, self.v

    def __len__(self):
        return self.k.shape[-2] if self.k is not None else 0


def cached_attention(q, k, v, cache):
    k, v = cache.append(k, v)
    i = torch.arange(k.shape[-2] - q.shape[-2], k.shape[-2], device=q.device)
    visible = torch.arange(k.shape[-2], device=q.device) <= i[:, None]
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~visible, -torch.inf)
    return F.softmax(scores, dim=-1) @ v


def decode_step(x_t, w_q, w_k, w_v, cache):
    q, k, v = x_t @ w_q, x_t @ w_k, x_t @ w_v
    return cached_attention(q, k, v, cache)
