"""Every number and every drawing of the lesson on padding is what torch says it is."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TICKS = {"✓": True, "·": False}
LENGTHS = torch.tensor([3, 4, 5])
VALUES = torch.tensor([6.0, 3.0, 9.0, 0.0, 0.0], dtype=torch.float64)


def ticks(cells: list[str]) -> list[bool]:
    return [TICKS[cell] for cell in cells]


def sentences(lesson: str) -> tuple[list[list[str]], Tensor, list[int]]:
    """The words, the mask and the lengths of the first table."""
    words, rows, lengths = [], [], []
    for said, marks, length in re.findall(
        r"^    (\w[\w ]+?)  +([✓·][✓· ]+?) +(\d+)$", lesson, re.M
    ):
        words.append(said.split())
        rows.append(ticks(marks.split()))
        lengths.append(int(length))
    return words, torch.tensor(rows), lengths


def squares(lesson: str) -> tuple[Tensor, Tensor, Tensor]:
    """The three squares that stand side by side: causal, padding, both."""
    assert re.search(r"^ +causal +padding +both$", lesson, re.M)
    rows = [ticks(line.split()) for line in lesson.splitlines() if re.fullmatch(r" +[✓· ]+", line)]
    whole = torch.tensor(rows)
    assert whole.shape == (5, 15)
    causal, padding, both = whole.split(5, dim=1)
    return causal, padding, both


def test_the_three_sentences_are_as_long_as_the_table_says(lesson: str, prose: str) -> None:
    words, mask, lengths = sentences(lesson)
    assert lengths == [len(sentence) for sentence in words] == LENGTHS.tolist()
    assert "Three sentences, of 3, 4 and 5 words" in prose
    assert "filled up to 5 places" in prose and mask.shape == (3, 5)


def test_the_table_is_the_mask_of_the_formula(lesson: str) -> None:
    assert "\n    mask[b, j]  =  j < lengths[b]\n" in lesson
    _, mask, lengths = sentences(lesson)
    assert re.search(r"^    place +0   1   2   3   4     length$", lesson, re.M)
    assert mask.tolist() == [[j < length for j in range(5)] for length in lengths]


def test_two_fifths_of_the_attention_go_to_nothing_and_97_of_100(prose: str) -> None:
    assert "equal scores give 1/5 to each key" in prose
    assert "spends 2/5 on nothing; in 100 places, 97/100" in prose
    for places, each, spent in (
        (5, Fraction(1, 5), Fraction(2, 5)),
        (100, None, Fraction(97, 100)),
    ):
        weights = torch.zeros(places, dtype=torch.float64).softmax(-1)
        assert each is None or math.isclose(weights[0].item(), each)
        assert math.isclose(weights[3:].sum().item(), spent)


def test_a_value_of_zero_is_paid_for_and_a_hidden_score_is_not(lesson: str) -> None:
    real = sentences(lesson)[1][0]
    scores = torch.zeros(5, dtype=torch.float64)
    everyone = (scores.softmax(-1) @ VALUES).item()
    hidden = (scores.masked_fill(~real, -math.inf).softmax(-1) @ VALUES).item()
    assert f"    five keys      (6 + 3 + 9 + 0 + 0) / 5  =  {everyone:.1f}\n" in lesson
    assert f"    three keys     (6 + 3 + 9) / 3          =  {hidden:.0f}\n" in lesson
    assert math.isclose(everyone, (6 + 3 + 9 + 0 + 0) / 5)
    assert math.isclose(hidden, (6 + 3 + 9) / 3)


def test_a_key_of_zeros_has_a_score_of_zero_which_weighs(prose: str) -> None:
    assert "its score is 0 and exp(0) = 1" in prose
    query = torch.randn(4, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    assert query @ torch.zeros(4, dtype=torch.float64) == 0
    assert math.exp(0) == 1
    assert torch.tensor([0.0, -math.inf]).softmax(-1).tolist() == [1, 0]


def test_the_squares_are_the_masks_of_the_first_sentence(lesson: str) -> None:
    causal, padding, both = squares(lesson)
    real = sentences(lesson)[1][0]
    assert torch.equal(causal, torch.ones(5, 5, dtype=torch.bool).tril())
    assert torch.equal(padding, real.expand(5, 5))
    assert torch.equal(both, causal & padding)


def test_and_leaves_12_ticks_and_or_18(lesson: str, prose: str) -> None:
    causal, padding, both = squares(lesson)
    either = causal | padding
    assert f"That leaves {both.sum()} ticks. *Or* leaves {either.sum()}" in prose
    assert "row 0 would see its future, row 4 the padding" in prose
    assert (either[0] & ~causal[0]).any() and not (both[0] & ~causal[0]).any()
    assert (either[4] & ~padding[4]).any() and not (both[4] & ~padding[4]).any()


def test_the_shapes_fit_together(lesson: str) -> None:
    shapes = dict(re.findall(r"^    (causal|padding|both) +(\(\w+, [\w, ]+\))", lesson, re.M))
    assert shapes == {
        "causal": "(n_q, n_k)", "padding": "(batch, n_k)", "both": "(batch, n_q, n_k)",
    }  # fmt: skip
    causal, padding = torch.ones(4, 6) == 1, torch.ones(3, 6) == 1
    assert (causal & padding.unsqueeze(1)).shape == (3, 4, 6)


def test_twelve_of_fifteen_places_are_real(prose: str) -> None:
    assert f"over the {LENGTHS.sum()} real tokens, not over all {3 * 5} places" in prose
    assert "The last two rows belong to padding." in prose and 5 - 3 == 2


def test_a_nan_in_one_sample_travels_into_every_weight(prose: str) -> None:
    assert "A single NaN would travel with the gradient into every weight" in prose
    w = torch.ones(2, 2, requires_grad=True)
    x = torch.ones(3, 5, 2)
    x[0, 0] = math.nan
    (x @ w).sum().backward()
    assert w.grad is not None and w.grad.isnan().all()


def test_in_torch_the_mask_has_an_axis_for_heads(prose: str) -> None:
    assert "scores are (batch, heads, n_q, n_k)" in prose
    assert "should be (batch, 1, n_q, n_k)" in prose
    padding = torch.arange(5) < LENGTHS[:, None]
    mask = padding[:, None, :].expand(3, 5, 5)
    q = torch.zeros(3, 2, 5, 5)
    axes = torch.eye(5).expand(3, 2, 5, 5)
    weights = F.scaled_dot_product_attention(q, q, axes, attn_mask=mask[:, None])
    assert torch.equal(weights > 0, mask[:, None].expand(3, 2, 5, 5))


def test_in_multihead_attention_true_means_ignore(prose: str) -> None:
    assert "`key_padding_mask`, (batch, n_k), in which True means *ignore*" in prose
    padding = torch.arange(5) < LENGTHS[:, None]
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(6))
    with torch.random.fork_rng(devices=[]):
        layer = nn.MultiheadAttention(4, 2, batch_first=True)
    _, weights = layer(x, x, x, key_padding_mask=~padding)
    assert torch.equal(weights > 0, padding[:, None, :].expand(3, 5, 5))


def test_behind_a_causal_mask_real_queries_see_padding_only_if_it_stands_in_front(
    prose: str,
) -> None:
    assert "which real query sees padding? And with padding in front?" in prose
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    at_the_end = torch.arange(5) < LENGTHS[:, None]
    for real, seen in ((at_the_end, False), (at_the_end.flip(-1), True)):
        looks_at_padding = causal & ~real[:, None, :] & real[:, :, None]
        assert looks_at_padding.any() == seen
    in_front = at_the_end.flip(-1)
    assert in_front[:, -1].all()  # each sentence's newest word is in the last place
