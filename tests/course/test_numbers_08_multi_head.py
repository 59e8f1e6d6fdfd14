"""Every number of the lesson on several heads is what torch, or plain arithmetic, says it is."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor


def row(lesson: str, name: str) -> Tensor:
    """The numbers that stand behind a name."""
    found = re.search(rf"^ +{name} +([0-9 ]+)$", lesson, re.MULTILINE)
    assert found, f"the worked example has no row for {name}"
    return torch.tensor([float(cell) for cell in found[1].split()])


@pytest.fixture(scope="module")
def cat(lesson: str) -> Tensor:
    return row(lesson, "cat")


@pytest.fixture(scope="module")
def curious(lesson: str) -> Tensor:
    return row(lesson, "curious")


@pytest.fixture(scope="module")
def tables(lesson: str) -> Tensor:
    """The three tokens, and beside them their heads as they are cut and viewed: (3, 12)."""
    rows = re.findall(r"^ {4}((?:\d\d +){11}\d\d)$", lesson, re.MULTILINE)
    assert len(rows) == 3
    return torch.tensor([[int(cell) for cell in cells.split()] for cells in rows])


def in_brackets(row: Tensor) -> str:
    return f"({', '.join(f'{number:.0f}' for number in row.tolist())})"


def test_one_head_blends_half_of_each(cat: Tensor, curious: Tensor, lesson: str) -> None:
    blend = (cat + curious) / 2
    terms = f"½·{in_brackets(cat)} + ½·{in_brackets(curious)} = {in_brackets(blend)}"
    assert f"    {terms}\n" in lesson


def test_two_heads_have_half_the_width_of_each_and_stand_side_by_side(
    cat: Tensor, curious: Tensor, lesson: str, prose: str
) -> None:
    assert torch.equal(row(lesson, "head 0 looks at cat"), cat[:2])
    assert torch.equal(row(lesson, "head 1 looks at curious"), curious[2:])
    assert torch.equal(row(lesson, "side by side"), torch.cat([cat[:2], curious[2:]]))
    assert "each half as wide" in prose and len(cat) == 2 * 2


def test_a_row_of_weights_cannot_be_all_for_two_tokens(prose: str) -> None:
    assert "A row of weights sums to one: all of *cat* is nothing of *curious*" in prose
    scores = 10 * torch.randn(100, 2, generator=torch.Generator().manual_seed(8))
    weights = scores.softmax(-1)
    assert torch.allclose(weights.sum(-1), torch.ones(100))
    assert (weights.amin(-1) <= 0.5).all()


def test_the_tokens_are_cut_and_viewed_as_the_tables_have_it(tables: Tensor, prose: str) -> None:
    assert "Three tokens of width 4, two heads:" in prose and "x.view(2, 3, 2)" in prose
    x = tables[:, :4].contiguous()
    assert torch.equal(x, torch.tensor([[10, 20, 30]]).T + torch.arange(4))
    cut, view = (torch.stack([tables[:, i : i + 2], tables[:, i + 2 : i + 4]]) for i in (4, 8))
    assert torch.equal(cut, torch.stack([x[:, :2], x[:, 2:]]))
    assert torch.equal(view, x.view(2, 3, 2))


def test_the_first_head_of_the_view_is_a_token_and_a_half(tables: Tensor, prose: str) -> None:
    assert (
        "its head 0 is token 1 and half of token 2, and never hears of token 3. "
        "It cuts the *sequence*. Yet the shape is right"
    ) in prose
    x = tables[:, :4].contiguous()
    view = x.view(2, 3, 2)
    assert view[0].flatten().tolist() == x[0].tolist() + x[1, :2].tolist()
    assert view.shape == torch.stack([x[:, :2], x[:, 2:]]).shape


def test_two_views_and_the_two_right_moves_both_bring_every_number_home(
    tables: Tensor, prose: str
) -> None:
    assert "a second view brings every number home: the round trip hides it" in prose
    assert "the width becomes two axes, heads and columns; then heads change places" in prose
    x = tables[:, :4].contiguous()
    assert torch.equal(x.view(2, 3, 2).view(3, 4), x)
    cut = x.view(3, 2, 2).transpose(0, 1)
    assert torch.equal(cut, torch.stack([x[:, :2], x[:, 2:]]))
    assert torch.equal(cut.transpose(0, 1).reshape(3, 4), x)


def test_the_shapes_of_the_lesson_follow_from_one_another(lesson: str) -> None:
    sizes = {"n": 3, "H": 2, "d_k": 5, "d_v": 7, "d_model": 11}

    def size(axis: str) -> int:
        factors = [sizes[name] for name in axis.split("·")]
        return factors[0] if len(factors) == 1 else factors[0] * factors[1]

    shapes = {
        name: (4, *(size(axis) for axis in axes.split(", ")))
        for name, axes in re.findall(r"^    ([\w·][\w· ]*?) +\(…, ([^)]+)\)", lesson, re.M)
    }
    assert list(shapes) == ["x", "x·W_q", "split", "weights", "blended", "merged", "· W_O"]
    x, w_q, w_v, w_o = (torch.ones(s) for s in (shapes["x"], (11, 10), (11, 14), (14, 11)))
    q = x @ w_q
    assert q.shape == shapes["x·W_q"]
    q = q.unflatten(-1, (2, 5)).transpose(1, 2)
    assert q.shape == shapes["split"]
    weights = (q @ q.mT).softmax(-1)
    assert weights.shape == shapes["weights"]
    blended = weights @ (x @ w_v).unflatten(-1, (2, 7)).transpose(1, 2)
    assert blended.shape == shapes["blended"]
    merged = blended.transpose(1, 2).flatten(-2)
    assert merged.shape == shapes["merged"]
    assert (merged @ w_o).shape == shapes["· W_O"]


def test_what_w_o_makes_is_a_sum_over_heads(prose: str) -> None:
    assert "merged · W_O = Σₕ headₕ · W_O[rows of h]" in prose
    generator = torch.Generator().manual_seed(8)
    heads, w_o = (torch.randn(*s, generator=generator).double() for s in ((3, 4, 2), (6, 5)))
    written = [head @ w_o[2 * h : 2 * h + 2] for h, head in enumerate(heads)]
    assert torch.allclose(torch.cat(list(heads), -1) @ w_o, torch.stack(written).sum(0))


def test_heads_cost_what_one_head_costs(lesson: str, prose: str) -> None:
    assert "    H · n·n·(d/H) = n·n·d\n" in lesson
    assert "Only the tables of weights are H times as many." in prose
    for heads, n, d in ((2, 3, 4), (8, 10, 512), (3, 7, 9)):
        q = torch.ones(n, d)
        one = torch.einsum("id,jd->ijd", q, q)  # a product for each number that is added up
        cut = q.unflatten(-1, (heads, -1))
        many = torch.einsum("ihd,jhd->hijd", cut, cut)
        assert one.numel() == many.numel() == n * n * d
        assert many.sum(-1).numel() == heads * one.sum(-1).numel()


def test_the_widths_of_the_first_transformer_fit_together(prose: str) -> None:
    assert "take 8 heads, d_model = 512 and d_k = d_v = 512 / 8 = 64" in prose
    assert 512 / 8 == 64
    assert "512 heads of width 1 cost as many multiply-adds as 8 of width 64" in prose
    assert 512 * 1 == 8 * 64


def test_torchs_layer_packs_three_matrices_and_hides_where_its_mask_is_true(prose: str) -> None:
    assert "turned over: (3·d_model, d_model). True in its `attn_mask` *hides*." in prose
    layer = torch.nn.MultiheadAttention(4, 2, bias=False, batch_first=True)
    assert layer.in_proj_weight is not None and layer.in_proj_weight.shape == (3 * 4, 4)
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    x = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(8))
    _, weights = layer(x, x, x, attn_mask=hidden)
    assert torch.equal(weights[0] == 0, hidden)


def test_torchs_function_takes_heads_before_tokens_and_keeps_where_its_mask_is_true(
    prose: str,
) -> None:
    assert "takes (batch, heads, n, d); True keeps" in prose
    v = torch.eye(3).expand(2, 4, 3, 3)
    keeps = torch.ones(3, 3, dtype=torch.bool).tril()
    weights = F.scaled_dot_product_attention(torch.zeros_like(v), v, v, attn_mask=keeps)
    assert weights.shape == v.shape and torch.equal(weights[1, 2] > 0, keeps)
