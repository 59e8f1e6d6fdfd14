"""A course of three small exercises, without torch, for tests that read courses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

COURSE = """\
title = "Small sums"

exercises = [
    "01_double",
    "02_scaled_sum",
    "03_counter",
]
"""

DOUBLE = '''\
"""01 · Double: the right way, then the ways people go wrong.

All numbers are floats.
"""

from __future__ import annotations

import math
from typing import Any

from grader.bank import misconception

_TWO = 2.0


# What it says.
def double(
    x: float,  # any number
    *,
    sign: float = 1.0,
) -> float:  # twice as much
    """Twice the number.

    x: any number. Returns a float.
    """
    return math.copysign(_TWO * abs(x), sign * x)


def halve(x: float) -> float:
    """Half the number."""
    return x / _TWO


# -- the ways people go wrong --------------------------------------------------

_WRONG = 3.0


@misconception(double)
def squares(x, *, sign=1.0):
    """You squared the number.

    What is twice 3?

    For 2 that looks right.
    """
    return x * x


@misconception(halve)
def divides_by_three(x):
    """You took a third."""
    return x / _WRONG
'''

SCALED_SUM = '''\
"""02 · Scaled sum: the right way, then the ways people go wrong."""

from __future__ import annotations

from solutions.double import double
from grader.bank import misconception


def scaled_sum(numbers: list[float], scale: float = 1.0) -> float:
    """The sum of the doubled numbers, scaled."""
    return scale * sum(double(number) for number in numbers)


@misconception(scaled_sum)
def forgets_the_scale(numbers, scale=1.0):
    """Your sum is never scaled.

    Which argument have you not used?
    """
    return sum(double(number) for number in numbers)
'''

COUNTER = '''\
"""03 · Counter: the right way, then the ways people go wrong.

A counter starts at zero.
"""

from grader.bank import misconception


class Counter:
    """Counts what it is told."""

    step = 1

    def __init__(self, start: int = 0) -> None:
        self._count = start

    def add(self, n: int) -> int:
        """Add n and return the new count."""
        self._grow(n)
        return self._count

    @property
    def count(self) -> int:
        """The count so far."""
        return self._count

    def __len__(self) -> int:
        return self._count

    def _grow(self, n: int) -> None:
        self._count += n


@misconception(Counter)
class ForgetsTheStart(Counter):
    """Your counter always starts at zero.

    What was `start` for?
    """

    def __init__(self, start: int = 0) -> None:
        super().__init__()
'''

DOUBLE_SUITE = '''\
"""What `double` and `halve` must do."""

import pytest
from grader.suite import SDPA, same, same_values, step

FORBIDDEN = SDPA


def around(student, x):
    return student.halve(x)


@step(points=2, public=True)
@pytest.mark.parametrize("x", [1.0, 2.5])
def test_twice_as_much(student, reference, x):
    """The result is twice the number"""
    assert same_values(student.double(x), reference.double(x))


@step(points=1, needs="test_twice_as_much")
def test_it_is_a_float(student, reference):
    """The result is a float"""
    assert same(student.double(2.0), reference.double(2.0))


@step(points=3)
def test_back_again(student, reference):
    """Half of the double is the number itself"""
    assert same_values(student.halve(student.double(3.0)), 3.0)
'''

SCALED_SUM_SUITE = '''\
from grader.suite import same_values, step


@step(points=4)
def test_the_sum(student, reference):
    """All numbers are doubled and added"""
    assert same_values(student.scaled_sum([1.0, 2.0]), 6.0)
'''

COUNTER_SUITE = '''\
from grader.suite import same_values, step


@step(points=5)
def test_it_counts(student, reference):
    """It counts on from where it began"""
    assert same_values(student.Counter(2).add(3), 5)
'''

DOUBLE_LESSON = """\
# Double

What is twice 21? Say it before you read on.

## The formula

    2 · x

Two is *two*.

## Hints

### double

1. Look at the formula.
   It is short.
2. Which operator multiplies?

       x ? 2

   That one.

### halve

1. The other way round.
"""

SCALED_SUM_LESSON = """\
# Scaled sum

Add them up.

## Hints

### scaled_sum

1. Double first.
2. Add second.
"""

COUNTER_LESSON = """\
# Counter

How many are there?

## Hints

### Counter

1. Keep the count somewhere.
"""

FILES = {
    "course.toml": COURSE,
    "solutions/01_double.py": DOUBLE,
    "solutions/02_scaled_sum.py": SCALED_SUM,
    "solutions/03_counter.py": COUNTER,
    "tests/hidden/test_01_double.py": DOUBLE_SUITE,
    "tests/hidden/test_02_scaled_sum.py": SCALED_SUM_SUITE,
    "tests/hidden/test_03_counter.py": COUNTER_SUITE,
    "exercises/01_double.md": DOUBLE_LESSON,
    "exercises/02_scaled_sum.md": SCALED_SUM_LESSON,
    "exercises/03_counter.md": COUNTER_LESSON,
}


def lay_out(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """Write a course into a folder; returns it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
