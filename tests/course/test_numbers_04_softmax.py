"""Every number of the lesson on softmax is what torch says it is."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

SCORES = (2.0, 1.0, 0.1)


def double(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def rounded(numbers: Tensor, places: int = 3) -> list[str]:
    return [f"{number:.{places}f}" for number in numbers.tolist()]


def test_three_scores_have_the_weights_of_the_first_table(prose: str) -> None:
    exps = double(*SCORES).exp()
    weights = exps / exps.sum()
    assert "score 2 1 0.1" in prose
    assert f"exp {' '.join(rounded(exps))} sum {exps.sum():.2f}" in prose
    assert f"weight {' '.join(rounded(weights))} sum 1" in prose
    assert torch.allclose(weights, double(*SCORES).softmax(-1))


def test_the_hard_maximum_is_flat_and_then_jumps(prose: str) -> None:
    assert "from 1 to 1.9 and nothing happens; at 2.1 everything does" in prose
    second_is = [int(double(2.0, second, 0.1).argmax()) for second in (1.0, 1.9, 2.1)]
    assert second_is == [0, 0, 1]


def test_ten_times_the_scores_is_nearly_hard(prose: str) -> None:
    first = (10 * double(*SCORES)).softmax(-1)[0]
    assert f"Multiply the scores by 10, and the first weight is {first:.5f}" in prose


def test_one_more_point_is_e_times_the_weight(prose: str) -> None:
    assert f"e = {math.e:.3f} times the weight, here 0.659 / 0.242" in prose
    weights = double(*SCORES).softmax(-1)
    assert rounded(weights)[:2] == ["0.659", "0.242"]
    assert math.isclose(weights[0] / weights[1], math.e)
    assert math.exp(-5) > 0


def test_a_hundred_more_for_all_changes_nothing(prose: str) -> None:
    assert "102, 101 and 100.1 have the same three weights" in prose
    assert torch.allclose(double(102.0, 101.0, 100.1).softmax(-1), double(*SCORES).softmax(-1))


def test_float32_holds_exp_of_88_but_not_of_89(prose: str) -> None:
    assert "float32 ends at 3.4 · 10³⁸" in prose
    assert f"{torch.finfo(torch.float32).max:.1e}" == "3.4e+38"
    assert "exp(88) = 1.7 · 10³⁸ fits, exp(89) is inf" in prose
    assert f"{torch.tensor(88.0).exp():.1e}" == "1.7e+38"
    assert torch.tensor(89.0).exp().isinf()


def test_float16_holds_exp_of_11_but_not_of_12(prose: str) -> None:
    def spaced(number: float) -> str:
        return f"{number:,.0f}".replace(",", " ")

    assert f"float16 ends at {spaced(torch.finfo(torch.float16).max)}" in prose
    assert f"exp(11) = {spaced(math.exp(11))} fits" in prose
    assert f"exp(12) = {spaced(math.exp(12))} does not" in prose
    assert torch.tensor(11.0, dtype=torch.float16).exp().isfinite()
    assert torch.tensor(12.0, dtype=torch.float16).exp().isinf()
    assert math.isnan(math.inf / math.inf)


def test_the_shifted_scores_have_the_weights_of_the_second_table(prose: str) -> None:
    shifted = double(*SCORES) - max(SCORES)
    exps = shifted.exp()
    assert "x − max 0 −1 −1.9" in prose
    assert torch.allclose(shifted, double(0.0, -1.0, -1.9))
    assert f"exp 1 {' '.join(rounded(exps[1:]))} sum {exps.sum():.2f}" in prose
    assert prose.count(f"weight {' '.join(rounded(exps / exps.sum()))}") == 2


def test_a_row_far_below_a_shared_maximum_has_nothing_left(prose: str) -> None:
    assert "Its *own* maximum: a row far below the others would end as 0/0." in prose
    rows = torch.tensor([[1000.0, 999.0], [0.0, 1.0]])
    assert (rows - rows.max())[1].exp().sum() == 0


def test_rows_and_columns_of_the_small_matrix(prose: str) -> None:
    scores = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64)
    assert "scores dim=-1, rows dim=-2, columns" in prose
    rows, columns = scores.softmax(-1), scores.softmax(-2)
    for left, in_row, in_column in zip(("1 2", "3 5"), rows, columns, strict=True):
        line = [left, *rounded(in_row, 2), *rounded(in_column, 2)]
        assert " ".join(line) in prose
    assert torch.allclose(rows.sum(-1), columns.sum(-2))


def test_sum_and_maximum_drop_their_dimension_unless_told_to_keep_it(prose: str) -> None:
    assert "`sum`, `amax` and `max` drop the dimension they run along" in prose
    x = torch.ones(2, 3)
    assert x.sum(-1).shape == x.amax(-1).shape == x.max(-1).values.shape == (2,)
    assert x.sum(-1, keepdim=True).shape == x.amax(-1, keepdim=True).shape == (2, 1)
    assert x.max(-1, keepdim=True).values.shape == (2, 1)


def test_with_the_middle_score_hidden_the_others_share_the_whole(prose: str) -> None:
    first, middle, last = rounded(double(2.0, -math.inf, 0.1).softmax(-1))
    assert f"{first}, {float(middle):.0f}, {last} remain" in prose


@pytest.mark.parametrize("way", ["added", "filled"])
def test_a_nan_covered_up_comes_back_in_the_gradient_where_the_mask_was_added(
    prose: str, way: str
) -> None:
    assert "If −∞ was *added* to the scores, that NaN goes straight through" in prose
    assert "(A fill or a `where` happens to stop it" in prose
    scores = double(*SCORES).requires_grad_()
    hidden = torch.full((3,), -math.inf, dtype=torch.float64)
    masked = scores + hidden if way == "added" else scores.masked_fill(hidden < 0, -math.inf)
    exps = (masked - masked.max()).exp()
    weights = exps / exps.sum()
    assert weights.isnan().all()
    covered = weights.nan_to_num(0.0)
    assert (covered == 0).all()
    covered.sum().backward()
    assert scores.grad is not None
    assert scores.grad.isnan().all() if way == "added" else (scores.grad == 0).all()


def test_torch_gives_zeros_to_an_empty_row_too(prose: str) -> None:
    assert "where empty rows give zeros too" in prose
    x = torch.ones(1, 2, 4)
    mask = torch.tensor([[True, True], [False, False]])
    output = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    assert torch.equal(output[0, 1], torch.zeros(4))


@pytest.mark.parametrize("others", [999, 999_999])
def test_the_closing_question_has_an_answer(prose: str, others: int) -> None:
    assert "One key scores s, the 999 others 0." in prose
    assert "And among a million keys?" in prose
    scores = torch.zeros(others + 1, dtype=torch.float64)
    scores[0] = math.log(others)
    assert math.isclose(scores.softmax(-1)[0].item(), 0.5)
