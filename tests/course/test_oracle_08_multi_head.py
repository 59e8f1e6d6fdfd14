"""The reference of 08 against judges who have never seen it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

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

EXERCISES = ("08",)
WITHOUT_TENSORS: set[str] = set()

Heads = st.integers(1, 4)


def loop_split(x: Tensor, n_heads: int) -> Array:
    """Column c of head h is column h·d/H + c of the token."""
    *batch, n, d = x.shape
    wide = d // n_heads
    result = np.zeros((*batch, n_heads, n, wide))
    for place in np.ndindex(*batch):
        for h in range(n_heads):
            for i in range(n):
                for c in range(wide):
                    result[(*place, h, i, c)] = x[(*place, i, h * wide + c)]
    return result


def loop_heads(parts: list[Tensor], w_o: Tensor, n_heads: int, mask: Tensor) -> Array:
    """Σ_h head_h · W_O[rows of h], where queries, keys and values are those of all heads."""
    d_v = parts[-1].shape[-1] // n_heads
    mask = mask.expand(*parts[0].shape[:-1], parts[0].shape[-2])
    result = np.zeros((*parts[0].shape[:-1], w_o.shape[-1]))
    for h in range(n_heads):
        own = (part.chunk(n_heads, -1)[h] for part in parts)
        found, _ = loop_attention(*own, mask)
        result += loop_product(torch.from_numpy(found), w_o[h * d_v : (h + 1) * d_v])
    return result


def matrices_of(draw: Drawn, n_heads: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """w_q, w_k, w_v and w_o."""
    of_keys, of_values = n_heads * draw.d_k, n_heads * draw.d_v
    w_q, w_k = draw.normal(draw.d_model, of_keys), draw.normal(draw.d_model, of_keys)
    return w_q, w_k, draw.normal(draw.d_model, of_values), draw.normal(of_values, draw.d_model)


@on_random_shapes(n_heads=Heads)
def test_heads_are_their_own_columns_of_every_token(
    reference: SimpleNamespace, draw: Drawn, n_heads: int
) -> None:
    x = draw.normal(*draw.batch, draw.n_q, n_heads * draw.d_k)
    got = reference.split_heads(x, n_heads)
    assert close(got, loop_split(x, n_heads), 0)
    assert close(got, torch.stack(x.chunk(n_heads, -1), -3), 0)


@on_random_shapes(n_heads=Heads)
def test_to_merge_is_to_lay_heads_side_by_side_and_undoes_the_split(
    reference: SimpleNamespace, draw: Drawn, n_heads: int
) -> None:
    heads = draw.normal(*draw.batch, n_heads, draw.n_q, draw.d_k)
    got = reference.merge_heads(heads)
    assert close(got, torch.cat(heads.unbind(-3), -1), 0)
    assert close(reference.split_heads(got, n_heads), heads, 0)
    assert close(torch.from_numpy(loop_split(got, n_heads)), heads, 0)


@on_random_shapes(n_heads=st.integers(1, 9), d=st.integers(1, 30))
def test_a_width_that_cannot_be_cut_is_a_value_error(
    reference: SimpleNamespace, draw: Drawn, n_heads: int, d: int
) -> None:
    x = draw.normal(*draw.batch, draw.n_q, d)
    if n_heads in [k for k in range(1, d + 1) if k * (d // k) == d]:
        assert reference.split_heads(x, n_heads).shape[-1] * n_heads == d
    else:
        with pytest.raises(ValueError, match=f"{d} cannot be cut into {n_heads}"):
            reference.split_heads(x, n_heads)


@on_random_shapes(20, n_heads=Heads, masked=Yes, shared=Yes)
def test_multi_head_attention_is_the_sum_of_what_its_heads_write(
    reference: SimpleNamespace, draw: Drawn, n_heads: int, masked: bool, shared: bool
) -> None:
    x, weights, n = draw.tokens(), matrices_of(draw, n_heads), draw.n_q
    mask = draw.mask(*(() if shared else draw.batch), n, n) if masked else None
    got = reference.multi_head_attention(x, *weights, n_heads, mask)
    parts = [F.linear(x, w.T) for w in weights[:3]]
    visible = everything(n, n) if mask is None else mask
    assert close(got, loop_heads(parts, weights[3], n_heads, visible), 1e-10)
    cut = (torch.stack(part.chunk(n_heads, -1), -3) for part in parts)
    of_heads = None if mask is None else mask[..., None, :, :]
    found, _ = torchs_attention(*cut, of_heads)
    assert close(got, torch.cat(found.unbind(-3), -1) @ weights[3], 1e-10)


@on_random_shapes(20, n_heads=Heads, width=Size, masked=Yes)
def test_multi_head_attention_is_torchs_layer_with_its_weights_the_other_way_up(
    reference: SimpleNamespace, draw: Drawn, n_heads: int, width: int, masked: bool
) -> None:
    d, n = n_heads * width, draw.n_q
    batch = draw.batch[:1]  # the layer knows one batch dimension, or none
    x, matrices = draw.normal(*batch, n, d), [draw.normal(d, d) for _ in range(4)]
    mask = draw.mask_without_empty_rows(n, n) if masked else None
    layer = torch.nn.MultiheadAttention(
        d, n_heads, bias=False, batch_first=True, dtype=torch.float64
    )
    *qkv, w_o = matrices
    layer.load_state_dict({"in_proj_weight": torch.cat(qkv, -1).T, "out_proj.weight": w_o.T})
    expected, _ = layer(x, x, x, attn_mask=None if mask is None else ~mask)
    got = reference.multi_head_attention(x, *matrices, n_heads, mask)
    assert close(got, expected.detach(), 1e-9)


@on_random_shapes(FEW, n_heads=Heads, masked=Yes)
def test_multi_head_attention_has_the_gradients_of_torchs(
    reference: SimpleNamespace, draw: Drawn, n_heads: int, masked: bool
) -> None:
    x, matrices, n = draw.tokens(), matrices_of(draw, n_heads), draw.n_q
    mask = draw.mask_without_empty_rows(n, n) if masked else None

    def torchs(x: Tensor, *weights: Tensor) -> Tensor:
        *qkv, w_o = weights
        q, k, v = (torch.stack((x @ w).chunk(n_heads, -1), -3) for w in qkv)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return torch.cat(found.unbind(-3), -1) @ w_o

    got = gradients(
        lambda x, *ws: reference.multi_head_attention(x, *ws, n_heads, mask), x, *matrices
    )
    for ours, theirs in zip(got, gradients(torchs, x, *matrices), strict=True):
        assert close(ours, theirs, 1e-9)


@on_random_shapes(2)
def test_the_gradients_are_those_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x = draw.normal(3, 4)
    inputs = [each.requires_grad_() for each in (x, *(draw.normal(4, 4) / 2 for _ in range(4)))]
    mask = draw.mask(3, 3)
    mask[-1] = False
    assert torch.autograd.gradcheck(
        lambda x, *ws: reference.multi_head_attention(x, *ws, 2, mask), inputs
    )
    heads = draw.normal(2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(reference.merge_heads, (heads,))
    assert torch.autograd.gradcheck(lambda x: reference.split_heads(x, 2), (inputs[0],))


def test_nothing_to_attend_to_is_zeros(reference: SimpleNamespace) -> None:
    draw = Drawn(seed=8, n_q=4, d_k=2, d_v=3, d_model=5, batch=(2,))
    mask = draw.mask_without_empty_rows(2, 4, 4)
    mask[1, 2] = False
    got = reference.multi_head_attention(draw.tokens(), *matrices_of(draw, 3), 3, mask)
    assert got.isfinite().all()
    assert (got == 0).all(-1).nonzero().tolist() == [[1, 2]]


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function that takes tensors, and what it is; masks have an empty row."""
    x, mask = draw.normal(2, 3, 6), draw.mask(2, 3, 3)
    mask[1, 1] = False
    w_q, w_k, w_v = draw.normal(6, 4) / 2, draw.normal(6, 4) / 2, draw.normal(6, 8) / 2
    w_o = draw.normal(8, 6) / 3
    return {
        "split_heads": (x, 3),
        "merge_heads": (draw.normal(2, 3, 4, 5),),
        "multi_head_attention": (x, w_q, w_k, w_v, w_o, 2, mask),
        "multi_head_attention without a mask": (x, w_q, w_k, w_v, w_o, 2),
    }
