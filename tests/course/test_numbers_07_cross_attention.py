"""Every number of the lesson on cross-attention is what torch, or arithmetic, says it is."""

from __future__ import annotations

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOAT = torch.float64


@pytest.fixture(scope="module")
def table(lesson: str) -> dict[str, list[float]]:
    """For each English word its key (4), its value (2), then q·k, score, weight of both queries."""
    numbers = {}
    for word in ("the", "black", "cat"):
        row = re.search(rf"^ +{word} +([−0-9. ]+)$", lesson, re.MULTILINE)
        assert row, f"the worked example has no row for {word}"
        numbers[word] = [float(cell.replace("−", "-")) for cell in row[1].split()]
        assert len(numbers[word]) == 12
    return numbers


@pytest.fixture(scope="module")
def rows(table: dict[str, list[float]]) -> Tensor:
    """The worked example's three rows, (3, 12)."""
    return torch.tensor(list(table.values()), dtype=FLOAT)


@pytest.fixture(scope="module")
def queries(prose: str) -> Tensor:
    """What *chat* and *noir* ask, (2, 4)."""
    found = re.search(r"\*Chat\* asks \(([^)]*)\), \*noir\* asks \(([^)]*)\)", prose)
    assert found, "the queries are not to be found"
    numbers = [[float(n.replace("−", "-")) for n in one.split(",")] for one in found.groups()]
    return torch.tensor(numbers, dtype=FLOAT)


def weights_of(rows: Tensor, queries: Tensor, mask: Tensor | None = None) -> Tensor:
    """The softmax of the scaled scores of what may be read, (2, 3)."""
    scores = queries @ rows[:, :4].T / math.sqrt(queries.shape[-1])
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)


def test_products_and_scores_come_from_queries_and_keys(
    rows: Tensor, queries: Tensor, prose: str
) -> None:
    assert "√d_k = 2" in prose and math.sqrt(queries.shape[-1]) == 2
    for query, first in zip(queries, (6, 9), strict=True):
        assert torch.equal(rows[:, :4] @ query, rows[:, first])
        assert torch.equal(rows[:, first] / 2, rows[:, first + 1])


def test_weights_are_the_softmax_of_the_scores(rows: Tensor, queries: Tensor) -> None:
    exact = weights_of(rows, queries)
    for weights, column in zip(exact, (8, 11), strict=True):
        assert [f"{w:.3f}" for w in weights] == [f"{w:.3f}" for w in rows[:, column]]


def test_every_weight_of_the_table_has_three_places(lesson: str) -> None:
    assert len(re.findall(r" 0\.\d{3}\b", lesson.partition("chat:")[0])) == 6


def test_outputs_are_the_weighted_sums_of_the_values(
    rows: Tensor, queries: Tensor, lesson: str
) -> None:
    exact = weights_of(rows, queries) @ rows[:, 4:6]
    for name, output, column in zip(("chat", "noir"), exact, (8, 11), strict=True):
        terms = " + ".join(f"{r[column]:.3f}·({r[4]:.0f}, {r[5]:.0f})" for r in rows.tolist())
        by_hand = rows[:, column] @ rows[:, 4:6]
        for one in (output, by_hand):
            assert f"    {name}:  {terms} = ({one[0]:.2f}, {one[1]:.2f})\n" in lesson


def test_each_word_looks_most_where_the_lesson_says(
    rows: Tensor, queries: Tensor, prose: str
) -> None:
    assert "*Chat*, the first, looks most at the third word, *noir* at the second." in prose
    assert weights_of(rows, queries).argmax(-1).tolist() == [2, 1]


def test_without_the_first_word_chat_gets_what_the_lesson_says(
    rows: Tensor, queries: Tensor, prose: str
) -> None:
    weights = weights_of(rows, queries, torch.tensor([False, True, True]))
    first, second = (weights @ rows[:, 4:6])[0].tolist()
    assert f"Were *the* padding, *chat* would get ({first:.2f}, {second:.2f})." in prose


def test_two_words_that_ask_three_have_two_rows_of_weights_and_of_output(
    rows: Tensor, queries: Tensor, prose: str
) -> None:
    assert "Each of these 2 words asks the 3 English ones." in prose
    assert "Weights and output have 2 rows." in prose
    weights = weights_of(rows, queries)
    assert weights.shape == (2, 3) and (weights @ rows[:, 4:6]).shape == (2, 2)


def test_the_shapes_of_the_lesson_fit_together(lesson: str) -> None:
    sizes = {"n_x": 2, "n_context": 3, "d_model": 5, "d_context": 7, "d_v": 11}
    found = re.findall(r"(x|context|weights|output) +\(…, (\w+), (\w+)\)", lesson)
    shapes = {name: (4, sizes[rows], sizes[columns]) for name, rows, columns in found}
    assert list(shapes) == ["x", "context", "weights", "output"]
    x, context = torch.ones(shapes["x"]), torch.ones(shapes["context"])
    w_q, w_k, w_v = (torch.ones(size) for size in ((5, 13), (7, 13), (7, 11)))
    weights = (x @ w_q @ (context @ w_k).mT).softmax(-1)
    assert weights.shape == shapes["weights"]
    assert (weights @ (context @ w_v)).shape == shapes["output"]


def test_torchs_layer_takes_the_widths_and_hides_where_its_mask_is_true(prose: str) -> None:
    assert (
        "`nn.MultiheadAttention` is called with (query, key, value): x, context, context" in prose
    )
    assert "`kdim` and `vdim` tell it d_context" in prose
    assert "True *hides*: it is `~context_mask`" in prose
    generator = torch.Generator().manual_seed(7)
    x, context = (
        torch.randn(2, 3, 4, generator=generator),
        torch.randn(2, 5, 6, generator=generator),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        layer = nn.MultiheadAttention(4, 1, kdim=6, vdim=6, batch_first=True)
    context_mask = torch.ones(2, 5, dtype=torch.bool)
    context_mask[:, 3:] = False
    output, weights = layer(x, context, context, key_padding_mask=~context_mask)
    assert output.shape == (2, 3, 4) and weights.shape == (2, 3, 5)
    assert not weights[..., 3:].any() and (weights[..., :3] > 0).all()


def test_in_torchs_function_true_keeps_and_the_mask_has_a_row_for_all(prose: str) -> None:
    assert "True keeps, and the mask is (…, 1, n_context)" in prose
    q, axes = torch.zeros(2, 3, 5), torch.eye(5).expand(2, -1, -1)
    context_mask = torch.tensor([[True, True, False, True, False], [False, True, True, True, True]])
    weights = F.scaled_dot_product_attention(q, axes, axes, attn_mask=context_mask[:, None, :])
    assert torch.equal(weights > 0, context_mask[:, None, :].expand(2, 3, 5))


def test_a_context_of_one_token_gives_its_value_to_whoever_asks(
    rows: Tensor, queries: Tensor, prose: str
) -> None:
    assert "Let the context be a single token." in prose
    one = rows[:1]
    assert torch.equal(weights_of(one, queries) @ one[:, 4:6], one[:, 4:6].expand(2, 2))
