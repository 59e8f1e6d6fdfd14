"""04 · Softmax

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 04    what this is about
    attn-grade check 04     how far you are
    attn-grade hint 04      a nudge, when you are stuck

A mask is boolean, and True means "may attend". In scores `(..., n_q, n_k)` rows are
queries and columns are keys; `...` stands for any number of leading batch dimensions,
none included. A result has the dtype and the device of its input, and no argument is
changed. Gradients flow through both functions.

Torch's own softmax is not to be used here, by whatever name: no `softmax`, `log_softmax`,
`logsumexp` or their like, and none of its attention. Exponentials, sums, maxima and
comparisons are yours.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Weights between 0 and 1 that sum to one along `dim`.

    x: floating point (float16, bfloat16, float32 or float64), of any shape; dim: the
    dimension to sum over, counted from the front or, if negative, from the back.

    Returns a tensor of the same shape. However large or small the entries of x are, as
    long as they are finite, so is the result.
    """
    raise NotImplementedError("Write softmax here.")


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the visible scores only; what is hidden gets a weight of exactly 0.

    scores: floating point, finite, of any shape, mostly (..., n_q, n_k).
    mask: boolean, of the same shape or of one that broadcasts to it; dim: a dimension
    of the scores, as in softmax.

    Returns weights of the shape of the scores. Hidden scores leave no trace, however large
    they are. Where the mask hides everything along `dim` all weights are 0, and neither
    they nor any gradient are ever NaN.
    """
    raise NotImplementedError("Write masked_softmax here.")
