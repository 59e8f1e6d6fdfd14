"""Every number and every drawing of the lesson on causal masks is what torch says it is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right


def drawings(lesson: str) -> list[tuple[list[str], list[str], Tensor]]:
    """The words on the columns, the words on the rows, and the mask of each drawing."""
    found: list[tuple[list[str], list[str], Tensor]] = []
    previous: list[str] = []
    columns: list[str] = []
    names: list[str] = []
    rows: list[list[bool]] = []
    for cells in [*(line.split() for line in lesson.splitlines()), []]:
        ticks = [cell for cell in cells if cell in ("✓", "·")]
        if ticks and len(cells) == len(ticks) + 1:
            columns = columns if rows else previous
            names.append(cells[0])
            rows.append([tick == "✓" for tick in ticks])
        elif rows:
            found.append((columns, names, torch.tensor(rows)))
            names, rows = [], []
        previous = cells
    return found


def weights(*scores: float) -> list[str]:
    """Softmax of the scores, to two places."""
    return [f"{w:.2f}" for w in torch.tensor(scores, dtype=torch.float64).softmax(-1).tolist()]


def test_the_square_drawing_is_the_causal_mask_of_the_quick_brown_fox(lesson: str) -> None:
    columns, rows, mask = drawings(lesson)[0]
    assert columns == rows == ["The", "quick", "brown", "fox"]
    assert torch.equal(mask, torch.ones(4, 4, dtype=torch.bool).tril())


def test_the_second_drawing_has_three_cached_words_and_two_new_ones(lesson: str) -> None:
    columns, rows, mask = drawings(lesson)[1]
    assert columns == ["The", "quick", "brown", "fox", "jumps"]
    assert rows == columns[-2:]
    assert torch.equal(mask, torch.ones(2, 5, dtype=torch.bool).tril(5 - 2))
    assert len(drawings(lesson)) == 2


def test_the_drawings_obey_the_formula(lesson: str) -> None:
    assert "\n    j ≤ i + (n_k − n_q)\n" in lesson
    for _, _, mask in drawings(lesson):
        n_q, n_k = mask.shape
        seen = [[j <= i + (n_k - n_q) for j in range(n_k)] for i in range(n_q)]
        assert mask.tolist() == seen


def test_fox_sees_keys_up_to_three_and_only_the_first_when_lined_up_there(
    lesson: str, prose: str
) -> None:
    assert "For fox, i = 0, and j ≤ 0 + (5 − 2) = 3." in prose
    mask = drawings(lesson)[1][2]
    assert mask[0].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert "fox would see *The* and nothing else" in prose
    assert torch.ones(2, 5, dtype=torch.bool).tril()[0].nonzero().flatten().tolist() == [0]


def test_with_more_queries_than_keys_the_first_rows_are_empty(prose: str) -> None:
    assert "With more queries than keys, the first rows stay empty." in prose
    mask = torch.ones(5, 2, dtype=torch.bool).tril(2 - 5)
    assert mask.any(-1).tolist() == [False, False, False, True, True]


def test_a_hidden_score_of_zero_leaks_and_minus_infinity_does_not(prose: str) -> None:
    assert "exp(0) = 1" in prose and math.exp(0) == 1
    assert "exp(−∞) = 0" in prose and math.exp(-math.inf) == 0
    assert f"set to 0 2 1 0 weights {' '.join(weights(2, 1, 0))}" in prose
    assert f"set to −∞ 2 1 −∞ weights {' '.join(weights(2, 1, -math.inf))}" in prose


def test_a_hidden_zero_among_negative_scores_takes_the_most(prose: str) -> None:
    assert f"take {weights(-2, -1, 0)[2]} of the attention" in prose


def test_masks_broadcast_to_the_scores_as_the_lesson_says(lesson: str) -> None:
    assert "scores  (8, 12, 4, 4)     mask         (4, 4)    one for all" in lesson
    assert "scores  (8, 12, 4, 4)     mask   (8, 1, 4, 4)    one per sample" in lesson
    for shape in ((4, 4), (8, 1, 4, 4)):
        assert torch.broadcast_shapes(shape, (8, 12, 4, 4)) == (8, 12, 4, 4)


def test_what_is_made_from_nothing_has_a_dtype_and_a_place_of_its_own(prose: str) -> None:
    assert "lies on the CPU unless you say otherwise, and `ones` makes float32" in prose
    assert "(but `arange` int64)" in prose
    assert torch.ones(2).dtype is torch.float32
    assert torch.arange(2).dtype is torch.int64
    assert torch.ones(2).device == torch.arange(2).device == torch.device("cpu")


def test_all_four_conventions_translate_to_ours(lesson: str) -> None:
    ours = torch.ones(4, 4, dtype=torch.bool).tril()
    hides = torch.ones(4, 4).triu(diagonal=1).bool()
    counts = torch.ones(4, 4).tril()
    added = nn.Transformer.generate_square_subsequent_mask(4)
    assert set(added.flatten().tolist()) == {0.0, -math.inf}
    for ending, translated in (
        ("F.scaled_dot_product_attention    m", ours),
        ("triu, nn.MultiheadAttention       ~m", ~hides),
        ("tokenizers, many tutorials        m == 1", counts == 1),
        ("generate_square_subsequent_mask   m == 0", added == 0),
    ):
        assert f"{ending}\n" in lesson
        assert torch.equal(translated, ours)


def test_the_two_torch_modules_read_a_mask_as_the_table_says(prose: str) -> None:
    assert "True keeps F.scaled_dot_product_attention m " in prose
    assert "True hides triu, nn.MultiheadAttention ~m " in prose
    x = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ours = torch.ones(4, 4, dtype=torch.bool).tril()
    only_itself = F.scaled_dot_product_attention(x, x, x, attn_mask=ours)[0, 0]
    assert torch.allclose(only_itself, x[0, 0])
    module = nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    _, shares = module(x, x, x, attn_mask=~ours)
    assert torch.equal(shares[0] > 0, ours)


def test_torch_has_our_mask_and_a_flag_that_lines_up_the_first_tokens(prose: str) -> None:
    assert "torch.nn.attention.bias.causal_lower_right" in prose
    q = torch.ones(1, 2, 5, dtype=torch.float64)
    k, v = torch.ones(1, 5, 5, dtype=torch.float64), torch.eye(5, dtype=torch.float64)[None]
    ours = F.scaled_dot_product_attention(q, k, v, attn_mask=causal_lower_right(2, 5))
    assert torch.equal(ours[0] > 0, torch.ones(2, 5, dtype=torch.bool).tril(3))
    assert "`is_causal=True` lines up the *first* query" in prose
    flagged = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.equal(flagged[0] > 0, torch.ones(2, 5, dtype=torch.bool).tril())


def test_the_first_word_gives_itself_all_its_weight_whatever_its_score(prose: str) -> None:
    assert "Which weight does it give itself, whatever its score?" in prose
    for score in (-3.0, 0.0, 7.0):
        assert weights(score, -math.inf) == ["1.00", "0.00"]
