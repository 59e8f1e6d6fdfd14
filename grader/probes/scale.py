"""A wrong scale: scores are the right ones times a power of some size, or a constant.

The factor is read in every call where it can be: off scores directly, off weights by their
logarithms, which a factor on the scores stretches. Its logarithm is then fitted against
those of the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import torch

from grader import words
from grader.atlas import Atlas, Evidence, Place
from grader.compare import COARSE
from grader.model import Misconception
from grader.probes.reading import LEAST_WEIGHT, are_weights, centred, pairs
from grader.shapes import sizes
from grader.worker.parts import tensors_in

ID = "probes.scale"
CLOSE = 2e-4  # of a factor: half a rounding error of what is read off float32 weights
MOST_DENOMINATOR = 6  # of an exponent that somebody would write
QUESTION = "Which size, and which power of it, should the scores be divided by?"
WHENCE = "Which step of your function multiplies or divides, and by what?"
LOOK_AT = QUESTION
WHY = "The formula has no such factor, and whoever builds on the result counts on it."
WHY_BY_WIDTH = "Products of vectors grow with √{}; divided by that, scores keep one size."
IN_GENERAL = "Your scores, or your result, are a multiple of what they should be."


@dataclass(frozen=True)
class Reading:
    """A factor on the scores of one call, and the sizes of that call."""

    factor: float
    sizes: dict[str, int]
    of_weights: bool = False  # it stretches the scores that weights are made of


@dataclass(frozen=True)
class Law:
    """A factor as it depends on sizes: a constant times powers."""

    constant: float
    powers: tuple[tuple[str, Fraction], ...]

    def times(self, name: str, power: Fraction) -> Law:
        """This law with one more power of a size in it."""
        powers = dict(self.powers)
        powers[name] = powers.get(name, Fraction(0)) + power
        return Law(self.constant, tuple((n, p) for n, p in powers.items() if p))

    def turned_over(self) -> Law:
        """What one divides by where this is what one multiplies by."""
        return Law(1 / self.constant, tuple((name, -power) for name, power in self.powers))

    def __str__(self) -> str:
        top = [_power(name, power) for name, power in self.powers if power > 0]
        under = [_power(name, -power) for name, power in self.powers if power < 0]
        if not math.isclose(self.constant, 1.0, rel_tol=CLOSE):
            known = (words.factor(self.constant) or words.number(self.constant)).split(" = ")[-1]
            turned = known.startswith("1/")
            (under if turned else top).insert(0, known.removeprefix("1/"))
        if not under:
            return "·".join(top) or "1"
        below = "·".join(under)
        return f"{'·'.join(top) or 1}/{below if len(under) == 1 else f'({below})'}"


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """The law of the factor on the scores, where one holds in all values calls of a function."""
    values = [step for step in failed if step.values]
    readings = _readings(atlas, steps) if values else []
    law = fitted(readings)
    if law is None:
        return {}
    function = values[0].function
    size = atlas.scales.get(function)
    if size and len({reading.sizes.get(size) for reading in readings}) < 2:
        return {}  # a size that never varies cannot be told from a number
    says = _told(law, size, any(reading.of_weights for reading in readings))
    told = (QUESTION, WHY_BY_WIDTH.format(size)) if size else (WHENCE, WHY)
    found = Misconception(ID, function, says, *told, in_general=IN_GENERAL)
    return {step.step: found for step in values}


def _readings(atlas: Atlas, steps: Sequence[Evidence]) -> list[Reading]:
    """What is read of all values calls of a function; nothing where one does not fit.

    Of a function that answers with weights in some calls, the others say nothing: what is
    blended by weights, or shared out along another axis, has no factor of its own.
    """
    values = (p for step in steps if step.values for p in step.calls())
    places = [p for p in values if not _is_coarse(p)]  # there no factor can be read off
    answers = [(p, [right for _, right in pairs(atlas, p) or []]) for p in places]
    of_weights = any(are_weights(one) and _tells(one) for _, right in answers for one in right)
    readings: list[Reading] = []
    for place, right in answers:
        if of_weights and right and not any(map(are_weights, right)):
            continue
        found = sizes(atlas.contract(place.call.function), place.call.args, place.call.kwargs)
        for factor in _factors(atlas, place):
            if factor is None:
                return []
            readings.append(Reading(factor, found, of_weights))
    return readings


def _is_coarse(place: Place) -> bool:
    return any(t.dtype in COARSE for t in tensors_in([place.call.args, place.call.kwargs]))


def _told(law: Law, size: str | None, of_weights: bool = False) -> str:
    """A wrong law in words; size: by whose root the scores should be divided, if by any."""
    if size is None and of_weights:
        return f"The scores behind your weights are {law} times what they should be."
    if size is None:
        return f"Your result is {law} times what it should be."
    whole = law.times(size, Fraction(-1, 2))
    if not whole.powers and math.isclose(whole.constant, 1.0, rel_tol=CLOSE):
        return f"Nothing divides your scores, where √{size} should."
    if all(power < 0 for _, power in whole.powers) and whole.constant < 1 + CLOSE:
        return f"You divide the scores by {whole.turned_over()}, where √{size} should stand."
    return f"You multiply the scores by {whole}, where they should be divided by √{size}."


def _factors(atlas: Atlas, place: Place) -> Iterator[float | None]:
    """What is read of one call: nothing where it cannot tell, None where no factor explains it."""
    found = pairs(atlas, place)
    if found is None:
        yield None
        return
    stretched: list[float] = []
    # What stands beside weights is made with them, and shows no factor where they show none.
    for ours, right in [pair for pair in found if are_weights(pair[1])] or found:
        if torch.allclose(ours, right, rtol=1e-5, atol=1e-7):
            stretched += [1.0] if _tells(right) else []
            continue
        if not _tells(right):
            continue
        factor = _of_weights(ours, right) if are_weights(right) else _of_scores(ours, right)
        if factor is not None:
            stretched.append(factor)
        elif are_weights(right) or len(found) == 1:
            yield None
            return
    if stretched and max(stretched) - min(stretched) <= 10 * CLOSE * abs(stretched[0]):
        yield stretched[0]
    elif stretched:
        yield None


def _tells(right: torch.Tensor) -> bool:
    """Whether a factor on the scores would have shown."""
    if not are_weights(right):
        return bool((right.abs() > 1e-6).any())
    if (right.amax(-1) > 1 - LEAST_WEIGHT).all():
        return False
    return bool((right.amax(-1) - right.masked_fill(right == 0, 2.0).amin(-1) > 1e-3).any())


def _of_scores(ours: torch.Tensor, right: torch.Tensor) -> float | None:
    """The factor between scores; None where there is not one for all."""
    if not ours.isfinite().all() or not right.isfinite().all() or right.numel() < 2:
        return None
    size = right.square().sum()
    if not size:
        return None
    factor = ((ours * right).sum() / size).item()
    near = torch.allclose(
        ours,
        factor * right,
        rtol=CLOSE,
        atol=CLOSE * abs(factor) * size.sqrt().item() / right.numel(),
    )
    return factor if near and factor > 0 else None


def _of_weights(ours: torch.Tensor, right: torch.Tensor) -> float | None:
    """The factor by which the scores behind weights are stretched; None where there is not one."""
    if not are_weights(ours) or not torch.equal(ours == 0, right == 0):
        return None
    seen = (right > LEAST_WEIGHT) & (ours > LEAST_WEIGHT)
    mine, its = (centred(part.clamp_min(1e-30).log(), seen) for part in (ours, right))
    size = its.square().sum()
    if size < 1e-3:
        return None
    factor = ((mine * its).sum() / size).item()
    near = (mine - factor * its).abs().max() <= 50 * CLOSE * max(abs(factor), 1.0)
    return factor if near and factor > 0 else None


def fitted(readings: Sequence[Reading]) -> Law | None:
    """The simplest law that all readings obey; None where there is none, or more than one."""
    off = [r for r in readings if abs(r.factor - 1) > CLOSE]
    if not off:
        return None
    shared = set.intersection(*(set(r.sizes) for r in readings))
    # A place to look at, as `dim=-1` is, is no size to take a power of; nor is nothing.
    names = sorted(name for name in shared if all(r.sizes[name] > 0 for r in readings))
    for count in (0, 1, 2):
        for constant in [True] if count == 0 else [False, True]:
            laws = [
                law
                for chosen in combinations(names, count)
                if (law := _law(readings, chosen, constant)) is not None
            ]
            if laws:
                return laws[0] if len(laws) == 1 else None
    return None


def _law(readings: Sequence[Reading], names: tuple[str, ...], constant: bool) -> Law | None:
    """The law in these sizes, if it holds; it must be told by more settings than it has numbers."""
    rows = [[math.log(r.sizes[name]) for name in names] + [1.0] * constant for r in readings]
    settings = {tuple(row) for row in rows}
    unknowns = len(names) + constant
    matrix = torch.tensor(rows, dtype=torch.float64).reshape(len(readings), unknowns)
    if len(settings) <= unknowns - (not names) or torch.linalg.matrix_rank(matrix) < unknowns:
        return None
    target = torch.tensor([math.log(r.factor) for r in readings], dtype=torch.float64)
    solution = torch.linalg.lstsq(matrix, target[:, None]).solution[:, 0]
    powers = [
        Fraction(value).limit_denominator(MOST_DENOMINATOR)
        for value in solution[: len(names)].tolist()
    ]
    rest = target - sum(
        (float(power) * matrix[:, i] for i, power in enumerate(powers)), torch.zeros_like(target)
    )
    offset = rest.mean().item() if constant else 0.0
    if (rest - offset).abs().max() > 3 * CLOSE or 0 in powers:
        return None
    if constant and abs(offset) <= 3 * CLOSE:
        return None
    return Law(math.exp(offset), tuple(zip(names, powers, strict=True)))


ROOTS = {2: "√{}", 3: "∛{}", 4: "∜{}"}


def _power(name: str, power: Fraction) -> str:
    """A power as one writes it: d_k, √d_k, d_k², d_k^(2/3)."""
    name = f"({name})" if " " in name else name
    if power == 1:
        return name
    if power.numerator == 1 and power.denominator in ROOTS:
        return ROOTS[power.denominator].format(name)
    if power.denominator == 1:
        return f"{name}^{power}"
    return f"{name}^({power})"
