"""01 · Query, key, value

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 01    what this is about
    attn-grade check 01     how far you are
    attn-grade hint 01      a nudge, when you are stuck

A token is a row of x, and `...` stands for any number of leading batch dimensions, none
included. Weights multiply from the right: `x @ w`, where w is (d_in, d_out). Weights and
biases always come in as arguments. A result has the dtype and the device of its inputs,
no argument is changed, and gradients flow through to all of them. Matrix products of any
kind are yours to use; `F.linear`, `nn.Linear` and PyTorch's own attention are not.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math

import torch
from torch import Tensor


def project(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Every token's vector, seen through the weights: x @ w, plus the bias if there is one.

    x: floating point, (..., n, d_in), one token in each row.
    w: (d_in, d_out); b: (d_out,), one number for each feature, the same for every token.

    Returns a tensor (..., n, d_out). Without b nothing is added.
    """
    raise NotImplementedError("Write project here.")


def project_qkv(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of the same tokens, each with weights of their own.

    x: floating point, (..., n, d_model).
    w_q, w_k: (d_model, d_k); w_v: (d_model, d_v), where d_v need not be d_k.

    Returns a tuple (q, k, v): q and k are (..., n, d_k), v is (..., n, d_v).
    """
    raise NotImplementedError("Write project_qkv here.")


def project_packed(
    x: Tensor, w_qkv: Tensor, b_qkv: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values from one matrix that holds the weights of all three.

    x: floating point, (..., n, d_model).
    w_qkv: (d_model, 3·d): its first d columns are w_q, the next d are w_k, the last d are
    w_v. b_qkv: (3·d,), the three biases in the same order.

    Returns a tuple (q, k, v), each (..., n, d). Without b_qkv nothing is added.
    """
    raise NotImplementedError("Write project_packed here.")
