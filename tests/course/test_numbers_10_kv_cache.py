"""Every number of the lesson on caches is what torch, or plain arithmetic, says it is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from grader.worker.counting import multiply_adds

with warnings.catch_warnings():  # torch's own, while it loads what compiles attention
    warnings.simplefilter("ignore")
    from torch.nn.attention.bias import causal_lower_right

QUERY = torch.tensor([2.0, 1.0, 0.0, 1.0], dtype=torch.float64)
# The model of the lesson.
LAYERS, HEADS, KEY_HEADS, WIDTH, TOKENS = 32, 32, 8, 128, 8192


@pytest.fixture(scope="module")
def rows(lesson: str) -> Tensor:
    """The worked example: for each word its key (4), value (2), product, score and weight."""
    numbers = []
    for token in ("The", "quick", "brown"):
        row = re.search(rf"^ +{token} +([−0-9. ]+)$", lesson, re.MULTILINE)
        assert row, f"the worked example has no row for {token}"
        cells = [float(cell.replace("−", "-")) for cell in row[1].split()]
        assert len(cells) == 9
        numbers.append(cells)
    return torch.tensor(numbers, dtype=torch.float64)


def seen(attend: Callable[[Tensor, Tensor], Tensor], n_q: int, n_k: int) -> Tensor:
    """Which keys get any weight where all scores are equal."""
    q, v = torch.zeros(1, n_q, n_k), torch.eye(n_k)[None]
    return attend(q, v)[0] > 0


def spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def test_the_products_and_scores_of_the_worked_example_come_from_its_keys(
    rows: Tensor, prose: str
) -> None:
    assert "W_q makes its query (2, 1, 0, 1)" in prose and "√d_k = 2" in prose
    assert len(QUERY) ** 0.5 == 2
    assert torch.equal(rows[:, :4] @ QUERY, rows[:, 6])
    assert torch.equal(rows[:, 6] / 2, rows[:, 7])


def test_the_weights_of_the_worked_example_are_the_softmax_of_its_scores(
    rows: Tensor, lesson: str
) -> None:
    weights = rows[:, 7].softmax(-1)
    assert [f"{w:.3f}" for w in weights] == [f"{w:.3f}" for w in rows[:, 8]]
    assert all(f"  {w:.3f}\n" in lesson for w in weights.tolist())


def test_the_output_of_the_worked_example_is_the_weighted_sum_of_its_values(
    rows: Tensor, lesson: str
) -> None:
    exact = rows[:, 7].softmax(-1) @ rows[:, 4:6]
    by_hand = rows[:, 8] @ rows[:, 4:6]
    terms = " + ".join(f"{r[8]:.3f}·({r[4]:.0f}, {r[5]:.0f})" for r in rows.tolist())
    for output in (exact, by_hand):
        line = f"    {terms} = ({output[0]:.2f}, {output[1]:.2f})\n"
        assert line.replace("-", "−") in lesson


def test_read_from_the_start_the_last_row_is_the_same_and_the_others_were_known(
    rows: Tensor, prose: str
) -> None:
    assert "Read from the start, the text gives this row, and two that are known." in prose
    keys, values = rows[:, :4], rows[:, 4:6]
    queries = torch.stack([QUERY - 1, QUERY + 1, QUERY])  # whatever the first two asked
    whole = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    assert torch.allclose(whole[-1], rows[:, 7].softmax(-1) @ values)
    before = F.scaled_dot_product_attention(queries[:2], keys[:2], values[:2], is_causal=True)
    assert torch.allclose(whole[:2], before)


def test_with_a_thousand_words_held_one_key_is_made_and_none_again(prose: str) -> None:
    """Behind a causal mask old keys do not change, two layers up neither."""
    assert "A model has written 1 000 words" in prose and "How many of the 1 000 keys" in prose
    assert "So nothing is made again, and no old query is needed." in prose
    draw = torch.Generator().manual_seed(10)
    x, w = (torch.randn(*shape, generator=draw) for shape in ((1000, 4), (4, 4)))

    def keys(tokens: Tensor, causal: bool) -> list[Tensor]:
        """Those of the first layer, and of the one above."""
        above = F.scaled_dot_product_attention(*[(tokens @ w)[None]] * 3, is_causal=causal)[0]
        return [tokens @ w, above @ w]

    for part, whole in zip(keys(x[:-1], True), keys(x, True), strict=True):
        assert torch.allclose(part, whole[:-1], atol=1e-5)
    # The question at the end: reading both ways, those of the first layer alone are right.
    assert "in the first layer and above?" in prose
    same = [
        torch.allclose(part, whole[:-1], atol=1e-5)
        for part, whole in zip(keys(x[:-1], False), keys(x, False), strict=True)
    ]
    assert same == [True, False]


def test_the_formula_is_that_of_lesson_03_with_the_newest_tokens_for_queries(lesson: str) -> None:
    assert "\n    query i sees key j where  j ≤ i + (n − n_new)\n" in lesson
    for n_new, n in ((1, 4), (2, 5), (3, 3)):
        whole = torch.ones(n, n).tril().bool()[n - n_new :]
        by_formula = [[j <= i + (n - n_new) for j in range(n)] for i in range(n_new)]
        assert whole.tolist() == by_formula


def test_a_single_new_word_is_all_ticks(prose: str) -> None:
    assert "A single new word is the last row, all ticks." in prose
    assert torch.ones(5, 5).tril().bool()[-1].all()


def test_a_step_costs_what_its_two_products_cost(lesson: str) -> None:
    assert "    cached        n·(d_k+d_v)      N²/2·(d_k+d_v)\n" in lesson
    assert "    not cached    n²·(d_k+d_v)     N³/3·(d_k+d_v)\n" in lesson
    n, d_k, d_v = 7, 5, 3
    for queries, expected in ((1, n * (d_k + d_v)), (n, n**2 * (d_k + d_v))):
        with FlopCounterMode(display=False) as counter:
            torch.ones(queries, d_k) @ torch.ones(d_k, n) @ torch.ones(n, d_v)
        assert counter.get_total_flops() == 2 * expected  # a product and a sum are two


def test_the_sums_over_a_whole_text_are_about_a_half_and_a_third() -> None:
    assert sum(range(1, TOKENS + 1)) == pytest.approx(TOKENS**2 / 2, rel=1e-3)
    assert sum(n * n for n in range(1, TOKENS + 1)) == pytest.approx(TOKENS**3 / 3, rel=1e-3)


def test_one_step_of_the_model_is_two_billion_and_without_a_cache_seventeen_trillion(
    prose: str,
) -> None:
    assert f"{LAYERS} layers of {HEADS} heads, {WIDTH} wide, and {spaced(TOKENS)} tokens" in prose
    step = LAYERS * HEADS * TOKENS * (WIDTH + WIDTH)
    product = f"{LAYERS}·{HEADS}·{spaced(TOKENS)}·({WIDTH} + {WIDTH})"
    assert f"{product} = {spaced(step)}, some {step / 1e9:.1f} billion" in prose
    without = LAYERS * HEADS * TOKENS**2 * (WIDTH + WIDTH)
    assert without == TOKENS * step
    assert f"without a cache {spaced(TOKENS)} times that, {without / 1e12:.1f} trillion" in prose


def test_the_cache_of_the_model_takes_one_gibibyte(prose: str) -> None:
    half = torch.finfo(torch.bfloat16).bits // 8
    gib = 2 * LAYERS * KEY_HEADS * WIDTH * TOKENS * half / 2**30
    assert f"{gib:.0f} GiB here in half precision, with {KEY_HEADS} key heads" in prose


def test_torchs_lower_right_mask_is_the_one_that_is_needed(prose: str) -> None:
    assert "which `torch.nn.attention.bias.causal_lower_right(n_new, n)` makes" in prose
    for n_new, n in ((1, 4), (2, 5), (4, 4)):
        mask = causal_lower_right(n_new, n)
        got = seen(lambda q, v: F.scaled_dot_product_attention(q, v, v, attn_mask=mask), n_new, n)  # noqa: B023
        assert torch.equal(got, torch.ones(n_new, n).tril(n - n_new).bool())


def test_torchs_flag_shows_a_single_query_key_zero_only(prose: str) -> None:
    assert "a single query would see key 0 only, at every step" in prose
    for n in (2, 5, 9):
        got = seen(lambda q, v: F.scaled_dot_product_attention(q, v, v, is_causal=True), 1, n)
        assert got[0].nonzero().flatten().tolist() == [0]


def test_the_reference_takes_the_products_of_the_lesson(
    reference: SimpleNamespace,
) -> None:
    """For each head of the model; beside them two a score, to scale it and to share out."""
    cache = reference.KVCache()
    cache.append(torch.zeros(TOKENS - 1, WIDTH), torch.zeros(TOKENS - 1, WIDTH))
    newest = [torch.zeros(1, WIDTH) for _ in range(3)]
    counted = multiply_adds(reference.cached_attention, (*newest, cache), {})
    assert LAYERS * HEADS * (counted - 2 * TOKENS) == 2_147_483_648
    assert reference.kv_cache_bytes(LAYERS, KEY_HEADS, WIDTH, TOKENS, 2) == 1 << 30
