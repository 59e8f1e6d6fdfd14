"""07 · Cross-attention

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 07    what this is about
    attn-grade check 07     how far you are
    attn-grade hint 07      a nudge, when you are stuck

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A mask is boolean, and True means "may attend". Weights of a
projection multiply from the right: `x @ w`. The result has the dtype and the device of its
inputs, no argument is changed, and gradients flow to both sequences and all three weights.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def cross_attention(
    x: Tensor,
    context: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    context_mask: Tensor | None = None,
) -> Tensor:
    """Attention of one sequence to another: each token of x blends what it finds in context.

    x: the tokens that ask, (..., n_x, d_model); context: the tokens that are read,
    (..., n_context, d_context), with the batch dimensions of x.
    w_q: (d_model, d_k); w_k: (d_context, d_k); w_v: (d_context, d_v).
    context_mask: boolean, (..., n_context), with the batch dimensions of context: True on
    the tokens that may be read. None: all of them.

    Returns the output alone, (..., n_x, d_v): scaled dot-product attention, in which the
    scores are divided by the square root of d_k. Nothing is hidden but by context_mask. A
    token with nothing to read gets zeros; there is no NaN, in no gradient either.
    """
    raise NotImplementedError("Write cross_attention here.")
