"""Every number of the lesson on grouped queries is what torch, or plain arithmetic, says it is."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
HEADS, HEIGHT, WIDTH, TOKENS = 32, 32, 128, 8192  # of the lesson's model; HEIGHT in layers


@pytest.fixture(scope="module")
def table(lesson: str) -> dict[int, tuple[int, int, str]]:
    """For each number of key heads the bytes of one token and of all, and its name."""
    row = r"^ +(\d+) +(\d+) (KiB) +(\d+) (MiB|GiB) +([a-z-]+)$"
    return {
        int(heads): (int(one) * UNITS[small], int(many) * UNITS[large], name)
        for heads, one, small, many, large, name in re.findall(row, lesson, re.MULTILINE)
    }


def paired(lesson: str, beginning: str) -> list[int]:
    """The numbers of the heads in one line of the lesson's table of pairs."""
    row = re.search(rf"^ +{beginning} +((?:\d +){{5}}\d)(?: |$)", lesson, re.MULTILINE)
    assert row, f"the lesson has no line of {beginning}"
    return [int(number) for number in row[1].split()]


def numbered(count: int) -> Tensor:
    """Heads of one token and one feature, whose only number is their own."""
    return torch.arange(count).reshape(count, 1, 1)


def test_the_bytes_of_the_table_are_those_of_the_formula(
    table: dict[int, tuple[int, int, str]], prose: str
) -> None:
    assert "2 · layers · n_kv_heads · d_head · tokens · bytes per value" in prose
    assert "A model of 32 layers, each with 32 heads of width 128, has read 8 192 tokens" in prose
    assert "two bytes a number" in prose and torch.finfo(torch.bfloat16).bits == 2 * 8
    assert list(table) == [HEADS, 8, 1]
    for heads, (one, many, _) in table.items():
        assert one == 2 * HEIGHT * heads * WIDTH * 1 * 2
        assert many == 2 * HEIGHT * heads * WIDTH * TOKENS * 2


def test_the_reference_counts_as_the_table_does(
    table: dict[int, tuple[int, int, str]], reference: SimpleNamespace
) -> None:
    for heads, (one, many, _) in table.items():
        assert reference.kv_cache_bytes(HEIGHT, heads, WIDTH, 1, 2) == one
        assert reference.kv_cache_bytes(HEIGHT, heads, WIDTH, TOKENS, 2) == many


def test_the_bytes_are_those_of_the_tensors_themselves(
    table: dict[int, tuple[int, int, str]],
) -> None:
    for heads, (one, many, _) in table.items():
        for tokens, expected in ((1, one), (TOKENS, many)):
            kept = torch.empty(2, HEIGHT, heads, tokens, WIDTH, dtype=torch.bfloat16, device="meta")
            assert kept.numel() * kept.element_size() == expected


def test_all_heads_are_multi_head_and_one_is_multi_query(
    table: dict[int, tuple[int, int, str]],
) -> None:
    names = {heads: name for heads, (_, _, name) in table.items()}
    assert names == {HEADS: "multi-head", 8: "grouped", 1: "multi-query"}


def test_four_gibibytes_are_read_for_every_token(
    table: dict[int, tuple[int, int, str]], prose: str
) -> None:
    assert "4 MiB, 400 MiB or 4 GiB?" in prose and "all 4 GiB are read" in prose
    assert table[HEADS][1] == 4 * UNITS["GiB"]
    assert "(1 KiB is 1 024 bytes)" in prose


def test_the_named_model_has_the_sizes_of_the_middle_row(
    table: dict[int, tuple[int, int, str]], prose: str
) -> None:
    """32 layers, 32 heads, 8 key/value heads, and 4 096 numbers to a token, says the paper."""
    assert 'The middle row has the sizes of the 8B model in "The Llama 3 Herd of Models"' in prose
    assert list(table)[1] == 8
    assert 4096 // HEADS == WIDTH


