"""The references of 06 against judges who have never seen them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .conventions import (  # noqa: F401 - they are tests of this file's functions
    test_arguments_are_left_alone,
    test_no_function_is_forgotten,
    test_results_are_where_the_inputs_are,
    test_results_have_the_dtype_of_the_inputs,
)
from .judges import (
    FEW,
    Drawn,
    Height,
    Yes,
    close,
    everything,
    gradients,
    loop_attention,
    loop_causal,
    on_random_shapes,
    torchs_attention,
)

EXERCISES = ("06",)
WITHOUT_TENSORS: set[str] = set()

Integers = st.sampled_from([torch.int64, torch.int32, torch.int16, torch.uint8])


def padded(draw: Drawn, height: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries, keys, values, and lengths from 0 to n; the padding holds numbers too."""
    batch, n = draw.d_model, draw.n_q
    q, k = height * draw.normal(batch, n, draw.d_k), draw.normal(batch, n, draw.d_k)
    return q, k, draw.normal(batch, n, draw.d_v), draw.mask(batch, n).sum(-1)


def cut_out(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool) -> Tensor:
    """Torch's attention for each sample alone, without its padding and without any mask of it."""
    rows = torch.zeros_like(v)
    for b, length in enumerate(lengths.tolist()):
        if length:
            parts = (part[b : b + 1, :length] for part in (q, k, v))
            output, _ = torchs_attention(*parts, is_causal=causal)
            rows = rows.index_put((torch.tensor(b), torch.arange(length)), output[0])
    return rows


def multihead(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool) -> Tensor:
    """The layer of torch, with a single head and projections that change nothing."""
    n, d = q.shape[1:]
    unit = torch.eye(d, dtype=q.dtype)
    hidden = torch.tensor([[j >= length for j in range(n)] for length in lengths.tolist()])
    output, _ = F.multi_head_attention_forward(
        *(part.transpose(0, 1) for part in (q, k, v)), d, 1, unit.repeat(3, 1), None, None, None,
        False, 0.0, unit, None, training=False, need_weights=False, key_padding_mask=hidden,
        attn_mask=~torch.tensor(loop_causal(n, n)) if causal else None,
    )  # fmt: skip
    return output.transpose(0, 1)


@on_random_shapes(dtype=Integers)
def test_the_padding_mask_obeys_its_inequality(
    reference: SimpleNamespace, draw: Drawn, dtype: torch.dtype
) -> None:
    *_, lengths = padded(draw)
    n = draw.n_q + draw.n_k % 3  # the longest sample does not always fill its places
    got = reference.padding_mask(lengths.to(dtype), n)
    assert got.dtype is torch.bool and got.shape == (len(lengths), n)
    assert got.tolist() == [[j < length for j in range(n)] for length in lengths.tolist()]
    assert reference.padding_mask(lengths, n, device="meta").device.type == "meta"


