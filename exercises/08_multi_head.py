"""08 · Multi-head attention

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 08    what this is about
    attn-grade check 08     how far you are
    attn-grade hint 08      a nudge, when you are stuck

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. Heads are the slow part of the width: of H heads, head h owns the
columns h·d/H to (h+1)·d/H − 1 of a tensor (..., n, d); with heads it is (..., H, n, d/H). A
mask is boolean, and True means "may attend". Weights multiply from the right: `x @ w`. A
result has the dtype and the device of its inputs, no argument is changed, and gradients
flow through all three functions.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Cut the width of every token into heads.

    x: (..., n, d). n_heads: how many heads there are.

    Returns (..., n_heads, n, d / n_heads): head h holds its own columns of every token.
    Raises ValueError where n_heads does not divide d.
    """
    raise NotImplementedError("Write split_heads here.")


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads of every token side by side again: what undoes split_heads.

    x: (..., n_heads, n, d_head). Returns (..., n, n_heads·d_head), the columns of head 0
    first.
    """
    raise NotImplementedError("Write merge_heads here.")


def multi_head_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Self-attention in several heads side by side, whose outputs are mixed by w_o.

    x: tokens, (..., n, d_model). w_q and w_k: (d_model, n_heads·d_k); w_v: (d_model,
    n_heads·d_v); w_o: (n_heads·d_v, d_model). Each head divides its scores by √d_k, the root
    of its own width; d_k and d_v may differ, and d_model may have nothing to do with them.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros, and there is no
    NaN in the result, nor in any gradient.
    """
    raise NotImplementedError("Write multi_head_attention here.")
