"""03 · Causal mask

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 03    what this is about
    attn-grade check 03     how far you are
    attn-grade hint 03      a nudge, when you are stuck

Rows are queries, columns are keys. A mask is boolean, and True means "may attend".
`...` stands for any number of leading batch dimensions, none included. A result has
the dtype and the device of what it is made from, and no argument is changed.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def causal_mask(
    n_q: int, n_k: int | None = None, device: torch.device | str | None = None
) -> Tensor:
    """True where query i may attend to key j: itself and everything before it.

    n_q: how many queries there are, n_k: how many keys; as many as queries if not given.
    device: where the mask is made.

    Returns a boolean tensor (n_q, n_k). The last query lines up with the last key, so
    query i sees the keys j <= i + (n_k - n_q). With more queries than keys the first
    rows see nothing: they are False throughout.
    """
    raise NotImplementedError("Write causal_mask here.")


def apply_mask(scores: Tensor, mask: Tensor) -> Tensor:
    """The scores, with -inf wherever the mask is False.

    scores: floating point, (..., n_q, n_k).
    mask: boolean, of the same shape or of one that broadcasts to it, such as (n_q, n_k)
    for a whole batch, or (batch, 1, n_q, n_k) for one mask a sample and any number of heads.

    Returns a new tensor (..., n_q, n_k) with the dtype and device of the scores. Where the
    mask is True the score stays exactly as it was, a score of 0 too, and gradients flow
    back to it.
    """
    raise NotImplementedError("Write apply_mask here.")
