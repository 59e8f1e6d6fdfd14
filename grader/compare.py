"""Is it the same? Type, shape, dtype, device and values, and the first difference in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from grader import words
from grader.patterns import pattern

# How many rounding errors of a dtype, times the root of the longest axis, still count as
# equal. Half precision gets few: its rounding errors are visible numbers. Double precision
# gets many: a harmless 1e-9 in a denominator is no mistake.
ROUNDINGS = {torch.float64: 1 << 25, torch.float32: 64, torch.float16: 4, torch.bfloat16: 2}


@dataclass(frozen=True)
class Difference:
    """The first difference between what came back and what was expected."""

    kind: str  # "type", "structure", "shape", "dtype", "device", "not finite" or "values"
    says: str  # one sentence, second person
    got: Any = None
    expected: Any = None
    pattern: str = ""  # what is right and what is not, as a clause


class Different(AssertionError):
    """Raised by a comparison that does not hold."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.says)
        self.difference = difference


def same(got: Any, expected: Any) -> bool:
    """Whether two values agree in type, shape, dtype, device and values; raises `Different`."""
    return _holds(difference(got, expected))


def same_values(got: Any, expected: Any) -> bool:
    """Whether two values agree but for dtype and device; raises `Different`."""
    return _holds(difference(got, expected, values_only=True))


def _holds(found: Difference | None) -> bool:
    if found is not None:
        raise Different(found)
    return True


def difference(
    got: Any, expected: Any, values_only: bool = False, where: str = "the result"
) -> Difference | None:
    """The first difference, or None."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return _unlike("type", where, got, expected)
        return _of_tensors(got, expected, values_only, where)
    if isinstance(expected, (tuple, list)):
        if type(got) is not type(expected) or len(got) != len(expected):
            return _unlike("structure", where, got, expected)
        parts = ((f"part {i} of {where}", g, e)
                 for i, (g, e) in enumerate(zip(got, expected, strict=True)))  # fmt: skip
        return next(_differences(parts, values_only), None)
    if isinstance(expected, dict):
        if type(got) is not dict or got.keys() != expected.keys():
            return _unlike("structure", where, got, expected)
        entries = ((f"`{key}`", got[key], expected[key]) for key in expected)
        return next(_differences(entries, values_only), None)
    if type(got) is not type(expected):
        return _unlike("type", where, got, expected)
    if got != expected and not (got != got and expected != expected):
        says = f"{_upper(where)} is {words.shown(got)} where {words.shown(expected)} was expected."
        return Difference("values", says, got, expected)
    return None


def _differences(parts: Iterator[tuple[str, Any, Any]], values_only: bool) -> Iterator[Difference]:
    for where, got, expected in parts:
        found = difference(got, expected, values_only, where)
        if found:
            yield found


def _unlike(kind: str, where: str, got: Any, expected: Any) -> Difference:
    if got is None:
        says = f"{_upper(where)} is None where {words.kind(expected)} was expected."
    else:
        says = f"{_upper(where)} is {words.kind(got)} where {words.kind(expected)} was expected."
    return Difference(kind, says, got, expected)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _of_tensors(
    got: torch.Tensor, expected: torch.Tensor, values_only: bool, where: str
) -> Difference | None:
    if got.shape != expected.shape:
        says = (
            f"{_upper(where)} has shape {words.shape(got)} "
            f"where {words.shape(expected)} was expected."
        )
        return Difference("shape", says, got, expected)
    if not values_only:
        for kind in ("dtype", "device"):
            ours, theirs = getattr(expected, kind), getattr(got, kind)
            if str(ours).split(":")[0] != str(theirs).split(":")[0]:
                says = (
                    f"{_upper(where)} has {kind} {_bare(theirs)} where {_bare(ours)} was expected."
                )
                return Difference(kind, says, got, expected)
    if "meta" in (got.device.type, expected.device.type):
        return None
    return _of_values(got, expected, where)


def _bare(thing: Any) -> str:
    return str(thing).removeprefix("torch.")


def tolerance(got: torch.Tensor, expected: torch.Tensor) -> float:
    """What may lie between two equals, relative to the size of the numbers.

    By the coarser dtype of the two, growing with the root of the longest axis, as
    rounding errors of a sum do.
    """
    floats = [t.dtype for t in (got, expected) if t.dtype in ROUNDINGS]
    each = (torch.finfo(dtype).eps * ROUNDINGS[dtype] for dtype in floats)
    return max(each, default=0.0) * math.sqrt(max(expected.shape, default=1))


def agreement(got: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Where two tensors of one shape agree, as booleans on the CPU."""
    ours, theirs = _comparable(expected), _comparable(got)
    if ours.dtype is torch.bool:
        return ours == theirs
    finite = ours.isfinite() & theirs.isfinite()
    sizes = ours[ours.isfinite()]
    scale = sizes.square().mean().sqrt().item() if sizes.numel() else 0.0
    close = (ours - theirs).abs() <= tolerance(got, expected) * (ours.abs() + scale)
    alike = (ours == theirs) | (ours.isnan() & theirs.isnan())  # infinities, NaN where asked
    return torch.where(finite, close | alike, alike)


def _comparable(tensor: torch.Tensor) -> torch.Tensor:
    """On the CPU, as float64; complex numbers, which nobody asked for, by their real part."""
    plain = tensor.detach().cpu()
    plain = plain.real if plain.is_complex() else plain
    return plain.to(torch.float64)


def _of_values(got: torch.Tensor, expected: torch.Tensor, where: str) -> Difference | None:
    right = agreement(got, expected)
    if right.all():
        return None
    ours, theirs = _comparable(expected), _comparable(got)
    broken = ~theirs.isfinite() & ours.isfinite()
    kind = "not finite" if broken.any() else "values"
    index = tuple((broken if broken.any() else ~right).nonzero()[0].tolist())
    got_here, expected_here = got.detach()[index].item(), expected.detach()[index].item()
    if expected.dtype is torch.bool and got_here in (0, 1):
        got_here = bool(got_here)
    place = f"at [{', '.join(map(str, index))}]" if index else "here"
    says = (
        f"{_upper(where)} has {_entry(got_here)} {place} "
        f"where {_entry(expected_here)} was expected."
    )
    boolean = expected.dtype is torch.bool and bool(((theirs == 0) | (theirs == 1)).all())
    if boolean:
        ours, theirs = ours.bool(), theirs.bool()
    return Difference(kind, says, got, expected, pattern(theirs, ours, right))


def _entry(value: Any) -> str:
    return str(value) if isinstance(value, bool) else words.cell(value)
