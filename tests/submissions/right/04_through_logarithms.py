"""Log-sum-exp written out, and subtracted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def log_total(x: Tensor, dim: int) -> Tensor:
    top = torch.amax(x, dim, keepdim=True)
    return top + (x - top).exp().sum(dim, keepdim=True).log()


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    wide = x.double()
    return torch.exp(wide - log_total(wide, dim)).to(x.dtype)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    visible = mask.broadcast_to(scores.shape)
    empty = visible.logical_not().all(dim, keepdim=True)
    safe = scores.masked_fill(~(visible | empty), float("-inf"))
    return torch.where(visible, softmax(safe, dim), 0.0)


if __name__ == "__main__":
    x = torch.randn(3, 5)
    print((softmax(x) - F.softmax(x, dim=-1)).abs().max(), x.softmax(-1))
