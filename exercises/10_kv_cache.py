"""10 · KV cache

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 10    what this is about
    attn-grade check 10     how far you are
    attn-grade hint 10      a nudge, when you are stuck

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A text comes in pieces: the newest tokens are the queries, and
every token so far is a key. So the *last* query is the same token as the *last* key. Weights
multiply from the right: `x @ w`. A result has the dtype and the device of its inputs; no
argument is changed but the cache, whose business that is.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not, and neither is NumPy.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


class KVCache:
    """The keys and values of all tokens so far; empty when it is made."""

    def __init__(self) -> None:
        raise NotImplementedError("Write KVCache.__init__ here.")

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new tokens, and return all there are by now.

        k: keys, (..., n_new, d_k); v: values, (..., n_new, d_v); with the batch dimensions,
        widths and dtypes of those before. n_new may be any number; where tokens are held, 0 too.

        Returns keys (..., n, d_k) and values (..., n, d_v) of all n tokens so far, the
        oldest first. What was returned earlier never changes.
        """
        raise NotImplementedError("Write KVCache.append here.")

    def __len__(self) -> int:
        """How many tokens it holds."""
        raise NotImplementedError("Write KVCache.__len__ here.")


def cached_attention(q: Tensor, k: Tensor, v: Tensor, cache: KVCache) -> Tensor:
    """Causal attention of the newest tokens over all tokens so far.

    q and k: (..., n_new, d_k); v: (..., n_new, d_v): queries, keys and values of the newest
    tokens, of any number n_new; cache: holds the tokens before them, and these afterwards.

    Returns (..., n_new, d_v): each new token attends to itself and to every token before it,
    in the cache or in this piece. However a text is cut into pieces, the outputs are the
    same.
    """
    raise NotImplementedError("Write cached_attention here.")


def decode_step(x_t: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, cache: KVCache) -> Tensor:
    """Attention for one new token, with the keys and values of those before it from a cache.

    x_t: the new token, (..., 1, d_model); w_q and w_k: (d_model, d_k); w_v: (d_model, d_v);
    cache: holds the tokens before it, and this one afterwards.

    Returns (..., 1, d_v). What is multiplied and added for one step grows linearly with the
    tokens held: d_k + d_v multiply-adds for each, and a constant for the new one.
    """
    raise NotImplementedError("Write decode_step here.")
