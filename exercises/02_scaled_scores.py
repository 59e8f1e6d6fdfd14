"""02 · Scaled scores

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 02    what this is about
    attn-grade check 02     how far you are
    attn-grade hint 02      a nudge, when you are stuck

A token is a row, and `...` stands for any number of leading batch dimensions, none
included. In scores rows are queries and columns are keys. A result has the dtype and
the device of its inputs, no argument is changed, and gradients flow through. Matrix
products of any kind are yours to use; PyTorch's own attention is not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def dot_scores(q: Tensor, k: Tensor) -> Tensor:
    """The dot product of every query with every key.

    q: floating point, (..., n_q, d_k), one query in each row; k: (..., n_k, d_k), one key
    in each row, with the same leading dimensions.

    Returns a tensor (..., n_q, n_k): in row i and column j stands query i times key j.
    """
    raise NotImplementedError("Write dot_scores here.")


def scale_scores(scores: Tensor, d_k: int) -> Tensor:
    """The scores, divided by the square root of d_k.

    scores: floating point, of any shape, mostly (..., n_q, n_k).
    d_k: how wide the queries and keys are that the scores were made from. It cannot be
    read off the scores.

    Returns a new tensor of the shape of the scores.
    """
    raise NotImplementedError("Write scale_scores here.")


def scaled_scores(q: Tensor, k: Tensor) -> Tensor:
    """The dot product of every query with every key, divided by √d_k.

    q: floating point, (..., n_q, d_k); k: (..., n_k, d_k), with the same leading dimensions.

    Returns a tensor (..., n_q, n_k). The width d_k is that of the queries and keys.
    """
    raise NotImplementedError("Write scaled_scores here.")
