"""A second style shares no statement with the first, whatever the names are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from grader.course import Course
from grader.styles import Restyled, right_ones, shared_statements

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.open(ROOT)


def function(source: str) -> ast.FunctionDef:
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    return node


@pytest.mark.parametrize(
    "one, other, shared",
    [
        ("def f(q, k): return q @ k.mT", "def g(a, b): return a @ b.mT", ["q @ k.mT"]),
        ("def f(q, k): return q @ k.mT", "def g(a, b): return a @ b.T", []),
        ("def f(q, k): return q @ k", "def g(a, b): return b @ a", ["q @ k"]),  # by place
        ("def f(q, k): return q * q", "def g(a, b): return a * b", []),
        ("def f(x):\n y = x.exp()\n return y", "def g(a):\n b = a.exp()\n return b", ["x.exp()"]),
        ("def f(x): return x", "def g(a): return a", []),  # does nothing
        ("def f(x):\n for i in range(3): x += i\n return x",
         "def g(a):\n for j in range(3): a = a + 2\n return a", ["range(3)"]),
        ("def f(x):\n if x.dim() > 2: return x.sum()\n return x",
         "def g(a):\n return a.sum() if a.dim() > 2 else a", []),
        ("def f(x): return x / 8", "def g(a): return a / 9", []),
    ],
)  # fmt: skip
def test_statements_are_shared_when_only_names_differ(one, other, shared):
    assert shared_statements(function(one), function(other)) == shared


@pytest.mark.parametrize(
    "statement, counts",
    [
        ("both = cache.append(k, v)", False),
        ("both = cache.append(k, 2 * v)", True),
        ("both = cache.append(k[0], v)", True),
        ("both = cache.append(k, v=v)", True),
        ("both = cache.extend(k, v)", True),
        ("both = other.cache.append(k, v)", True),
    ],
)
def test_to_call_a_method_of_the_exercises_is_no_statement_of_ones_own(statement, counts):
    one = function(f"def f(k, v, cache, other):\n    {statement}\n    return both")
    assert bool(shared_statements(one, one, {"append"})) is counts


def test_a_restyled_program_is_made_a_whole_submission():
    exercise = COURSE.exercise("02")
    wrong = next(m for m in exercise.misconceptions if m.id.endswith(".forgets_to_scale"))
    source = Restyled(exercise).submission(wrong)
    names = {n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    assert {"dot_scores", "scale_scores", "forgets_to_scale"} <= names
    assert source.rstrip().endswith("\nscaled_scores = forgets_to_scale")
    others = {m.id.partition(".")[2] for m in exercise.misconceptions} - {"forgets_to_scale"}
    assert not others & names


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_every_wrong_program_has_a_second_style_and_nothing_else_has(exercise):
    names = {wrong.id.partition(".")[2] for wrong in exercise.misconceptions}
    assert set(Restyled(exercise).programs) == names


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_there_are_three_right_programs_in_other_styles_at_least(exercise):
    assert len(right_ones(exercise)) >= 3