def test_three_query_heads_share_a_key_head(lesson: str) -> None:
    query = paired(lesson, "query head")
    each, whole = paired(lesson, "each head three times"), paired(lesson, "the whole set again")
    assert query == list(range(6))
    n_rep = 6 // 2
    assert each == [head // n_rep for head in query]
    assert each == numbered(2).repeat_interleave(n_rep, 0).flatten().tolist()
    assert whole == numbered(2).repeat(n_rep, 1, 1).flatten().tolist()


def test_with_one_key_head_and_with_six_both_ways_are_the_same(prose: str) -> None:
    assert "With 1 key head, or with 6, they are the same; in between they are not" in prose
    for count in (1, 2, 3, 6):
        heads, n_rep = numbered(count), 6 // count
        alike = torch.equal(heads.repeat_interleave(n_rep, 0), heads.repeat(n_rep, 1, 1))
        assert alike == (count in (1, 6))


def test_the_picture_gives_each_query_head_the_key_head_of_the_text(lesson: str) -> None:
    pictures = re.findall(r"query +((?:\d +)+\d)\n.*\n +key +((?:\d +)*\d)\n", lesson)
    queries = [[int(n) for n in row.split()] for row, _ in pictures]
    keys = [[int(n) for n in row.split()] for _, row in pictures]
    assert queries == [list(range(6))] * 3
    assert keys == [list(range(6)), [0, 1], [0]]


def test_the_single_token_makes_360_and_330(
    lesson: str, prose: str, reference: SimpleNamespace
) -> None:
    assert "Let these be 10 and 20, and w_o one column, 1 2 3 4 5 6:" in prose
    w_o = torch.arange(1.0, 7.0)
    for pairs, row in (
        ([0, 0, 0, 1, 1, 1], r"10·\(1 \+ 2 \+ 3\) \+ 20·\(4 \+ 5 \+ 6\)  =  (\d+)$"),
        ([0, 1, 0, 1, 0, 1], r"10·\(1 \+ 3 \+ 5\) \+ 20·\(2 \+ 4 \+ 6\)  =  (\d+)  "),
    ):
        found = re.search(row, lesson, re.MULTILINE)
        values = torch.tensor([10.0, 20.0])[pairs]
        assert found and float(found[1]) == values @ w_o
    one = torch.ones(1, 1)
    parts = one, one.expand(1, 6), one.expand(1, 2), torch.tensor([[10.0, 20.0]]), w_o[:, None]
    assert reference.grouped_query_attention(*parts, 6, 2).item() == 360


def test_the_last_row_of_the_multiply_adds_knows_no_key_heads(lesson: str) -> None:
    """A product of matrices multiplies each entry of the left with a whole row of the right."""
    rows = dict(re.findall(r"^    (x·w_q|x·w_k|scores),.* {2,}(n.*?) +each$", lesson, re.MULTILINE))
    n, d, d_model, n_heads = 5, 4, 12, 6
    for n_kv_heads in (1, 2, 6):
        sizes = {"n": n, "d": d, "d_model": d_model, "n_heads": n_heads, "n_kv_heads": n_kv_heads}
        said = {
            row: math.prod(sizes[factor] for factor in re.split(r" · |·", product))
            for row, product in rows.items()
        }
        x, w_q = torch.ones(n, d_model), torch.ones(d_model, n_heads * d)
        w_k = torch.ones(d_model, n_kv_heads * d)
        k = torch.ones(n_kv_heads, n, d).repeat_interleave(n_heads // n_kv_heads, 0)
        q, weights = torch.ones(n_heads, n, d), torch.ones(n_heads, n, n)
        for row, left, right in (
            ("x·w_q", x, w_q),
            ("x·w_q", x @ w_q, w_q.mT),
            ("x·w_k", x, w_k),
            ("scores", q, k.mT),
            ("scores", weights, k),
        ):
            assert (left @ right).shape[-1] == right.shape[-1]
            assert left.numel() * right.shape[-1] == said[row]
    assert "n_kv_heads" not in rows["scores"]


def test_torch_pairs_as_the_lesson_does(prose: str) -> None:
    assert "F.scaled_dot_product_attention(q, k, v, enable_gqa=True)" in prose
    q, k = torch.zeros(1, 6, 1, 1), torch.zeros(1, 2, 1, 1)
    found = F.scaled_dot_product_attention(q, k, numbered(2)[None].float(), enable_gqa=True)
    assert found.flatten().tolist() == [0, 0, 0, 1, 1, 1]


def test_averages_change_nothing_where_the_heads_of_a_group_are_the_same(
    prose: str, reference: SimpleNamespace
) -> None:
    assert "average the trained w_k and w_v of each group" in prose
    generator = torch.Generator().manual_seed(9)
    x, w_q, w_o, w_k, w_v, other = (
        torch.randn(rows, columns, generator=generator, dtype=torch.float64)
        for rows, columns in ((5, 8), (8, 12), (12, 8), (8, 2 * 2), (8, 2 * 2), (8, 2 * 6))
    )
    alike = [w.unflatten(1, (2, 2)).repeat_interleave(3, 1).flatten(1) for w in (w_k, w_v)]
    for six, unchanged in ((alike, True), ([other, alike[1]], False)):
        two = [w.unflatten(1, (2, 3, 2)).mean(2).flatten(1) for w in six]
        many = reference.grouped_query_attention(x, w_q, *six, w_o, 6, 6)
        few = reference.grouped_query_attention(x, w_q, *two, w_o, 6, 2)
        assert torch.allclose(many, few) == unchanged
