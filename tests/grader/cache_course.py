"""A course of one exercise about objects: a cache, and attention that is fed in pieces."""

from __future__ import annotations

from pathlib import Path

from . import tiny_course

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


@misconception(cached_attention)
def cuts_off_the_keys(q, k, v, cache):
    """You cut the keys off from their gradients.

    Which call makes a tensor forget where it comes from?

    What learns does so by gradients alone.
    """
    keys, values = cache.append(k.detach(), v)
    return _attend(q, keys, values, keys.shape[-2] - q.shape[-2])
'''

SUITE = '''\
"""What a cache and attention in pieces must do."""

from __future__ import annotations

import pytest
import torch
from grader.suite import same, step

PLANS = [(8,), (4, 1, 1, 1, 1), (3, 3, 2), (1,) * 8]


@step(points=3)
@pytest.mark.parametrize("lengths, d_v", [((4,), 3), ((3, 1, 2), 3), ((5, 5), 5)], ids=str)
def test_all_keys_and_values(student, reference, draw, lengths, d_v):
    """All keys and values so far come back, the new ones last

    What does the third call return?
    """
    ours, its = student.KVCache(), reference.KVCache()
    assert same(ours.is_empty, True)
    for n in lengths:
        k, v = draw.normal(2, n, 5), draw.normal(2, n, d_v)
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
    start, d_k = 0, 8 if lengths == (8,) else 5
    got, wanted = [], []
    for n in lengths:
        q, k, v = draw.normal(n, d_k), draw.normal(n, d_k), units[start : start + n]
        got.append(student.cached_attention(q, k, v, ours))
        wanted.append(reference.cached_attention(q, k, v, its))
        start += n
    for piece, right in zip(got, wanted, strict=True):
        assert same(piece, right)


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

LISTS = """\
import torch


class KVCache:
    def __init__(self):
        self.pieces = []

    def append(self, k, v):
        self.pieces.append((k, v))
        return tuple(torch.cat(parts, -2) for parts in zip(*self.pieces))

    def __len__(self):
        return sum(k.shape[-2] for k, _ in self.pieces)

    @property
    def is_empty(self):
        return not self.pieces


def cached_attention(q, k, v, cache):
    start = len(cache)
    keys, values = cache.append(k, v)
    own = torch.arange(start, len(cache)).unsqueeze(-1)
    hidden = torch.arange(len(cache)) > own
    weights = torch.einsum("...id,...jd->...ij", q, keys) / q.size(-1) ** 0.5
    return torch.softmax(weights.masked_fill(hidden, float("-inf")), dim=-1) @ values
"""

DICTS = """\
import math
from dataclasses import dataclass, field

import torch


@dataclass
class KVCache:
    kept: dict = field(default_factory=dict)

    def append(self, k, v):
        for name, new in {"k": k, "v": v}.items():
            self.kept[name] = torch.concat([self.kept[name], new], -2) if name in self.kept else new
        return self.kept["k"], self.kept["v"]

    def __len__(self):
        return self.kept["k"].size(-2) if self.kept else 0

    @property
    def is_empty(self):
        return self.kept == {}


def cached_attention(q, k, v, cache):
    rows = []
    for i in range(q.size(-2)):
        keys, values = cache.append(k[..., i : i + 1, :], v[..., i : i + 1, :])
        scores = (q[..., i : i + 1, :] * keys).sum(-1) / math.sqrt(q.size(-1))
        rows.append((scores.softmax(-1).unsqueeze(-1) * values).sum(-2, keepdim=True))
    return torch.cat(rows, -2)
"""

DERIVED = """\
import torch


class KVCache(list):
    is_empty = True

    def append(self, k, v):
        self.is_empty = False
        self[:] = [torch.cat([old, new], -2) for old, new in zip(self, (k, v))] or [k, v]
        return self[0], self[1]

    def __len__(self):
        return 0 if self.is_empty else next(iter(self)).shape[-2]


def cached_attention(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    scores = torch.matmul(q, all_k.transpose(-1, -2)).div(q.shape[-1] ** 0.5)
    later = torch.full(scores.shape[-2:], -torch.inf)
    exponents = (scores + later.triu(len(cache) - len(q) + 1)).exp()
    return exponents / exponents.sum(-1, keepdim=True) @ all_v
"""

RESTYLED = '''\
"""The wrong programs once more, in another style."""

import torch


class PutsTheNewOnesFirst:
    def __init__(self):
        self.pieces = []

    def append(self, k, v):
        self.pieces.insert(0, [k, v])
        return torch.cat([p[0] for p in self.pieces], dim=-2), torch.cat(
            [p[1] for p in self.pieces], dim=-2
        )

    def __len__(self):
        return sum(p[0].size(-2) for p in self.pieces)

    @property
    def is_empty(self):
        return not len(self)


class KeepsTheLastPieceOnly:
    is_empty, n = True, 0

    def append(self, k, v):
        self.is_empty, self.n = False, k.size(-2)
        return tuple([k, v])

    def __len__(self):
        return self.n


class CountsThePieces:
    def __init__(self):
        self.all_k, self.all_v = [], []

    def append(self, k, v):
        self.all_k.append(k)
        self.all_v.append(v)
        return torch.cat(self.all_k, dim=-2), torch.cat(self.all_v, dim=-2)

    def __len__(self):
        return len(self.all_k)

    @property
    def is_empty(self):
        return not self.all_k


class WritesOverWhatItGaveOut:
    def __init__(self):
        self.k, self.v, self.given = [], [], []

    def append(self, k, v):
        for old in self.given:
            old.mul_(0)
        self.k.append(k.clone())
        self.v.append(v.clone())
        self.given = [torch.cat(self.k, dim=-2), torch.cat(self.v, dim=-2)]
        return tuple(self.given)

    def __len__(self):
        return sum(piece.size(-2) for piece in self.k)

    @property
    def is_empty(self):
        return not self.k


def lines_up_the_first_tokens(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    rows = []
    for i in range(q.size(-2)):
        scores = (all_k[..., : i + 1, :] * q[..., i, None, :]).sum(-1)
        weights = torch.softmax(scores * q.size(-1) ** -0.5, -1)
        rows.append((weights[..., None] * all_v[..., : i + 1, :]).sum(-2))
    return torch.stack(rows, -2)


def looks_ahead_in_its_piece(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    weights = torch.einsum("...id,...jd->...ij", q, all_k).div(q.size(-1) ** 0.5).exp()
    return torch.einsum("...ij,...jd->...id", weights / weights.sum(-1, True), all_v)


def cuts_off_the_keys(q, k, v, cache):
    all_k, all_v = cache.append(torch.tensor(k.tolist()), v)
    hidden = torch.ones(len(q), len(all_k)).triu(1 + len(all_k) - len(q)).bool()
    weights = torch.einsum("...id,...jd->...ij", q, all_k).mul(q.size(-1) ** -0.5)
    return torch.softmax(torch.where(hidden, -torch.inf, weights), -1) @ all_v
'''

FILES = {
    "tests/submissions/right/01_lists.py": LISTS,
    "tests/submissions/right/01_dicts.py": DICTS,
    "tests/submissions/right/01_derived.py": DERIVED,
    "tests/submissions/restyled/01_cache.py": RESTYLED,
    "course.toml": COURSE,
    "solutions/01_cache.py": SOLUTION,
    "tests/hidden/test_01_cache.py": SUITE,
    "exercises/01_cache.md": LESSON,
}


def lay_out(folder: Path) -> Path:
    """Write the course into a folder; returns it."""
    return tiny_course.lay_out(folder, FILES)
