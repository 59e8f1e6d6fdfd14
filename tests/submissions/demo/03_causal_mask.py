"""03 · Causal mask: my attempt."""

from __future__ import annotations

import torch
from torch import Tensor


def causal_mask(
    n_q: int, n_k: int | None = None, device: torch.device | str | None = None
) -> Tensor:
    """True where query i may attend to key j: itself and everything before it."""
    if n_k is None:
        n_k = n_q
    queries = torch.arange(n_q, device=device).unsqueeze(1)  # (n_q, 1)
    keys = torch.arange(n_k, device=device).unsqueeze(0)  # (1, n_k)
    # a key may be seen if it does not come after the query
    return keys <= queries


def apply_mask(scores: Tensor, mask: Tensor) -> Tensor:
    """The scores, with -inf wherever the mask is False."""
    return torch.where(mask, scores, float("-inf"))
