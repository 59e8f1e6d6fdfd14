"""Rows that are turned wrongly, from a submission in a worker to what its report says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grader.course import Course
from grader.model import Verdict

from .in_workers import Graded, grading
from .tiny_course import lay_out

SOLUTION = '''\
"""01 · Turns: the right way, then the ways people go wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.bank import misconception


def apply_rope(x: Tensor, positions: Tensor, base: float = 10000.0) -> Tensor:
    """The rows of x, each turned by its position.

    x: (..., n, d). positions: (n,).
    """
    half = x.shape[-1] // 2
    angles = positions[:, None] * base ** (-torch.arange(half) / half)
    one, other = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)


@misconception(apply_rope)
def leaves_out_the_sines(x, positions, base=10000.0):
    """Your columns are scaled, and nothing of their partners comes to them.

    What does a turn do with a row (1, 0)?

    A turn keeps the length of what it turns.
    """
    half = x.shape[-1] // 2
    angles = positions[:, None] * base ** (-torch.arange(half) / half)
    return x * torch.cat([angles.cos(), angles.cos()], -1)
'''

SUITE = '''\
"""How rows are turned."""

import pytest
import torch
from grader.suite import same_values, step


@step(points=5)
@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 4, 4), (3, 6)])
def test_rows_are_turned(student, reference, draw, shape):
    """Each row is turned by its position

    By what angle is the first row turned?
    """
    x, positions = draw.normal(*shape), torch.arange(shape[-2])
    for given in (positions, 3 * positions + 2):
        assert same_values(student.apply_rope(x, given), reference.apply_rope(x, given))
    got = student.apply_rope(x, positions, base=500.0)
    assert same_values(got, reference.apply_rope(x, positions, base=500.0))
'''

LESSON = """\
# Turns

What does a turn leave as it is?

## Hints

### apply_rope

1. Halve the row.
"""

FILES = {
    "course.toml": 'title = "Turns"\n\nexercises = ["01_turns"]\n',
    "solutions/01_turns.py": SOLUTION,
    "tests/hidden/test_01_turns.py": SUITE,
    "exercises/01_turns.md": LESSON,
}
MINE = """\
import torch

def apply_rope(x, positions, base=10000.0):
    d = x.size(-1)
    speeds = torch.pow(torch.tensor(float(base)), -2 * torch.arange(d // 2) / d)
    angles = torch.outer(positions.float(), speeds)
    turns = torch.polar(torch.ones_like(angles), angles)
    pairs = torch.stack(x.chunk(2, -1), -1).contiguous()
    turned = torch.view_as_real(torch.view_as_complex(pairs) * turns)
    return turned.transpose(-1, -2).flatten(-2)
"""
NEIGHBOURS = MINE.replace(
    "torch.stack(x.chunk(2, -1), -1).contiguous()", "x.unflatten(-1, (-1, 2)).contiguous()"
).replace("turned.transpose(-1, -2).flatten(-2)", "turned.flatten(-2)")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    """Grades a source in workers."""
    with grading(Course.open(lay_out(tmp_path_factory.mktemp("turns"), FILES))) as grade:
        yield grade


def test_a_right_program_in_another_style_passes(graded):
    assert graded(MINE).passed


@pytest.mark.parametrize(
    "source, says",
    [
        (NEIGHBOURS,
         "You pair neighbouring columns, 0 with 1, where column 0 belongs to column 4 of 8."),
        (MINE.replace("positions.float()", "positions.float() + 1"),
         "Your positions start at 1: position 0 is turned as well."),
        (MINE.replace("float(base)", "1000.0"),
         "Your angles fall off with base 1000, where 10000 should stand."),
        (MINE.replace("-2 * torch", "-1 * torch"),
         "With d_head = 8, pair i turns by the position times 10000^(−i/8) = 100^(−2i/8), "
         "where 10000^(−2i/8) should stand."),
        (MINE.replace("outer(p", "outer(-p"), "Your angles run the other way round."),
    ],
    ids=["pairing", "offset", "base", "exponent", "direction"],
)  # fmt: skip
def test_an_unlisted_turn_is_measured(graded, source, says):
    (result,) = graded(source).steps
    assert result.verdict is Verdict.FAILED
    ((mistake,),) = result.diagnoses
    assert (mistake.id, mistake.says) == ("probes.rotation", says)


def test_a_listed_mistake_goes_by_its_own_name(graded):
    source = MINE.replace("torch.polar(torch.ones_like(angles), angles)", "angles.cos()")
    (result,) = graded(source).steps
    ((mistake,),) = result.diagnoses
    assert mistake.id == "01_turns.leaves_out_the_sines"
