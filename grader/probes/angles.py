"""By which angle each pair of columns was turned, and the laws that all angles of calls obey."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch

ROUNDING = 32.0  # times the precision of what went in: of an angle, beside a whole one
LEAST_LENGTH = 1e-3  # of the largest number: a shorter pair has no direction to be trusted
LEAST_ANGLE = 1e-3  # below, the angle's logarithm is not to be trusted
SMALL = 3  # so many steps turn no pair by more than half a turn, whatever the base
MOST_DIGITS = 6  # of a base that somebody would write


@dataclass(frozen=True)
class Turn:
    """One call: its rows before and after, (samples, n, d_head), and what turns them."""

    before: torch.Tensor
    after: torch.Tensor
    right: torch.Tensor
    positions: torch.Tensor
    base: float
    heads: int
    dtype: torch.dtype

    @property
    def noise(self) -> float:
        """How far a length may be off by rounding, relative to it."""
        return ROUNDING * max(torch.finfo(kind).eps for kind in (self.dtype, torch.float32))


@dataclass(frozen=True)
class Angles:
    """An angle for every row and pair in which one can be read, and what it may hang on."""

    angle: torch.Tensor
    position: torch.Tensor
    row: torch.Tensor
    pair: torch.Tensor
    d: torch.Tensor
    n: torch.Tensor
    heads: torch.Tensor
    base: torch.Tensor
    noise: torch.Tensor

    def at(self, which: torch.Tensor) -> Angles:
        """Some of them."""
        return Angles(*(part[which] for part in vars(self).values()))


# What a row counts as; how a pair's share falls off, as a power of the base, as one writes it.
POSITION, ONE_MORE, ONE_LESS, ROW, ONE = "position", "position + 1", "position - 1", "row", "1"
COUNTS: dict[str, Callable[[Angles], torch.Tensor]] = {
    POSITION: lambda a: a.position,
    ONE_MORE: lambda a: a.position + 1,
    ONE_LESS: lambda a: a.position - 1,
    ROW: lambda a: a.row,
    ONE: lambda a: torch.ones_like(a.row),
}
RIGHT = "{b}^(−2i/{d})"
POWERS: dict[str, Callable[[Angles], torch.Tensor]] = {
    RIGHT: lambda a: -2 * a.pair / a.d,
    "{b}^(−i/{d})": lambda a: -a.pair / a.d,
    "{b}^(−4i/{d})": lambda a: -4 * a.pair / a.d,
    "{b}^(−2(i + 1)/{d})": lambda a: -2 * (a.pair + 1) / a.d,
    "{b}^(−2i/({d} − 2))": lambda a: -2 * a.pair / (a.d - 2).clamp_min(1),
    "{b}^(−2i/({heads}·{d}))": lambda a: -2 * a.pair / (a.heads * a.d),
    "{b}^(−2i/{n})": lambda a: -2 * a.pair / a.n,
    "{b}^(2i/{d})": lambda a: 2 * a.pair / a.d,
    "1": lambda a: torch.zeros_like(a.pair),
}


@dataclass(frozen=True)
class Law:
    """What a row counts as, which way it turns, and how that falls off from pair to pair."""

    count: str = POSITION
    way: int = 1
    power: str = RIGHT
    base: float | None = None  # None: the one that the call gives

    @property
    def wrong(self) -> int:
        """How many things in it are not as they should be."""
        falls_off = self.power == RIGHT and self.base is None
        return (self.count != POSITION) + (self.way != 1) + (not falls_off)

    def shares(self, a: Angles) -> torch.Tensor:
        """By how much each pair turns where the row counts as one."""
        base = a.base if self.base is None else torch.full_like(a.base, self.base)
        return torch.exp(POWERS[self.power](a) * base.log())

    def holds(self, a: Angles) -> bool:
        """Whether all angles are so, but for whole turns and rounding."""
        due = self.way * COUNTS[self.count](a) * self.shares(a)
        off = torch.remainder(a.angle - due + math.pi, 2 * math.pi) - math.pi
        return bool((off.abs() <= a.noise * (1 + due.abs())).all())

    def written(self, a: Angles, which: int) -> str:
        """How fast pair i turns, with the numbers of one reading."""
        sizes = {name: f"{int(getattr(a, name)[which])}" for name in ("d", "n", "heads")}
        base = a.base[which].item() if self.base is None else self.base
        return self.power.format(b=plain(base), **sizes)


def plain(base: float) -> str:
    """A base as one writes it: 10000, 1000000, 1.5."""
    return str(int(base)) if base.is_integer() and base < 1e15 else f"{base:g}"


def is_kept(turn: Turn, rows: torch.Tensor, halves: bool = True) -> bool:
    """Whether every pair of columns, across the halves or side by side, is as long as before."""
    old, new = (_pairs(one, halves).abs() for one in (turn.before, rows))
    return bool(((new - old).abs() <= turn.noise * (old + LEAST_LENGTH * old.max())).all())


def angles(turn: Turn, rows: torch.Tensor, halves: bool = True) -> Angles | None:
    """What is read of one call's results; None where samples turn by different angles."""
    old, new = _pairs(turn.before, halves), _pairs(rows, halves)
    angle = (new * old.conj()).sum(0).angle()
    due = old * torch.polar(torch.ones_like(angle), angle)
    if not ((new - due).abs() <= turn.noise * (old.abs() + LEAST_LENGTH * old.abs().max())).all():
        return None
    n, count = angle.shape
    row, pair = torch.meshgrid(torch.arange(n), torch.arange(count), indexing="ij")
    position = turn.positions[:, None].expand(n, count)
    rest = (2.0 * count, float(n), float(turn.heads), turn.base, turn.noise)
    parts = (angle, position, row.double(), pair.double(), *map(torch.full_like, 5 * [angle], rest))
    long = old.abs().amax(0) > LEAST_LENGTH * old.abs().max()
    return Angles(*(part[long] for part in parts))


