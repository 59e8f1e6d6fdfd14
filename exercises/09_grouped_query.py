"""09 · Grouped queries

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 09    what this is about
    attn-grade check 09     how far you are
    attn-grade hint 09      a nudge, when you are stuck

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. Heads are the slow part of the width: of H heads, head h owns the
columns h·d/H to (h+1)·d/H − 1 of a tensor (..., n, d); with heads it is (..., H, n, d/H).
Neighbouring query heads share a key head: of 6 query heads and 2 key heads, the first 3
read key head 0. A mask is boolean, and True means "may attend". Weights multiply from the
right: `x @ w`. A result has the dtype and the device of its inputs, no argument is changed,
and gradients flow through the functions of tensors.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def repeat_kv(x: Tensor, n_rep: int) -> Tensor:
    """Give every query head a key (or value) head of its own, by repeating the few there are.

    x: (..., n_kv, n, d). n_rep: how many query heads share one.

    Returns (..., n_kv·n_rep, n, d): each head n_rep times, copies next to one another.
    """
    raise NotImplementedError("Write repeat_kv here.")


def multi_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention in which all query heads share one head of keys and values.

    x: tokens, (..., n, d_model). w_q: (d_model, n_heads·d_k); w_k: (d_model, d_k);
    w_v: (d_model, d_v); w_o: (n_heads·d_v, d_model). Scores are divided by the root of d_k.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros.
    """
    raise NotImplementedError("Write multi_query_attention here.")


def grouped_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    n_kv_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention in which neighbouring query heads share their keys and values.

    x: tokens, (..., n, d_model). w_q: (d_model, n_heads·d_k);
    w_k: (d_model, n_kv_heads·d_k); w_v: (d_model, n_kv_heads·d_v);
    w_o: (n_heads·d_v, d_model).
    n_kv_heads divides n_heads: n_heads / n_kv_heads query heads share one key head. Scores
    are divided by the root of d_k.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros.
    """
    raise NotImplementedError("Write grouped_query_attention here.")


def kv_cache_bytes(
    n_layers: int, n_kv_heads: int, d_head: int, n_tokens: int, bytes_per_value: int
) -> int:
    """How many bytes the keys and values of a text take, in all layers together.

    n_layers: layers, each with keys and values of its own; n_kv_heads: heads of keys and
    values in each; d_head: the width of one; n_tokens: tokens that are kept;
    bytes_per_value: 2 for half precision, 4 for single.

    Returns an int: bytes, keys and values together.
    """
    raise NotImplementedError("Write kv_cache_bytes here.")
