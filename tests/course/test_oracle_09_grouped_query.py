"""The reference of 09 against judges who have never seen it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

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
    Yes,
    close,
    everything,
    gradients,
    loop_attention,
    loop_product,
    on_random_shapes,
)

EXERCISES = ("09",)
WITHOUT_TENSORS = {"kv_cache_bytes"}

Few = st.integers(1, 3)  # key heads, and query heads that share one
Whole = st.integers(0, 200)


def weights_of(draw: Drawn, n_kv: int, n_rep: int) -> tuple[Tensor, ...]:
    """w_q, w_k, w_v and w_o."""
    widths = (n_kv * n_rep * draw.d_k, n_kv * draw.d_k, n_kv * draw.d_v)
    w_o = draw.normal(n_kv * n_rep * draw.d_v, draw.d_model)
    return *(draw.normal(draw.d_model, width) for width in widths), w_o


def some_mask(draw: Drawn, kind: str) -> Tensor | None:
    """None, one for all, or one for each sample; with full, empty and broken rows."""
    if kind == "none":
        return None
    return draw.mask(*(() if kind == "shared" else draw.batch), draw.n_q, draw.n_q)


def loop_grouped(
    x: Tensor, weights: tuple[Tensor, ...], n_kv: int, n_rep: int, mask: Tensor | None
) -> Array:
    """Query head after query head, each with the columns that are its own and its group's."""
    w_q, w_k, w_v, w_o = weights
    d_k, d_v = w_k.shape[1] // n_kv, w_v.shape[1] // n_kv
    visible = everything(x.shape[-2], x.shape[-2]) if mask is None else mask
    heads = []
    for h in range(n_kv * n_rep):
        group = math.floor(h / n_rep)
        columns = (
            w_q[:, h * d_k : (h + 1) * d_k],
            w_k[:, group * d_k : (group + 1) * d_k],
            w_v[:, group * d_v : (group + 1) * d_v],
        )
        q, k, v = (torch.from_numpy(loop_product(x, w)) for w in columns)
        heads.append(torch.from_numpy(loop_attention(q, k, v, visible)[0]))
    return loop_product(torch.cat(heads, dim=-1), w_o)


def torchs_grouped(
    x: Tensor, weights: tuple[Tensor, ...], n_kv: int, n_rep: int, mask: Tensor | None
) -> Tensor:
    """Torch's attention, which shares key heads by itself; it wants one batch dimension."""
    w_q, w_k, w_v, w_o = weights
    samples = x.reshape(-1, *x.shape[-2:])
    counts = (n_kv * n_rep, n_kv, n_kv)
    q, k, v = (
        F.linear(samples, w.T).unflatten(-1, (count, -1)).transpose(1, 2)
        for w, count in zip((w_q, w_k, w_v), counts, strict=True)
    )
    if mask is not None:
        mask = mask.expand(*x.shape[:-1], x.shape[-2]).reshape(len(samples), 1, *mask.shape[-2:])
    found = F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    return F.linear(found.transpose(1, 2).flatten(2), w_o.T).reshape(x.shape)


Masks = st.sampled_from(["none", "shared", "each"])


