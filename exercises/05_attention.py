"""05 · Attention

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 05    what this is about
    attn-grade check 05     how far you are
    attn-grade hint 05      a nudge, when you are stuck

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A mask is boolean, and True means "may attend". Weights of a
projection multiply from the right: `x @ w`. A result has the dtype and the device of its
inputs, no argument is changed, and gradients flow through all three functions.

This file starts from nothing: write the earlier steps again where you need them, as
short as you like. Torch's own softmax is free from here on; its attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def weighted_sum(weights: Tensor, v: Tensor) -> Tensor:
    """For each query the sum of all values, each times its weight.

    weights: floating point, (..., n_q, n_k). A row mostly sums to one; a row of zeros is
    allowed and makes a row of zeros.
    v: the values, (..., n_k, d_v), with the batch dimensions of the weights.

    Returns (..., n_q, d_v): row i is weights[i, 0] * v[0] + weights[i, 1] * v[1] + ...
    """
    raise NotImplementedError("Write weighted_sum here.")


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: each query's blend of the values it may attend to.

    q: queries, (..., n_q, d_k); k: keys, (..., n_k, d_k); v: values, (..., n_k, d_v); all
    with the same batch dimensions. n_q and n_k may differ, and so may d_k and d_v.
    mask: boolean, True where a query may attend to a key; (n_q, n_k) or any shape that
    broadcasts to (..., n_q, n_k). None: every query may attend to every key.

    Returns two tensors, in this order:
    output, (..., n_q, d_v): the values, weighted and summed.
    weights, (..., n_q, n_k): the softmax, over the keys, of the scores divided by the
    square root of d_k. What the mask hides weighs exactly 0, and the rest of a row sums
    to one. A query that may attend to nothing gets weights and an output of zeros; there
    is no NaN in the results, nor in any gradient. Large scores do not overflow.
    """
    raise NotImplementedError("Write attention here.")


def self_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, causal: bool = False
) -> Tensor:
    """Attention of a sequence to itself: queries, keys and values are all made from x.

    x: tokens, (..., n, d_model); w_q and w_k: (d_model, d_k); w_v: (d_model, d_v).
    causal: whether a token may attend only to itself and to the tokens before it;
    otherwise every token may attend to all of them.

    Returns the output alone, (..., n, d_v).
    """
    raise NotImplementedError("Write self_attention here.")
