"""The references of 10 against judges who have never seen them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    DTYPES,
    FEW,
    Drawn,
    close,
    gradients,
    loop_attention,
    loop_causal,
    loop_product,
    on_random_shapes,
    torchs_attention,
)

EXERCISES = ("10",)
WITHOUT_TENSORS = {"KVCache"}

# A text is cut into pieces of these lengths.
Cuts = st.lists(st.integers(1, 4), min_size=1, max_size=5)
# Those of the suite are among them.
PLANS = [(8,), (4, 1, 1, 1, 1), (3, 3, 2), (1,) * 8]


def three(draw: Drawn, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of a whole text."""
    widths = (draw.d_k, draw.d_k, draw.d_v)
    q, k, v = (draw.normal(*draw.batch, n, width) for width in widths)
    return q, k, v


def cut(lengths: Sequence[int], *whole: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each tensor, piece by piece."""
    return zip(*(tensor.split(list(lengths), -2) for tensor in whole), strict=True)


def in_pieces(reference: SimpleNamespace, lengths: Sequence[int], *qkv: Tensor) -> Tensor:
    """What attention gives for a text that comes in pieces."""
    cache = reference.KVCache()
    outputs = [reference.cached_attention(*piece, cache) for piece in cut(lengths, *qkv)]
    assert len(cache) == sum(lengths)
    return torch.cat(outputs, -2)


def step_by_step(reference: SimpleNamespace, x: Tensor, *weights: Tensor) -> Tensor:
    """What decoding gives for a text, one token after the other."""
    cache = reference.KVCache()
    outputs = [reference.decode_step(x_t, *weights, cache) for x_t in x.split(1, -2)]
    return torch.cat(outputs, -2)


# -- KVCache -------------------------------------------------------------------------


@on_random_shapes(lengths=Cuts)
def test_a_cache_returns_the_beginning_of_the_text_row_by_row(
    reference: SimpleNamespace, draw: Drawn, lengths: list[int]
) -> None:
    _, k, v = three(draw, sum(lengths))
    cache, rows = reference.KVCache(), 0
    assert len(cache) == 0
    for piece in cut(lengths, k, v):
        got = cache.append(*piece)
        rows += piece[0].shape[-2]
        assert type(got) is tuple and len(got) == 2 and len(cache) == rows
        for part, whole in zip(got, (k, v), strict=True):
            assert part.shape[-2] == rows
            for row in range(rows):
                assert torch.equal(part[..., row, :], whole[..., row, :])


@on_random_shapes(lengths=Cuts)
def test_what_was_returned_stays_whatever_is_appended_or_done_to_what_was_given(
    reference: SimpleNamespace, draw: Drawn, lengths: list[int]
) -> None:
    _, k, v = three(draw, sum(lengths))
    cache, returned = reference.KVCache(), []
    for piece in cut(lengths, k, v):
        given = [part.clone() for part in piece]
        returned.append((cache.append(*given), len(cache)))
        for part in given:
            part.zero_()
    for (keys, values), rows in returned:
        assert torch.equal(keys, k[..., :rows, :]) and torch.equal(values, v[..., :rows, :])


@on_random_shapes(FEW, lengths=Cuts)
def test_a_piece_without_tokens_changes_nothing(
    reference: SimpleNamespace, draw: Drawn, lengths: list[int]
) -> None:
    _, k, v = three(draw, sum(lengths))
    cache = reference.KVCache()
    cache.append(k[..., :0, :], v[..., :0, :])
    cache.append(k, v)
    keys, values = cache.append(k[..., :0, :], v[..., :0, :])
    assert torch.equal(keys, k) and torch.equal(values, v) and len(cache) == sum(lengths)


@on_random_shapes(FEW, lengths=Cuts)
def test_two_caches_know_nothing_of_each_other(
    reference: SimpleNamespace, draw: Drawn, lengths: list[int]
) -> None:
    texts = [three(draw, sum(lengths)) for _ in range(2)]
    caches = [reference.KVCache() for _ in texts]
    pieces = [list(cut(lengths, *text[1:])) for text in texts]
    for turn in zip(*pieces, strict=True):
        got = [cache.append(*piece) for cache, piece in zip(caches, turn, strict=True)]
    for (keys, values), (_, k, v) in zip(got, texts, strict=True):
        assert torch.equal(keys, k) and torch.equal(values, v)


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str), ids=str)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_cache_keeps_dtype_and_device(
    reference: SimpleNamespace, dtype: torch.dtype, device: str
) -> None:
    cache = reference.KVCache()
    for n in (3, 1):
        part = torch.ones(2, n, 4, dtype=dtype, device=device)
        for held in cache.append(part, part):
            assert held.dtype is dtype and held.device.type == device


# -- cached_attention ----------------------------------------------------------------


@on_random_shapes(lengths=st.one_of(Cuts, st.sampled_from(PLANS)))
def test_in_pieces_a_text_comes_out_as_by_the_formula_in_one_go(
    reference: SimpleNamespace, draw: Drawn, lengths: Sequence[int]
) -> None:
    n = sum(lengths)
    qkv = three(draw, n)
    expected, _ = loop_attention(*qkv, torch.tensor(loop_causal(n, n)))
    assert close(in_pieces(reference, lengths, *qkv), expected, 1e-10)


@on_random_shapes(lengths=st.one_of(Cuts, st.sampled_from(PLANS)))
def test_in_pieces_a_text_comes_out_as_torchs_attention_reads_it_in_one_go(
    reference: SimpleNamespace, draw: Drawn, lengths: Sequence[int]
) -> None:
    qkv = three(draw, sum(lengths))
    expected, _ = torchs_attention(*qkv, is_causal=True)
    assert close(in_pieces(reference, lengths, *qkv), expected, 1e-10)


@on_random_shapes()
def test_a_piece_is_attention_behind_a_mask_whose_last_corner_is_the_newest_token(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    n_new, n = draw.n_q, draw.n_q + draw.n_k
    q, k, v = three(draw, n)
    cache = reference.KVCache()
    cache.append(k[..., : draw.n_k, :], v[..., : draw.n_k, :])
    newest = (part[..., draw.n_k :, :] for part in (q, k, v))
    expected, _ = torchs_attention(q[..., draw.n_k :, :], k, v, torch.tensor(loop_causal(n_new, n)))
    assert close(reference.cached_attention(*newest, cache), expected, 1e-10)


@on_random_shapes(FEW, lengths=Cuts)
def test_in_pieces_a_text_has_the_gradients_of_torchs_attention_in_one_go(
    reference: SimpleNamespace, draw: Drawn, lengths: list[int]
) -> None:
    qkv = three(draw, sum(lengths))
    got = gradients(lambda *parts: in_pieces(reference, lengths, *parts), *qkv)
    expected = gradients(lambda *parts: torchs_attention(*parts, is_causal=True)[0], *qkv)
    assert all(close(ours, theirs, 1e-10) for ours, theirs in zip(got, expected, strict=True))


# -- decode_step ---------------------------------------------------------------------


@on_random_shapes()
def test_token_by_token_a_text_comes_out_as_torchs_attention_on_three_linear_layers(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x, weights, n = draw.tokens(), draw.weights(), draw.n_q
    got = step_by_step(reference, x, *weights)
    q, k, v = (F.linear(x, w.T) for w in weights)
    assert close(got, torchs_attention(q, k, v, is_causal=True)[0], 1e-10)
    parts = (torch.from_numpy(loop_product(x, w)) for w in weights)
    assert close(got, loop_attention(*parts, torch.tensor(loop_causal(n, n)))[0], 1e-10)


@on_random_shapes(FEW)
def test_token_by_token_a_text_has_the_gradients_of_one_go(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    inputs = (draw.tokens(), *draw.weights())
    got = gradients(lambda *parts: step_by_step(reference, *parts), *inputs)
    expected = gradients(
        lambda x, *ws: torchs_attention(*(x @ w for w in ws), is_causal=True)[0], *inputs
    )
    assert all(close(ours, theirs, 1e-10) for ours, theirs in zip(got, expected, strict=True))


# -- what holds for all of them ------------------------------------------------------


class Holding:
    """A cache that holds the same tokens at every call: what is appended is not kept."""

    def __init__(self, k: Tensor, v: Tensor) -> None:
        self.kept = (k, v)

    def append(self, *new: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(self.kept, new, strict=True)
        return tuple(torch.cat([old.to(part), part], -2) for old, part in pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Holding) and all(map(torch.equal, self.kept, other.kept))


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function, with a cache that holds three tokens or none."""
    q, k, v = draw.normal(2, 4, 5), draw.normal(2, 4, 5), draw.normal(2, 4, 6)
    x_t, w_q, w_k, w_v = (draw.normal(*s) for s in ((2, 1, 7), (7, 5), (7, 5), (7, 6)))
    held = Holding(draw.normal(2, 3, 5), draw.normal(2, 3, 6))
    empty = Holding(draw.normal(2, 0, 5), draw.normal(2, 0, 6))
    return {
        "cached_attention": (q, k, v, held),
        "cached_attention of a prompt": (q, k, v, empty),
        "decode_step": (x_t, w_q, w_k, w_v, held),
        "decode_step of the first token": (x_t, w_q, w_k, w_v, empty),
    }
