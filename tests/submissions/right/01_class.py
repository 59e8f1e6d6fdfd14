"""With a dataclass for the three matrices, and a check of one's own at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F


class Parts(NamedTuple):
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor


@dataclass(frozen=True)
class Projection:
    weight: torch.Tensor
    bias: Optional[torch.Tensor] = field(default=None)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        if self.bias is None:
            out = flat.mm(self.weight)
        else:
            out = torch.addmm(self.bias, flat, self.weight)
        return out.reshape(*x.shape[:-1], self.weight.shape[-1])


def project(x, w, b=None):
    return Projection(w, b)(x)


def project_qkv(x, w_q, w_k, w_v):
    parts = Parts(*(Projection(w)(x) for w in (w_q, w_k, w_v)))
    return parts.q, parts.k, parts.v


def project_packed(x, w_qkv, b_qkv=None):
    weights = w_qkv.chunk(3, dim=1)
    biases = (None, None, None) if b_qkv is None else b_qkv.chunk(3)
    return tuple(Projection(w, b)(x) for w, b in zip(weights, biases))


if __name__ == "__main__":
    x, w, b = torch.randn(2, 5, 3), torch.randn(3, 4), torch.randn(4)
    print(torch.allclose(project(x, w, b), F.linear(x, w.T, b), atol=1e-5))
