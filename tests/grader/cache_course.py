"""A course of one exercise about objects: a cache, and attention that is fed in pieces."""

from __future__ import annotations

from pathlib import Path

COURSE = """\
title = "Pieces"

exercises = ["01_cache"]
"""

SOLUTION = '''\
"""01 · Cache: the right way, then the ways people go wrong.

A sequence comes in pieces of any length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grader.bank import misconception


class KVCache:
    """The keys and values of all tokens so far."""

    def __init__(self) -> None:
        self._kept: tuple[Tensor, Tensor] | None = None

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values so far, the new ones last.

        k: (..., n_new, d_k). v: (..., n_new, d_v). What was returned earlier stays as it is.
        """
        if self._kept is not None:
            k, v = torch.cat([self._kept[0], k], -2), torch.cat([self._kept[1], v], -2)
        self._kept = k.clone(), v.clone()
        return k, v

    def __len__(self) -> int:
        """How many tokens it holds."""
        return 0 if self._kept is None else self._kept[0].shape[-2]

    @property
    def is_empty(self) -> bool:
        """Whether it holds none."""
        return len(self) == 0


def cached_attention(q: Tensor, k: Tensor, v: Tensor, cache: KVCache) -> Tensor:
    """Causal attention of the newest tokens over all that the cache has met.

    q and k: (..., n_new, d_k). v: (..., n_new, d_v). Returns (..., n_new, d_v).
    """
    keys, values = cache.append(k, v)
    return _attend(q, keys, values, keys.shape[-2] - q.shape[-2])


def _attend(q: Tensor, k: Tensor, v: Tensor, shift: int) -> Tensor:
    scores = q @ k.mT / q.shape[-1] ** 0.5
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(shift)
    return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v


# -- the ways people go wrong --------------------------------------------------


@misconception(KVCache)
class PutsTheNewOnesFirst(KVCache):
    """You put the new tokens before the old ones.

    In which order were they said?

    Position is told by place: the oldest token comes first.
    """

    def append(self, k, v):
        kept = self._kept or (k[..., :0, :], v[..., :0, :])
        self._kept = torch.cat([k, kept[0]], -2), torch.cat([v, kept[1]], -2)
        return self._kept


@misconception(KVCache)
class KeepsTheLastPieceOnly(KVCache):
    """You keep only the piece that came last.

    Where are the tokens of the pieces before?

    A query may ask for any token there ever was.
    """

    def append(self, k, v):
        self._kept = k, v
        return k, v


@misconception(KVCache)
class CountsThePieces(KVCache):
    """You count how often something was appended.

    How many tokens may one piece have?

    The length tells where the next token stands.
    """

    pieces = 0

    def append(self, k, v):
        self.pieces += 1
        return super().append(k, v)

    def __len__(self):
        return self.pieces


@misconception(KVCache)
class WritesOverWhatItGaveOut(KVCache):
    """You write into tensors that you have given away.

    Who else holds the tensor that you write into?

    Whoever asked earlier still works with what was returned then.
    """

    def append(self, k, v):
        keys, values = super().append(k, v)
        if hasattr(self, "_out"):
            for old in self._out:
                old.zero_()
        self._out = keys, values
        return keys, values


@misconception(cached_attention)
def lines_up_the_first_tokens(q, k, v, cache):
    """You line up the first query with the first key.

    Where in the sequence does the first query of a piece stand?

    The newest queries belong to the newest keys.
    """
    keys, values = cache.append(k, v)
    return _attend(q, keys, values, 0)


@misconception(cached_attention)
def looks_ahead_in_its_piece(q, k, v, cache):
    """Inside a piece your queries see keys that come after them.

    Which keys of its own piece may the first query see?

    A piece is causal inside itself.
    """
    keys, values = cache.append(k, v)
    return _attend(q, keys, values, len(cache))
'''

SUITE = '''\
"""What a cache and attention in pieces must do."""

from __future__ import annotations

import pytest
import torch
from grader.suite import same, step

PLANS = [(8,), (4, 1, 1, 1, 1), (3, 3, 2), (1,) * 8]


@step(points=3)
@pytest.mark.parametrize("lengths", [(4,), (3, 1, 2)])
def test_all_keys_and_values(student, reference, draw, lengths):
    """All keys and values so far come back, the new ones last

    What does the third call return?
    """
    ours, its = student.KVCache(), reference.KVCache()
    assert same(ours.is_empty, True)
    for n in lengths:
        k, v = draw.normal(2, n, 5), draw.normal(2, n, 3)
        assert same(ours.append(k, v), its.append(k, v), parts="keys values")


@step(points=2)
def test_its_length(student, reference, draw):
    """Its length is the number of tokens it holds

    How many tokens came in?
    """
    ours = student.KVCache()
    assert same(len(ours), 0)
    for n, length in ((3, 3), (2, 5)):
        ours.append(draw.normal(n, 5), draw.normal(n, 3))
        assert same(len(ours), length)
    assert same(ours.is_empty, False)


@step(points=2)
def test_what_it_gave_out_stays(student, reference, draw):
    """What it returned earlier never changes

    Who else may hold what you returned?
    """
    ours, its = student.KVCache(), reference.KVCache()
    k, v = draw.normal(3, 5), draw.normal(3, 3)
    first, right = ours.append.kept(k, v), its.append(k, v)
    for _ in range(2):
        ours.append(draw.normal(1, 5), draw.normal(1, 3))
        assert same(ours.append.again(first), right, parts="keys values")


@step(points=6)
@pytest.mark.parametrize("lengths", PLANS, ids=str)
def test_pieces(student, reference, draw, lengths):
    """In pieces the result is that of the whole

    Which keys does the query of a later piece see?
    """
    ours, its, units = student.KVCache(), reference.KVCache(), torch.eye(8)
    start = 0
    for n in lengths:
        q, k, v = draw.normal(n, 5), draw.normal(n, 5), units[start : start + n]
        got = student.cached_attention(q, k, v, ours)
        assert same(got, reference.cached_attention(q, k, v, its))
        start += n


@step(points=1, needs="test_pieces")
def test_a_gradient(student, reference, draw):
    """Gradients find their way back to keys and values

    Is anything cut off?
    """
    q, k, v, weight = (draw.normal(3, n) for n in (5, 5, 2, 2))
    got = student.cached_attention.gradients(q, k, v, student.KVCache(), cotangent=weight)
    wanted = reference.cached_attention.gradients(q, k, v, reference.KVCache(), cotangent=weight)
    assert same(got, wanted)
'''

LESSON = """\
# Cache

What must be kept?

## Hints

### KVCache

1. Keep the keys.
2. And the values.

### cached_attention

1. Append first.
2. Then mask.
"""

FILES = {
    "course.toml": COURSE,
    "solutions/01_cache.py": SOLUTION,
    "tests/hidden/test_01_cache.py": SUITE,
    "exercises/01_cache.md": LESSON,
}


def lay_out(folder: Path) -> Path:
    """Write the course into a folder; returns it."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
