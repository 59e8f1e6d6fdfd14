"""06 · Padding mask

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 06    what this is about
    attn-grade check 06     how far you are
    attn-grade hint 06      a nudge, when you are stuck

Rows are queries, columns are keys, and a mask is boolean: True means "may attend". Samples
of a batch are padded at the end, to a common number of places n. A result has the dtype and
the device of its inputs, no argument is changed, and gradients flow to queries, keys and
values.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, n: int, device: torch.device | str | None = None) -> Tensor:
    """True on the real tokens of each sample, False on its padding.

    lengths: integers, (batch,): how many tokens of each sample are real, from 0 to n. They
    come first, the padding after them.
    n: how many places every sample has.
    device: where the mask is made; None: where the lengths are.

    Returns a boolean tensor, (batch, n).
    """
    raise NotImplementedError("Write padding_mask here.")


def combine_masks(causal: Tensor, padding: Tensor) -> Tensor:
    """True where both masks let a query attend to a key.

    causal: boolean, (n_q, n_k), one for the whole batch: which key each query may see.
    padding: boolean, (batch, n_k): which keys are real. It says nothing of queries.

    Returns a boolean tensor, (batch, n_q, n_k).
    """
    raise NotImplementedError("Write combine_masks here.")


def padded_attention(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention among the real tokens of each sample.

    q and k: (batch, n, d_k); v: (batch, n, d_v); lengths: integers, (batch,), as for
    padding_mask. Query i belongs to the same token as key i and value i.
    causal: whether a token may attend only to itself and to the tokens before it.

    Returns (batch, n, d_v). Padding is attended to by nobody, whatever finite numbers stand in
    it, and the rows of padded queries are zeros. There is no NaN, in no gradient either.
    """
    raise NotImplementedError("Write padded_attention here.")
