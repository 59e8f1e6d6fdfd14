"""The reference of 07 against judges who have never seen it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conventions import (  # noqa: F401 - they are tests of this file's functions
    test_arguments_are_left_alone,
    test_no_function_is_forgotten,
    test_results_are_where_the_inputs_are,
    test_results_have_the_dtype_of_the_inputs,
)
from .judges import (
    FEW,
    Array,
    Drawn,
    Height,
    Size,
    Yes,
    close,
    everything,
    gradients,
    loop_attention,
    loop_product,
    on_random_shapes,
    torchs_attention,
)

EXERCISES = ("07",)
WITHOUT_TENSORS: set[str] = set()

Parts = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]

# Those of the hidden suite: batch, n_x, n_context, d_model, d_context, d_k, d_v.
SUITE = [
    ((), 4, 4, 4, 4, 4, 4),
    ((), 3, 5, 4, 4, 4, 4),
    ((), 3, 5, 6, 8, 7, 2),
    ((), 1, 4, 5, 2, 3, 6),
    ((), 4, 1, 2, 5, 6, 3),
    ((3,), 3, 3, 3, 3, 3, 3),
    ((3, 3), 3, 3, 3, 3, 3, 3),
    ((2, 3), 4, 5, 6, 7, 3, 8),
]


def texts(draw: Drawn, d_context: int) -> Parts:
    """x, context, and the matrices."""
    x, context = draw.tokens(), draw.normal(*draw.batch, draw.n_k, d_context)
    w_k, w_v = draw.normal(d_context, draw.d_k), draw.normal(d_context, draw.d_v)
    return x, context, draw.normal(draw.d_model, draw.d_k), w_k, w_v


def by_loops(x: Tensor, context: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, m: Tensor) -> Array:
    """The formula, number by number: m is the mask of the context."""
    pairs = (x, w_q), (context, w_k), (context, w_v)
    q, k, v = (torch.from_numpy(loop_product(*pair)) for pair in pairs)
    return loop_attention(q, k, v, m.unsqueeze(-2).expand(*m.shape[:-1], x.shape[-2], -1))[0]


def in_one_place(x: Array, context: Array, w_q: Array, w_k: Array, w_v: Array, m: Array) -> Array:
    """The same for one sample, told from the visible tokens alone."""
    output = np.zeros((x.shape[0], w_v.shape[1]))
    read = context[m]
    for i, token in enumerate(x):
        if not len(read):
            continue
        scores = [np.dot(token @ w_q, other @ w_k) / math.sqrt(w_q.shape[1]) for other in read]
        powers = np.exp(np.array(scores) - max(scores))
        for share, other in zip(powers / powers.sum(), read, strict=True):
            output[i] += share * (other @ w_v)
    return output


def judged(reference: SimpleNamespace, parts: Parts, mask: Tensor | None, near: float) -> None:
    """What the reference says, against loops, single samples, and torch."""
    x, context, w_q, w_k, w_v = parts
    got = reference.cross_attention(*parts, mask)
    seen = everything(*context.shape[:-1]) if mask is None else mask
    assert close(got, by_loops(*parts, seen), near)
    q, k, v = F.linear(x, w_q.T), F.linear(context, w_k.T), F.linear(context, w_v.T)
    assert close(
        got, torchs_attention(q, k, v, None if mask is None else mask[..., None, :])[0], near
    )
    shared = [w.numpy() for w in (w_q, w_k, w_v)]
    for index in np.ndindex(*x.shape[:-2]):
        alone = in_one_place(x[index].numpy(), context[index].numpy(), *shared, seen[index].numpy())
        assert close(got[index], alone, near)


@pytest.mark.parametrize("sizes", SUITE, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_the_formula_holds_on_the_suites_shapes(
    reference: SimpleNamespace, sizes: tuple[Any, ...], masked: bool
) -> None:
    batch, n_x, n_context, d_model, d_context, d_k, d_v = sizes
    draw = Drawn(batch, n_x, n_context, d_k, d_v, d_model, seed=7)
    mask = draw.mask(*batch, n_context) if masked else None
    judged(reference, texts(draw, d_context), mask, 1e-11)


@on_random_shapes(12, d_context=Size, masked=Yes, height=Height)
def test_cross_attention_is_the_formulas_and_torchs(
    reference: SimpleNamespace, draw: Drawn, d_context: int, masked: bool, height: float
) -> None:
    x, *rest = texts(draw, d_context)
    mask = draw.mask(*draw.batch, draw.n_k) if masked else None
    judged(reference, (height * x, *rest), mask, 1e-11 * height)  # errors grow with the scores


@on_random_shapes(FEW, d_context=Size, masked=Yes)
def test_cross_attention_is_torchs_layer_with_one_head(
    reference: SimpleNamespace, draw: Drawn, d_context: int, masked: bool
) -> None:
    d = draw.d_model  # the layer has one width for x, queries and output
    batch = draw.batch[:1] or (1,)
    x, context = draw.normal(*batch, draw.n_q, d), draw.normal(*batch, draw.n_k, d_context)
    w_q, w_k, w_v = draw.normal(d, d), draw.normal(d_context, d), draw.normal(d_context, d)
    mask = draw.mask_without_empty_rows(*batch, draw.n_k) if masked else None
    with torch.random.fork_rng(devices=[]):
        layer = nn.MultiheadAttention(
            d, 1, bias=False, kdim=d_context, vdim=d_context, batch_first=True
        ).double()
    own = [w.T for w in (w_q, w_k, w_v)]
    if d == d_context:  # then it keeps the three in one
        layer.in_proj_weight.data.copy_(torch.cat(own))
    else:
        for name, w in zip("qkv", own, strict=True):
            getattr(layer, f"{name}_proj_weight").data.copy_(w)
    layer.out_proj.weight.data.copy_(torch.eye(d))
    hidden = None if mask is None else ~mask
    expected, _ = layer(x, context, context, key_padding_mask=hidden)
    assert close(reference.cross_attention(x, context, w_q, w_k, w_v, mask), expected, 1e-10)


@on_random_shapes(FEW, d_context=Size, masked=Yes)
def test_cross_attention_has_the_gradients_of_torchs(
    reference: SimpleNamespace, draw: Drawn, d_context: int, masked: bool
) -> None:
    parts = texts(draw, d_context)
    mask = draw.mask_without_empty_rows(*draw.batch, draw.n_k) if masked else None

    def torchs(x: Tensor, context: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
        seen = None if mask is None else mask[..., None, :]
        return torchs_attention(x @ w_q, context @ w_k, context @ w_v, seen)[0]

    got = gradients(lambda *each: reference.cross_attention(*each, mask), *parts)
    for ours, theirs in zip(got, gradients(torchs, *parts), strict=True):
        assert close(ours, theirs, 1e-9)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_cross_attention_has_the_gradients_of_finite_differences_with_nothing_to_read_too(
    reference: SimpleNamespace, batch: tuple[int, ...]
) -> None:
    draw = Drawn(batch, n_q=2, n_k=3, d_k=2, d_v=1, d_model=2, seed=7)
    parts = tuple(part.requires_grad_() for part in texts(draw, d_context=3))
    mask = draw.mask_without_empty_rows(*batch, 3)
    mask[(0,) * len(batch)] = False  # everything, or the first sample
    assert torch.autograd.gradcheck(lambda *each: reference.cross_attention(*each, mask), parts)


@on_random_shapes(FEW, d_context=Size)
def test_hidden_tokens_say_nothing_and_the_context_has_no_order(
    reference: SimpleNamespace, draw: Drawn, d_context: int
) -> None:
    x, context, *weights = texts(draw, d_context)
    mask = draw.mask(*draw.batch, draw.n_k)
    got = reference.cross_attention(x, context, *weights, mask)
    garbage = torch.where(mask[..., None], context, 1e3 * draw.normal(*context.shape))
    assert close(reference.cross_attention(x, garbage, *weights, mask), got, 1e-9)
    order = torch.randperm(draw.n_k, generator=torch.Generator().manual_seed(draw.seed))
    shuffled = context[..., order, :], *weights, mask[..., order]
    assert close(reference.cross_attention(x, *shuffled), got, 1e-9)


@on_random_shapes(FEW, d_context=Size)
def test_a_token_of_x_asks_for_itself(
    reference: SimpleNamespace, draw: Drawn, d_context: int
) -> None:
    x, context, *weights = texts(draw, d_context)
    got = reference.cross_attention(x, context, *weights)
    for i in range(draw.n_q):
        alone = reference.cross_attention(x[..., i : i + 1, :], context, *weights)
        assert close(alone, got[..., i : i + 1, :], 1e-10)


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """Calls of the function, and what they are; the second sample has nothing to read."""
    x, context = draw.normal(2, 3, 5), draw.normal(2, 4, 6)
    w_q, w_k, w_v = draw.normal(5, 4), draw.normal(6, 4), draw.normal(6, 7)
    mask = draw.mask_without_empty_rows(2, 4)
    mask[1] = False
    w_q, w_k = w_q / 4, w_k / 4  # large scores are another matter in half precision
    return {
        "cross_attention": (x, context, w_q, w_k, w_v, mask),
        "cross_attention without a mask": (x, context, w_q, w_k, w_v),
        "cross_attention of one sample": (x[0], context[0], w_q, w_k, w_v, mask[0]),
    }
