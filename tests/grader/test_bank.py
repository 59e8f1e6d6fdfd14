"""Variants are what an execution of the solution with a part gone wrong would give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from grader.bank import Bank
from grader.course import Course

ROOT = Path(__file__).parents[2]
CALL = "weights = softmax(scores) if mask"
HEAD = "def attention(q: Tensor"
ALIAS = ("_share = softmax\n\n\n", "_share(scores)")
LAMBDA = ("_share = lambda scores: softmax(scores)\n\n\n", "_share(scores)")
DEFAULT = ("def _share(scores, how=softmax):\n    return how(scores)\n\n\n", "_share(scores)")
DECORATED = (
    "@torch.enable_grad()\ndef _share(scores):\n    return softmax(scores)\n\n\n", "_share(scores)",
)  # fmt: skip
CONSTANT = ("_ROWS = softmax(torch.ones(3, 4))\n\n\n", "0 * scores + _ROWS")
FOREIGN = ("from solutions.softmax import math as _m\n\n\n", "_m.e * softmax(scores) / math.e")


@pytest.mark.parametrize("before, share", [ALIAS, LAMBDA, DEFAULT, DECORATED, CONSTANT, FOREIGN])
def test_a_wrong_part_comes_in_by_whatever_way_a_solution_names_it(tmp_path, before, share):
    for part in ("exercises", "solutions", "tests/hidden"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "course.toml", tmp_path)
    solution = tmp_path / "solutions" / "05_attention.py"
    text = solution.read_text(encoding="utf-8")
    text = text.replace(HEAD, before + HEAD, 1)
    text = text.replace(CALL, CALL.replace("softmax(scores)", share))
    solution.write_text(text, encoding="utf-8")
    course = Course.open(tmp_path)
    bank, exercise = Bank(course), course.exercise("05")
    wrong = {one.id: one for one in bank.misconceptions(exercise)}
    program = bank.variant(exercise, (wrong["04_softmax.forgets_to_divide"],))
    q, k, v = torch.ones(3, 4), torch.eye(4), torch.ones(4, 2)
    assert program["attention"](q, k, v)[1].sum(-1).tolist() == pytest.approx([4.0, 4.0, 4.0])