def _pairs(rows: torch.Tensor, halves: bool) -> torch.Tensor:
    """Each pair of columns as one complex number."""
    one, other = rows.chunk(2, -1) if halves else (rows[..., 0::2], rows[..., 1::2])
    return torch.complex(one, other)


def joined(all_angles: Sequence[Angles]) -> Angles:
    """What is read of several calls, as one."""
    columns = zip(*(vars(one).values() for one in all_angles), strict=True)
    return Angles(*map(torch.cat, columns))


def laws(a: Angles) -> list[Law]:
    """The laws that all angles obey, of those with the fewest wrongs in them."""
    telling = a.at((a.pair > 0) & (a.position != 0))
    many = len(set((telling.pair / telling.d).tolist())) > 1  # one share alone is that of many laws
    found: list[Law] = []
    for count, way in product(COUNTS, (1, -1)):
        some = [Law(count, way, power) for power in POWERS if many or power == RIGHT]
        some += _with_own_base(a, count, way) if many else []
        found += [law for law in some if law.holds(a)]
    fewest = min((law.wrong for law in found), default=0)
    return [law for law in found if law.wrong == fewest]


def _with_own_base(a: Angles, count: str, way: int) -> Iterator[Law]:
    """The law with the base that small angles show, in as few digits as all angles allow."""
    steps = COUNTS[count](a)
    small = (steps != 0) & (steps.abs() <= SMALL) & (a.pair > 0) & (a.angle.abs() > LEAST_ANGLE)
    some, share = a.at(small), (way * a.angle / steps)[small]
    if not len(share) or not (share > 0).all():
        return
    power = POWERS[RIGHT](some)
    trust = (some.angle * power / some.noise).square()
    log = (trust * share.log() / power).sum() / trust.sum()
    base = log.exp().item()
    for digits in range(1, MOST_DIGITS + 1):
        law = Law(count, way, RIGHT, float(f"{base:.{digits}g}"))
        if law.base not in (0.0, 1.0) and law.holds(a):
            yield law
            return
