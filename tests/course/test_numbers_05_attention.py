"""Every number of the lesson on attention is what torch, or plain arithmetic, says it is."""

from __future__ import annotations

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

THREE = torch.tensor([2.0, 10.0, 3.0], dtype=torch.float64)


@pytest.fixture(scope="module")
def table(lesson: str) -> dict[str, Tensor]:
    """The worked example: for each token its key (4), product, score, weight and value (2)."""
    numbers = {}
    for token in ("cat", "ball", "curious"):
        row = re.search(rf"^ +{token} +([−0-9. ]+)$", lesson, re.MULTILINE)
        assert row, f"the worked example has no row for {token}"
        cells = [float(cell.replace("−", "-")) for cell in row[1].split()]
        assert len(cells) == 9
        numbers[token] = torch.tensor(cells, dtype=torch.float64)
    return numbers


@pytest.fixture(scope="module")
def rows(table: dict[str, Tensor]) -> Tensor:
    """The worked example's three rows, (3, 9)."""
    return torch.stack(list(table.values()))


def causal(scores: Tensor) -> Tensor:
    """Weights of a square of scores behind a causal mask."""
    hidden = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(hidden, -math.inf).softmax(-1)


def test_the_products_and_scores_of_the_worked_example_come_from_its_keys(
    rows: Tensor, prose: str
) -> None:
    assert "The query of *it* is (1, 1, 1, 1)" in prose and "√d_k = 2" in prose
    query = torch.ones(4, dtype=torch.float64)
    assert torch.equal(rows[:, :4] @ query, rows[:, 4])
    assert math.sqrt(len(query)) == 2
    assert torch.equal(rows[:, 4] / 2, rows[:, 5])


def test_the_weights_of_the_worked_example_are_the_softmax_of_its_scores(
    rows: Tensor, lesson: str
) -> None:
    weights = rows[:, 5].softmax(-1)
    assert [f"{w:.3f}" for w in weights] == [f"{w:.3f}" for w in rows[:, 6]]
    assert all(f"  {w:.3f}  " in lesson for w in weights.tolist())


def test_the_output_of_the_worked_example_is_the_weighted_sum_of_its_values(
    rows: Tensor, lesson: str
) -> None:
    exact = rows[:, 5].softmax(-1) @ rows[:, 7:]
    by_hand = rows[:, 6] @ rows[:, 7:]
    terms = " + ".join(f"{r[6]:.3f}·({r[7]:.0f}, {r[8]:.0f})" for r in rows.tolist())
    for output in (exact, by_hand):
        assert f"    {terms} = ({output[0]:.2f}, {output[1]:.2f})\n" in lesson


def test_the_worked_example_stays_between_the_smallest_and_the_largest_value(
    rows: Tensor, prose: str
) -> None:
    assert "both of ours had to lie between 0 and 4" in prose
    values = rows[:, 7:]
    assert values.amin(0).tolist() == [0, 0] and values.amax(0).tolist() == [4, 4]
    output = rows[:, 5].softmax(-1) @ values
    assert ((output > 0) & (output < 4)).all()


def test_mostly_cat_is_left_in_it(table: dict[str, Tensor], prose: str) -> None:
    assert "It leaves mostly cat." in prose
    assert table["cat"][6] > 0.5


def test_equal_scores_behind_a_causal_mask_make_the_running_mean(lesson: str, prose: str) -> None:
    assert "Three tokens carry the values 2, 10 and 3." in prose
    weights = causal(torch.zeros(3, 3, dtype=torch.float64))
    outputs = weights @ THREE
    assert torch.allclose(outputs, THREE.cumsum(0) / torch.arange(1, 4))
    named = {0.0: "0", 1.0: "1", 1 / 2: "1/2", 1 / 3: "1/3"}
    for row, value, output in zip(weights.tolist(), THREE.tolist(), outputs.tolist(), strict=True):
        cells = r" +".join(
            next(name for number, name in named.items() if math.isclose(number, w)) for w in row
        )
        assert output == pytest.approx(round(output), abs=1e-12)
        assert re.search(rf"^ +{cells} +{value:.0f} +{output:.0f}$", lesson, re.MULTILINE)


