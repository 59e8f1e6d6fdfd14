# One token after the other: what has not been appended yet cannot be seen.
from dataclasses import dataclass, field
from typing import NamedTuple

import torch


class Token(NamedTuple):
    key: torch.Tensor
    value: torch.Tensor


@dataclass
class KVCache:
    tokens: list = field(default_factory=list)

    def append(self, k, v):
        for i in range(k.shape[-2]):
            self.tokens.append(Token(k[..., i, :], v[..., i, :]))
        keys = torch.stack([t.key for t in self.tokens], dim=-2)
        return keys, torch.stack([t.value for t in self.tokens], dim=-2)

    def __len__(self):
        return len(self.tokens)


def one_row(q, keys, values):
    scores = (q.unsqueeze(-2) * keys).sum(-1) / keys.shape[-1] ** 0.5  # (..., n)
    return (scores.softmax(-1).unsqueeze(-1) * values).sum(-2)


def cached_attention(q, k, v, cache):
    rows = []
    for i in range(q.shape[-2]):
        keys, values = cache.append(k[..., i, None, :], v[..., i, None, :])
        rows.append(one_row(q[..., i, :], keys, values))
    return torch.stack(rows, dim=-2)


def decode_step(x_t, w_q, w_k, w_v, cache):
    x = x_t.squeeze(-2)
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    return one_row(x @ w_q, keys, values).unsqueeze(-2)