@on_random_shapes(n_kv=Few, n_rep=Few)
def test_repeat_kv_gives_reader_h_the_head_h_over_n_rep(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int
) -> None:
    x = draw.normal(*draw.batch, n_kv, draw.n_k, draw.d_k)
    got = reference.repeat_kv(x, n_rep)
    assert got.shape == (*draw.batch, n_kv * n_rep, draw.n_k, draw.d_k)
    for h in range(n_kv * n_rep):
        assert torch.equal(got[..., h, :, :], x[..., h // n_rep, :, :])
    assert torch.equal(got, torch.kron(x, torch.ones(n_rep, 1, 1, dtype=x.dtype)))


@on_random_shapes(n_kv=Few, n_rep=Few)
def test_the_gradient_of_repeat_kv_is_the_sum_over_the_copies(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int
) -> None:
    x = draw.normal(*draw.batch, n_kv, draw.n_k, draw.d_k)
    (got,) = gradients(lambda t: reference.repeat_kv(t, n_rep), x)
    count = x.numel() * n_rep
    sent = torch.linspace(-1, 2, count, dtype=x.dtype).reshape(*x.shape[:-2], n_rep, *x.shape[-2:])
    assert close(got, sent.sum(-3))


@on_random_shapes(20, n_kv=Few, n_rep=Few, kind=Masks)
def test_grouped_query_attention_is_torchs_and_the_formulas(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int, kind: str
) -> None:
    x, weights, mask = draw.tokens(), weights_of(draw, n_kv, n_rep), some_mask(draw, kind)
    got = reference.grouped_query_attention(x, *weights, n_kv * n_rep, n_kv, mask)
    assert close(got, loop_grouped(x, weights, n_kv, n_rep, mask), 1e-10)
    assert close(got, torchs_grouped(x, weights, n_kv, n_rep, mask), 1e-10)


@on_random_shapes(20, n_rep=Few, kind=Masks)
def test_multi_query_attention_is_torchs_and_the_formulas(
    reference: SimpleNamespace, draw: Drawn, n_rep: int, kind: str
) -> None:
    x, weights, mask = draw.tokens(), weights_of(draw, 1, n_rep), some_mask(draw, kind)
    got = reference.multi_query_attention(x, *weights, n_rep, mask)
    assert close(got, loop_grouped(x, weights, 1, n_rep, mask), 1e-10)
    assert close(got, torchs_grouped(x, weights, 1, n_rep, mask), 1e-10)
    assert close(got, reference.grouped_query_attention(x, *weights, n_rep, 1, mask))


@on_random_shapes(n_rep=Few, kind=Masks)
def test_with_as_many_key_heads_as_query_heads_it_is_multi_head(
    reference: SimpleNamespace, draw: Drawn, n_rep: int, kind: str
) -> None:
    x, mask, n_heads = draw.tokens(), some_mask(draw, kind), n_rep
    weights = weights_of(draw, n_heads, 1)
    got = reference.grouped_query_attention(x, *weights, n_heads, n_heads, mask)
    assert close(got, reference.multi_head_attention(x, *weights, n_heads, mask))


@on_random_shapes(FEW, n_heads=st.sampled_from([2, 3]), causal=Yes)
def test_all_key_heads_are_torchs_multi_head_module(
    reference: SimpleNamespace, draw: Drawn, n_heads: int, causal: bool
) -> None:
    width = n_heads * draw.d_k
    x = draw.normal(2, draw.n_q, width)
    weights = [draw.normal(width, width) for _ in range(4)]
    module = torch.nn.MultiheadAttention(width, n_heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.cat([w.T for w in weights[:3]]))
        module.out_proj.weight.copy_(weights[3].T)
    seen = torch.ones(draw.n_q, draw.n_q, dtype=torch.bool).tril() if causal else None
    hidden = None if seen is None else ~seen
    expected, _ = module(x, x, x, attn_mask=hidden, need_weights=False)
    got = reference.grouped_query_attention(x, *weights, n_heads, n_heads, seen)
    assert close(got, expected.detach(), 1e-10)


@on_random_shapes(n_kv=Few, n_rep=Few)
def test_repeated_weights_make_multi_head_of_grouped(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int
) -> None:
    """Who shares a head might as well have one of its own, with the same weights."""
    x, (w_q, w_k, w_v, w_o), n_heads = draw.tokens(), weights_of(draw, n_kv, n_rep), n_kv * n_rep
    got = reference.grouped_query_attention(x, w_q, w_k, w_v, w_o, n_heads, n_kv)
    own = (w.unflatten(1, (n_kv, -1)).repeat_interleave(n_rep, 1).flatten(1) for w in (w_k, w_v))
    assert close(got, reference.multi_head_attention(x, w_q, *own, w_o, n_heads))


@on_random_shapes(n_kv=Few, n_rep=Few, kind=Masks)
def test_grouped_query_attention_has_the_gradients_of_torchs(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int, kind: str
) -> None:
    mask = some_mask(draw, kind)
    if mask is not None:
        mask |= torch.arange(draw.n_q) == 0  # torch's own says nothing of empty rows here
    inputs = (draw.tokens(), *weights_of(draw, n_kv, n_rep))
    n_heads = n_kv * n_rep
    got = gradients(
        lambda x, *w: reference.grouped_query_attention(x, *w, n_heads, n_kv, mask), *inputs
    )
    expected = gradients(lambda x, *w: torchs_grouped(x, w, n_kv, n_rep, mask), *inputs)
    for ours, theirs in zip(got, expected, strict=True):
        assert close(ours, theirs, 1e-9)


@pytest.mark.parametrize("function", ["grouped_query_attention", "multi_query_attention"])
def test_gradients_are_those_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, function: str
) -> None:
    draw = Drawn(batch=(2,), n_q=3, d_k=2, d_v=1, d_model=2, seed=9)
    heads = (4, 2) if function == "grouped_query_attention" else (2,)
    n_kv = heads[1] if len(heads) > 1 else 1
    mask = torch.ones(2, 3, 3, dtype=torch.bool).tril()
    mask[0, 1] = False
    inputs = (draw.tokens(), *weights_of(draw, n_kv, 2))
    assert torch.autograd.gradcheck(
        lambda *parts: getattr(reference, function)(*parts, *heads, mask),
        tuple(part.requires_grad_() for part in inputs),
    )


@on_random_shapes(n_kv=Few, n_rep=Few, kind=Masks)
def test_a_token_that_may_attend_to_nothing_gets_zeros(
    reference: SimpleNamespace, draw: Drawn, n_kv: int, n_rep: int, kind: str
) -> None:
    x, weights, mask = draw.tokens(), weights_of(draw, n_kv, n_rep), some_mask(draw, kind)
    if mask is None:
        return
    got = reference.grouped_query_attention(x, *weights, n_kv * n_rep, n_kv, mask)
    empty = ~mask.any(-1).expand(x.shape[:-1])
    assert got.isfinite().all() and (got[empty] == 0).all()


@on_random_shapes(layers=Few, heads=Few, tokens=Whole, dtype=st.sampled_from([2, 4, 8]))
def test_kv_cache_bytes_are_those_of_the_tensors(
    reference: SimpleNamespace, draw: Drawn, layers: int, heads: int, tokens: int, dtype: int
) -> None:
    kind = {2: torch.bfloat16, 4: torch.float32, 8: torch.float64}[dtype]
    kept = [
        torch.empty(heads, tokens, draw.d_k, dtype=kind, device="meta")
        for _ in range(layers)
        for _ in ("keys", "values")
    ]
    got = reference.kv_cache_bytes(layers, heads, draw.d_k, tokens, dtype)
    assert type(got) is int
    assert got == sum(part.numel() * part.element_size() for part in kept)


# -- what holds for all of them ------------------------------------------------------


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function that takes tensors, and what it is; masks have an empty row."""
    x, w_q, w_o = draw.normal(2, 3, 5), draw.normal(5, 6 * 4) / 2, draw.normal(6 * 2, 5) / 3
    w_k, w_v = draw.normal(5, 3 * 4) / 2, draw.normal(5, 3 * 2) / 2
    mask = draw.mask(3, 3)
    mask[0], mask[1], mask[2] = True, False, torch.tensor([True, False, True])
    one = (x, w_q, w_k[:, :4], w_v[:, :2], w_o, 6)
    return {
        "repeat_kv": (draw.normal(2, 3, 4, 5), 2),
        "multi_query_attention": (*one, mask),
        "multi_query_attention without a mask": one,
        "grouped_query_attention": (x, w_q, w_k, w_v, w_o, 6, 3, mask.expand(2, 3, 3).clone()),
        "grouped_query_attention without a mask": (x, w_q, w_k, w_v, w_o, 6, 3),
    }
