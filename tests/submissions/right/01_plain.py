"""The three projections, as one would write them down first."""

from __future__ import annotations

import torch
from torch import Tensor


def project(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    y = torch.matmul(x, w)
    if b is not None:
        y = y + b
    return y


def project_qkv(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return x @ w_q, x @ w_k, x @ w_v


def project_packed(x: Tensor, w_qkv: Tensor, b_qkv: Tensor | None = None):
    d = w_qkv.shape[1] // 3
    y = project(x, w_qkv, b_qkv)
    return y[..., :d], y[..., d : 2 * d], y[..., 2 * d :]
