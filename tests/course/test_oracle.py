"""The references of 01 to 05 against judges who have never seen them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from .conventions import (  # noqa: F401 - they are tests of this file's functions
    test_arguments_are_left_alone,
    test_no_function_is_forgotten,
    test_results_are_where_the_inputs_are,
    test_results_have_the_dtype_of_the_inputs,
)
from .judges import (
    DTYPES,
    FEW,
    AnyHeight,
    Drawn,
    Height,
    Yes,
    close,
    everything,
    gradients,
    loop_attention,
    loop_causal,
    loop_product,
    loop_scores,
    loop_softmax,
    on_random_shapes,
    torchs_attention,
)

EXERCISES = ("01", "02", "03", "04", "05")
WITHOUT_TENSORS = {"causal_mask"}


# -- 01 ------------------------------------------------------------------------------


@on_random_shapes(biased=Yes)
def test_project_is_a_linear_layer_with_its_weight_the_other_way_up(
    reference: SimpleNamespace, draw: Drawn, biased: bool
) -> None:
    x, (w, _, _) = draw.tokens(), draw.weights()
    b = draw.normal(draw.d_k) if biased else None
    got = reference.project(x, w, b)
    assert close(got, F.linear(x, w.T, b))
    assert close(got, loop_product(x, w) + (0 if b is None else b.numpy()))
    assert close(reference.project(x, w), loop_product(x, w))


@on_random_shapes()
def test_project_qkv_gives_queries_keys_and_values_in_this_order(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x, weights = draw.tokens(), draw.weights()
    got = reference.project_qkv(x, *weights)
    assert type(got) is tuple and len(got) == 3
    for part, w in zip(got, weights, strict=True):
        assert close(part, F.linear(x, w.T))
        assert close(part, loop_product(x, w))


@on_random_shapes(biased=Yes)
def test_project_packed_is_project_qkv_from_one_matrix(
    reference: SimpleNamespace, draw: Drawn, biased: bool
) -> None:
    d = draw.d_k
    x, w = draw.tokens(), draw.normal(draw.d_model, 3 * d)
    b = draw.normal(3 * d) if biased else None
    got = reference.project_packed(x, w, b)
    assert type(got) is tuple and len(got) == 3
    for i, part in enumerate(got):
        columns = slice(i * d, (i + 1) * d)
        own_bias = None if b is None else b[columns]
        assert close(part, F.linear(x, w[:, columns].T, own_bias))
        shift = 0 if own_bias is None else own_bias.numpy()
        assert close(part, loop_product(x, w[:, columns]) + shift)


@on_random_shapes(FEW)
def test_projections_have_the_gradients_of_a_linear_layer(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x, w, b = draw.tokens(), draw.normal(draw.d_model, 6), draw.normal(6)
    got = gradients(reference.project, x, w, b)
    packed = gradients(lambda *xwb: torch.cat(reference.project_packed(*xwb), -1), x, w, b)
    expected = gradients(lambda x, w, b: F.linear(x, w.T, b), x, w, b)
    assert all(map(close, got, expected)) and all(map(close, packed, expected))
    inputs = (x, *draw.weights())
    got = gradients(lambda *each: torch.cat(reference.project_qkv(*each), -1), *inputs)
    expected = gradients(lambda x, *ws: torch.cat([F.linear(x, w.T) for w in ws], -1), *inputs)
    assert all(map(close, got, expected))


# -- 02 ------------------------------------------------------------------------------


@on_random_shapes()
def test_scores_are_dot_products_divided_by_the_root_of_the_width(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    q, k, dots = draw.q(), draw.k(), draw.scores()
    assert close(reference.dot_scores(q, k), loop_scores(q, k, 1.0))
    assert close(reference.scaled_scores(q, k), loop_scores(q, k, math.sqrt(draw.d_k)))
    assert close(reference.scale_scores(dots, draw.d_k), dots.numpy() / math.sqrt(draw.d_k))


@on_random_shapes()
def test_scores_are_those_inside_torchs_attention(reference: SimpleNamespace, draw: Drawn) -> None:
    q, k, v = draw.q(), draw.k(), draw.v()
    _, weights = torchs_attention(q, k, v)
    assert close(F.softmax(reference.scaled_scores(q, k), -1), weights)
    _, unscaled = torchs_attention(q, k, v, scale=1.0)
    assert close(F.softmax(reference.dot_scores(q, k), -1), unscaled)


@on_random_shapes(FEW)
def test_scores_have_the_gradients_of_finite_differences(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    q, k, dots = (each.requires_grad_() for each in (draw.q(), draw.k(), draw.scores()))
    assert torch.autograd.gradcheck(reference.dot_scores, (q, k))
    assert torch.autograd.gradcheck(lambda scores: reference.scale_scores(scores, 3), (dots,))
    assert torch.autograd.gradcheck(reference.scaled_scores, (q, k))


# -- 03 ------------------------------------------------------------------------------


@on_random_shapes()
def test_the_causal_mask_obeys_its_inequality(reference: SimpleNamespace, draw: Drawn) -> None:
    got = reference.causal_mask(draw.n_q, draw.n_k)
    assert got.dtype is torch.bool and got.tolist() == loop_causal(draw.n_q, draw.n_k)
    assert reference.causal_mask(draw.n_q).tolist() == loop_causal(draw.n_q, draw.n_q)
    assert reference.causal_mask(draw.n_q, device="meta").device.type == "meta"


@on_random_shapes()
def test_the_causal_mask_is_the_end_of_torchs_square_one(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    n = max(draw.n_q, draw.n_k)
    square = torch.nn.Transformer.generate_square_subsequent_mask(n) == 0
    # The last queries and the last keys; keys before the first token there is are none.
    corner = square[n - draw.n_q :, n - draw.n_k :]
    assert torch.equal(reference.causal_mask(draw.n_q, draw.n_k), corner)


@on_random_shapes(shared=Yes)
def test_a_masked_score_is_minus_infinity_and_any_other_as_it_was(
    reference: SimpleNamespace, draw: Drawn, shared: bool
) -> None:
    scores = draw.scores().round()  # zeros among them
    mask = draw.mask_of_scores(shared)
    got = reference.apply_mask(scores, mask).numpy()
    visible = mask.expand(scores.shape).numpy()
    for index in np.ndindex(*scores.shape):
        assert got[index] == (scores[index].item() if visible[index] else -math.inf)


@on_random_shapes()
def test_masked_scores_make_the_weights_of_torchs_attention(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores = draw.scores()
    mask = draw.mask_without_empty_rows(*scores.shape)
    # Queries that are the scores themselves, and keys that are the axes.
    axes = torch.eye(draw.n_k, dtype=torch.float64).expand(*draw.batch, -1, -1)
    _, expected = torchs_attention(scores, axes, axes, mask, scale=1.0)
    assert close(F.softmax(reference.apply_mask(scores, mask), -1), expected)


@on_random_shapes(FEW)
def test_only_visible_scores_get_a_gradient_and_they_get_all_of_it(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores, mask = draw.scores(), draw.mask_of_scores(shared=True)
    (got,) = gradients(lambda s: reference.apply_mask(s, mask), scores)
    (everywhere,) = gradients(lambda s: 1 * s, scores)
    assert close(got, torch.where(mask, everywhere, 0.0))


# -- 04 ------------------------------------------------------------------------------


@on_random_shapes(FEW, dtype=st.sampled_from(sorted(DTYPES, key=str)))
def test_softmax_is_torchs_along_any_dimension_in_any_dtype(
    reference: SimpleNamespace, draw: Drawn, dtype: torch.dtype
) -> None:
    drawn = draw.normal(*draw.batch, draw.n_k)
    for height in (0.1, 1.0, 1e4):
        x = (height * drawn).to(dtype)
        for dim in range(-x.dim(), x.dim()):
            got = reference.softmax(x, dim)
            assert got.dtype is dtype
            assert close(got, F.softmax(x, dim), DTYPES[dtype])
            assert close(got, loop_softmax(x.double(), everything(*x.shape), dim), DTYPES[dtype])


@on_random_shapes(dim=st.sampled_from([-1, -2]), shared=Yes, height=AnyHeight)
def test_masked_softmax_shares_out_among_what_is_visible(
    reference: SimpleNamespace, draw: Drawn, dim: int, shared: bool, height: float
) -> None:
    scores, mask = height * draw.scores(), draw.mask_of_scores(shared)
    got = reference.masked_softmax(scores, mask, dim)
    assert close(got, loop_softmax(scores, mask, dim))
    assert not got[~mask.expand(got.shape)].any()
    plain = F.softmax(scores.masked_fill(~mask, -math.inf), dim)
    assert close(got, torch.where(mask.any(dim, keepdim=True), plain, 0.0))


@on_random_shapes(data=st.data())
def test_softmax_has_the_gradient_of_torchs(
    reference: SimpleNamespace, draw: Drawn, data: st.DataObject
) -> None:
    x = draw.normal(*draw.batch, draw.n_k)
    dim = data.draw(st.integers(-x.dim(), x.dim() - 1))
    (got,) = gradients(lambda t: reference.softmax(t, dim), x)
    (expected,) = gradients(lambda t: F.softmax(t, dim), x)
    assert close(got, expected)


@on_random_shapes(FEW)
def test_masked_softmax_has_the_gradient_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores, mask = draw.scores().requires_grad_(), draw.mask_of_scores(shared=True)
    mask[-1] = False
    assert torch.autograd.gradcheck(lambda s: reference.masked_softmax(s, mask), (scores,))


# -- 05 ------------------------------------------------------------------------------


@on_random_shapes()
def test_weighted_sum_is_the_sum_of_weight_times_value(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    weights, v = draw.scores(), draw.v()
    got = reference.weighted_sum(weights, v)
    assert close(got, loop_product(weights, v))
    assert close(got, torch.einsum("...qk,...kd->...qd", weights, v))


@on_random_shapes(masked=Yes, shared=Yes, height=Height)
def test_attention_is_torchs_and_the_formulas(
    reference: SimpleNamespace, draw: Drawn, masked: bool, shared: bool, height: float
) -> None:
    q, k, v = height * draw.q(), draw.k(), draw.v()
    mask = draw.mask_of_scores(shared) if masked else None
    got = reference.attention(q, k, v, mask)
    assert type(got) is tuple and len(got) == 2
    tolerance = 1e-12 * height  # rounding errors grow with the scores
    visible = everything(draw.n_q, draw.n_k) if mask is None else mask
    for judge in (loop_attention(q, k, v, visible), torchs_attention(q, k, v, mask)):
        for ours, theirs in zip(got, judge, strict=True):
            assert close(ours, theirs, tolerance)


@on_random_shapes(masked=Yes)
def test_attention_has_the_gradients_of_torchs(
    reference: SimpleNamespace, draw: Drawn, masked: bool
) -> None:
    inputs = (draw.q(), draw.k(), draw.v())
    mask = draw.mask_without_empty_rows(draw.n_q, draw.n_k) if masked else None
    got = gradients(lambda q, k, v: reference.attention(q, k, v, mask)[0], *inputs)
    expected = gradients(lambda q, k, v: torchs_attention(q, k, v, mask)[0], *inputs)
    for ours, theirs in zip(got, expected, strict=True):
        assert close(ours, theirs, 1e-10)


@on_random_shapes(FEW)
def test_attention_has_the_gradients_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    inputs = tuple(each.requires_grad_() for each in (draw.q(), draw.k(), draw.v()))
    mask = draw.mask_of_scores(shared=True)
    mask[-1] = False
    assert torch.autograd.gradcheck(lambda *each: reference.attention(*each, mask), inputs)


@on_random_shapes(causal=Yes)
def test_self_attention_is_torchs_on_three_linear_layers(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    x, weights, n = draw.tokens(), draw.weights(), draw.n_q
    got = reference.self_attention(x, *weights, causal=causal)
    q, k, v = (F.linear(x, w.T) for w in weights)
    assert close(got, torchs_attention(q, k, v, is_causal=causal)[0], 1e-10)
    mask = torch.tensor(loop_causal(n, n)) if causal else everything(n, n)
    parts = (torch.from_numpy(loop_product(x, w)) for w in weights)
    assert close(got, loop_attention(*parts, mask)[0], 1e-10)


# -- what holds for all of them ------------------------------------------------------


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function that takes tensors, and what it is; masks have an empty row."""
    x, w, b = draw.normal(2, 3, 5), draw.normal(5, 4), draw.normal(4)
    q, k, v = draw.normal(2, 3, 5), draw.normal(2, 4, 5), draw.normal(2, 4, 6)
    scores, mask = draw.normal(2, 3, 4), draw.mask(3, 4)
    mask[1] = False
    return {
        "project": (x, w, b),
        "project without a bias": (x, w),
        "project_qkv": (x, w, w + 1, draw.normal(5, 6)),
        "project_packed": (x, draw.normal(5, 12), draw.normal(12)),
        "dot_scores": (q, k),
        "scale_scores": (scores, 5),
        "scaled_scores": (q, k),
        "apply_mask": (scores, mask),
        "softmax along the rows": (scores, 1),
        "masked_softmax": (scores, mask),
        "weighted_sum": (scores, v),
        "attention": (q, k, v, mask),
        "attention without a mask": (q, k, v),
        "self_attention": (x, w, w + 1, draw.normal(5, 6), True),
    }