def test_no_scores_bring_two_ten_and_three_to_eleven(prose: str) -> None:
    assert "no scores make 11 from 2, 10 and 3" in prose
    scores = torch.randn(1000, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for sharpness in (0.1, 1.0, 10.0, 1000.0):
        outputs = (sharpness * scores).softmax(-1) @ THREE
        assert outputs.min() >= 2 - 1e-12 and outputs.max() <= 10 + 1e-12


def test_zeros_lie_outside_the_hull_of_two_ten_and_three(prose: str) -> None:
    assert "0 may lie outside the hull" in prose
    assert not THREE.min() <= 0 <= THREE.max()


def test_the_first_output_is_two_whatever_the_scores_and_the_second_moves_freely(
    prose: str,
) -> None:
    assert "Other scores move the second output between 2 and 10." in prose
    assert "The first is 2 for good" in prose
    for lean in (-40.0, 0.0, 40.0):
        scores = torch.zeros(3, 3, dtype=torch.float64)
        scores[:, 1] = lean
        first, second, _ = (causal(scores) @ THREE).tolist()
        assert first == 2
        assert second == pytest.approx({-40.0: 2.0, 0.0: 6.0, 40.0: 10.0}[lean])


def test_a_thousand_tokens_make_a_million_and_ten_thousand_400_megabytes(prose: str) -> None:
    assert "For 1 000 tokens that is a million, for 10 000 a hundred million" in prose
    assert 1_000**2 == 1_000_000 and 10_000**2 == 100_000_000
    megabytes = 10_000**2 * torch.finfo(torch.float32).bits // 8 / 1e6
    assert f"{megabytes:.0f} MB in float32" in prose
    assert "Twice the text, four times the table." in prose
    assert (2 * 10_000) ** 2 == 4 * 10_000**2


def test_the_shapes_of_the_lesson_fit_together(lesson: str) -> None:
    sizes = {"n_q": 2, "n_k": 3, "d_k": 5, "d_v": 7}
    shapes = {
        name: (4, sizes[rows], sizes[columns])
        for name, rows, columns in re.findall(r"^    (\w+) +\(…, (\w+), (\w+)\)", lesson, re.M)
    }
    assert list(shapes) == ["q", "k", "weights", "v", "output"]
    q, k, v = (torch.ones(shapes[name]) for name in "qkv")
    scores = q @ k.transpose(-2, -1)
    assert scores.shape == shapes["weights"]
    assert (scores @ v).shape == shapes["output"]


def test_in_torch_true_keeps_and_only_the_output_comes_back(prose: str) -> None:
    assert "returns the output without the weights; True keeps, as here" in prose
    v = torch.eye(3, dtype=torch.float64)[None]
    mask = torch.ones(3, 3, dtype=torch.bool).tril()
    output = F.scaled_dot_product_attention(torch.zeros_like(v), v, v, attn_mask=mask)
    assert isinstance(output, Tensor)
    assert torch.equal(output[0] > 0, mask)


def test_the_flag_of_torch_lines_up_the_first_tokens_and_agrees_on_squares_only(
    prose: str,
) -> None:
    assert "With 2 queries and 5 keys its rows see 1 and 2 keys, ours 4 and 5" in prose

    def seen(n_q: int, n_k: int) -> Tensor:
        q, v = torch.zeros(1, n_q, n_k), torch.eye(n_k)[None]
        return F.scaled_dot_product_attention(q, v, v, is_causal=True)[0] > 0

    def ours(n_q: int, n_k: int) -> Tensor:
        return torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)

    assert seen(2, 5).sum(-1).tolist() == [1, 2]
    assert ours(2, 5).sum(-1).tolist() == [4, 5]
    for n_q in range(1, 6):
        for n_k in range(1, 6):
            assert torch.equal(seen(n_q, n_k), ours(n_q, n_k)) == (n_q == n_k)


def test_keys_and_values_shuffled_together_leave_the_output_as_it_was(
    rows: Tensor, prose: str
) -> None:
    assert "Without a mask, shuffle the keys, and the values along with them." in prose
    shuffled = rows[[2, 0, 1]]
    outputs = [part[:, 5].softmax(-1) @ part[:, 7:] for part in (rows, shuffled)]
    assert torch.allclose(*outputs)
