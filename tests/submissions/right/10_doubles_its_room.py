from __future__ import annotations

import torch
from torch import Tensor


class _Rows:
    """Rows of a tensor with room for more; what was filled once is never written again."""

    def __init__(self, like: Tensor):
        self.n = 0
        self.room = like.new_empty(*like.shape[:-2], 4, like.shape[-1])

    def add(self, rows: Tensor) -> Tensor:
        end = self.n + rows.shape[-2]
        if end > self.room.shape[-2]:
            bigger = torch.empty_like(self.room).repeat_interleave(2 * end // self.room.shape[-2] + 1, dim=-2)
            bigger[..., : self.n, :] = self.room[..., : self.n, :]
            self.room = bigger
        self.room[..., self.n : end, :] = rows
        self.n = end
        return self.room[..., :end, :]


class KVCache:
    keys: _Rows | None = None
    values: _Rows | None = None

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if self.keys is None:
            self.keys, self.values = _Rows(k), _Rows(v)
        return self.keys.add(k), self.values.add(v)

    def __len__(self) -> int:
        return self.keys.n if self.keys is not None else 0


def cached_attention(q: Tensor, k: Tensor, v: Tensor, cache: KVCache) -> Tensor:
    all_k, all_v = cache.append(k, v)
    n, total = q.shape[-2], all_k.shape[-2]
    # old tokens stand open, the piece itself is a triangle
    hidden = q.new_zeros(n, total, dtype=torch.bool)
    hidden[:, total - n :] = torch.ones_like(hidden[:, total - n :]).triu(1)
    scores = torch.matmul(q, all_k.mT).mul(q.shape[-1] ** -0.5)
    return torch.matmul(scores.masked_fill(hidden, torch.finfo(q.dtype).min).softmax(-1), all_v)


def decode_step(x_t: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, cache: KVCache) -> Tensor:
    q, k, v = (x_t @ w for w in (w_q, w_k, w_v))
    return cached_attention(q, k, v, cache)