@on_random_shapes()
def test_the_padding_mask_is_where_torchs_pad_sequence_pads_nothing(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    *_, lengths = padded(draw)
    samples = [torch.ones(length) for length in lengths.tolist()]
    kept = pad_sequence([*samples, torch.ones(draw.n_q)], batch_first=True)[:-1]
    assert torch.equal(reference.padding_mask(lengths, draw.n_q), kept == 1)


@on_random_shapes()
def test_combined_masks_allow_what_both_allow(reference: SimpleNamespace, draw: Drawn) -> None:
    causal, padding = draw.mask(draw.n_q, draw.n_k), draw.mask(draw.d_model, draw.n_k)
    got = reference.combine_masks(causal, padding)
    assert got.dtype is torch.bool and got.shape == (draw.d_model, draw.n_q, draw.n_k)
    for b, square in enumerate(got.tolist()):
        for i, row in enumerate(square):
            assert row == [bool(causal[i, j]) and bool(padding[b, j]) for j in range(draw.n_k)]


@on_random_shapes()
def test_combined_masks_are_torchs_penalties_added_up(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    n = draw.n_q
    padding = draw.mask(draw.d_model, n)
    future = torch.nn.Transformer.generate_square_subsequent_mask(n)
    penalties = future + torch.zeros(padding.shape).masked_fill(~padding, -math.inf)[:, None]
    assert torch.equal(reference.combine_masks(future == 0, padding), penalties == 0)


@on_random_shapes(causal=Yes, height=Height)
def test_padded_attention_is_attention_of_each_sample_without_its_padding(
    reference: SimpleNamespace, draw: Drawn, causal: bool, height: float
) -> None:
    q, k, v, lengths = padded(draw, height)
    got = reference.padded_attention(q, k, v, lengths, causal=causal)
    tolerance = 1e-12 * height  # rounding errors grow with the scores
    assert close(got, cut_out(q, k, v, lengths, causal), tolerance)
    for b, length in enumerate(lengths.tolist()):
        visible = (
            torch.tensor(loop_causal(length, length)) if causal else everything(length, length)
        )
        if length:
            output, _ = loop_attention(*(part[b, :length] for part in (q, k, v)), visible)
            assert close(got[b, :length], output, tolerance)
        assert not got[b, length:].any()


@on_random_shapes(causal=Yes)
def test_padded_attention_is_torchs_layer_on_real_tokens(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    q, k, _, lengths = padded(draw)
    lengths = lengths.clamp(min=1)  # the layer gives NaN for a sample without tokens
    v = draw.normal(*q.shape)
    got = reference.padded_attention(q, k, v, lengths, causal=causal)
    judge = multihead(q, k, v, lengths, causal)
    for b, length in enumerate(lengths.tolist()):
        assert close(got[b, :length], judge[b, :length], 1e-10)


@on_random_shapes(causal=Yes)
def test_what_stands_in_the_padding_does_not_matter(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    *parts, lengths = padded(draw)
    empty = torch.arange(draw.n_q) >= lengths[:, None]
    other = [part.masked_fill(empty[..., None], 1e6) for part in parts]
    got = reference.padded_attention(*other, lengths, causal=causal)
    assert torch.equal(got, reference.padded_attention(*parts, lengths, causal=causal))


@on_random_shapes(FEW, causal=Yes)
def test_padded_attention_has_the_gradients_of_torchs_without_padding(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    *parts, lengths = padded(draw)
    got = gradients(lambda *qkv: reference.padded_attention(*qkv, lengths, causal=causal), *parts)
    if lengths.any():  # else no gradient comes back to torch's
        expected = gradients(lambda *qkv: cut_out(*qkv, lengths, causal), *parts)
    else:
        expected = tuple(map(torch.zeros_like, parts))
    for ours, theirs in zip(got, expected, strict=True):
        assert close(ours, theirs, 1e-10)


@on_random_shapes(FEW // 2, causal=Yes)
def test_padded_attention_has_the_gradients_of_finite_differences(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    *parts, lengths = padded(draw)
    fewer = lengths[-2:].clamp(max=min(draw.n_q, 4))
    fewer[-1] = 0
    inputs = tuple(part[-2:, :4].requires_grad_() for part in parts)

    def output(*qkv: Tensor) -> Tensor:
        return reference.padded_attention(*qkv, fewer, causal=causal)

    assert torch.autograd.gradcheck(output, inputs)


# -- what holds for all of them ------------------------------------------------------


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function; among the samples is one without any token."""
    lengths = torch.tensor([3, 0, 4])
    q, k, v = draw.normal(3, 4, 5), draw.normal(3, 4, 5), draw.normal(3, 4, 2)
    return {
        "padding_mask": (lengths, 4),
        "padding_mask with more places": (lengths, 7),
        "combine_masks": (draw.mask(2, 6), draw.mask(3, 6)),
        "padded_attention": (q, k, v, lengths),
        "padded_attention behind a causal mask": (q, k, v, lengths, True),
    }
