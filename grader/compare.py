"""Is it the same? Type, shape, dtype, device and values, and the first difference in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch

from grader import words
from grader.patterns import LARGEST, pattern, pattern_of_shapes
from grader.worker.wire import Handle

# How many rounding errors of a dtype, times the root of the longest axis, still count as
# equal. Half precision gets few: its rounding errors are visible numbers. Double precision
# gets many: a harmless 1e-9 in a denominator is no mistake.
ROUNDINGS = {torch.float64: 1 << 25, torch.float32: 64, torch.float16: 4, torch.bfloat16: 2}
COARSE = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Difference:
    """The first difference between what came back and what was expected."""

    # "type", "structure", "shape", "dtype", "device", "not finite", "values"; or what a check
    # of its own looks at: "argument", "exception"
    kind: str
    says: str  # one sentence, second person
    got: Any = None
    expected: Any = None
    look: Callable[[], str] = str  # for the pattern: it takes longer than all the rest

    @cached_property
    def pattern(self) -> str:
        """What is right and what is not, as a clause; "" where nothing can be said."""
        return self.look()


class Different(AssertionError):
    """Raised by a comparison that does not hold."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.says)
        self.difference = difference


def same(got: Any, expected: Any, parts: str = "") -> bool:
    """Whether two values agree in type, shape, dtype, device and values; raises `Different`.

    parts: names for the parts of a tuple, as in "q k v".
    """
    return _holds(difference(got, expected, parts=parts))


def same_values(got: Any, expected: Any, parts: str = "") -> bool:
    """Whether two values agree but for dtype and device; raises `Different`."""
    return _holds(difference(got, expected, values_only=True, parts=parts))


def _holds(found: Difference | None) -> bool:
    if found is not None:
        raise Different(found)
    return True


def difference(
    got: Any, expected: Any, values_only: bool = False, where: str = "the result", parts: str = ""
) -> Difference | None:
    """The first difference, or None."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return _unlike("type", where, got, expected)
        return _of_tensors(got, expected, values_only, where)
    if isinstance(expected, (tuple, list)):
        if type(got) is not type(expected) or len(got) != len(expected):
            return _unlike("structure", where, got, expected)
        named = [f"`{name}`" for name in parts.split()]
        names = named or [f"part {i} of {where}" for i in range(len(expected))]
        return next(_differences(zip(names, got, expected, strict=True), values_only), None)
    if isinstance(expected, dict):
        if type(got) is not dict:
            return _unlike("structure", where, got, expected)
        if got.keys() != expected.keys():
            return _other_keys(where, got, expected)
        entries = ((_quoted(key), got[key], expected[key]) for key in expected)
        return next(_differences(entries, values_only), None)
    if type(got) is not type(expected):
        return _unlike("type", where, got, expected)
    if isinstance(expected, Handle):
        return None  # what is in an object shows in what its methods give
    if isinstance(expected, float):
        return _of_floats(got, expected, where)
    if got != expected:
        says = f"{_upper(where)} is {words.shown(got)} where {words.shown(expected)} was expected."
        return Difference("values", says, got, expected)
    return None


def _of_floats(got: float, expected: float, where: str) -> Difference | None:
    if agreement(*(torch.tensor(number, dtype=torch.float64) for number in (got, expected))):
        return None
    ours, theirs = words.apart(got, expected)
    says = f"{_upper(where)} is {ours} where {theirs} was expected."
    return Difference("values", says, got, expected)


def _quoted(key: str) -> str:
    return key if "`" in key else f"`{key}`"


def _differences(parts: Iterable[tuple[str, Any, Any]], values_only: bool) -> Iterator[Difference]:
    for where, got, expected in parts:
        found = difference(got, expected, values_only, where)
        if found:
            yield found


def _unlike(kind: str, where: str, got: Any, expected: Any) -> Difference:
    says = f"{_upper(where)} is {words.kind(got)} where {words.kind(expected)} was expected."
    if got is None and where == "the result":
        says += " Does your function end in `return`?"
    if got is None and where.startswith("the gradient of"):
        says += " Is it used, and does no `detach`, `torch.tensor` or NumPy cut it off?"
    if type(got) is list and type(expected) is tuple:
        says += " Return its parts with commas between them, without brackets."
    return Difference(kind, says, got, expected)


def _other_keys(where: str, got: dict[str, Any], expected: dict[str, Any]) -> Difference:
    lacking = [key for key in expected if key not in got]
    key = _quoted(str(lacking[0] if lacking else next(key for key in got if key not in expected)))
    says = f"{_upper(where)} has {'no' if lacking else 'a part'} {key}, "
    says += "which was expected." if lacking else "which was not expected."
    return Difference("structure", says, got, expected)


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
        look = partial(pattern_of_shapes, got, expected, _agree)
        return Difference("shape", says, got, expected, look)
    # A meta tensor has no values: one that nobody asked for is a difference of its own.
    meta = "meta" in (got.device.type, expected.device.type)
    if not values_only or meta:
        for kind in ("device",) if values_only else ("dtype", "device"):
            ours, theirs = getattr(expected, kind), getattr(got, kind)
            if str(ours).split(":")[0] != str(theirs).split(":")[0]:
                says = (
                    f"{_upper(where)} has {kind} {_bare(theirs)} where {_bare(ours)} was expected."
                )
                return Difference(kind, says, got, expected)
    if meta:
        return None
    return _of_values(got, expected, where)


def _bare(thing: Any) -> str:
    return str(thing).removeprefix("torch.")


def tolerance(got: torch.Tensor, expected: torch.Tensor) -> float:
    """What may lie between two equals, relative to the size of the numbers.

    By the dtype that was expected (single precision for doubles that came back as such),
    growing with the root of the longest axis, as rounding errors of a sum do.
    """
    dtypes = {expected.dtype, got.dtype if got.dtype is torch.float32 else expected.dtype}
    each = (torch.finfo(d).eps * ROUNDINGS[d] for d in dtypes if d in ROUNDINGS)
    return max(each, default=0.0) * math.sqrt(max(expected.shape, default=1))


def agreement(got: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Where two tensors of one shape agree, as booleans on the CPU."""
    ours, theirs = _comparable(expected), _comparable(got)
    known, sizes = ours.isfinite(), ours.abs()
    whole = bool(known.all())  # the commonest case, and the quickest
    finite = sizes if whole else sizes[known]
    scale = finite.square().mean().sqrt().item() if finite.numel() else 0.0
    share = tolerance(got, expected)
    rounding = torch.finfo(got.dtype).eps if got.is_floating_point() else 0.0
    # What came back coarser was rounded once more. A NaN is never close.
    close = (ours - theirs).abs_() <= sizes.mul(share + rounding).add_(share * scale)
    if whole and math.isfinite(scale):  # beyond 1e154 the squares are infinite, as is what is near
        return close
    alike = (ours == theirs) | (ours.isnan() & theirs.isnan())  # infinities, NaN where asked
    return torch.where(known & theirs.isfinite(), close | alike, alike)


def _agree(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two tensors of one shape agree throughout, as far as it is looked at."""
    if "meta" in (got.device.type, expected.device.type) or expected.numel() > LARGEST:
        return False
    return bool(agreement(got, expected).all())


def _comparable(tensor: torch.Tensor) -> torch.Tensor:
    """On the CPU, as float64; a number with an imaginary part is none here."""
    plain = tensor.detach().cpu()
    if plain.is_complex():
        plain = plain.real.masked_fill(plain.imag != 0, math.nan)
    return plain.to(torch.float64)


def _of_values(got: torch.Tensor, expected: torch.Tensor, where: str) -> Difference | None:
    if got.dtype == expected.dtype and torch.equal(got, expected):
        return None  # the commonest case, and by far the quickest
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
    seen, wanted = words.apart(got_here, expected_here)
    says = f"{_upper(where)} has {seen} {place} where {wanted} was expected."
    boolean = expected.dtype is torch.bool and bool(((theirs == 0) | (theirs == 1)).all())
    if boolean:
        ours, theirs = ours.bool(), theirs.bool()
    if expected.dtype in COARSE:  # "only this column is right" must hold for the eye as well
        near = (ours - theirs).abs() <= 2 * torch.finfo(expected.dtype).eps * ours.abs()
        right &= near | ~ours.isfinite()  # infinities are right or wrong, never near
    # An imaginary part has been made NaN above, which is not what came back.
    look = str if got.is_complex() else partial(pattern, theirs, ours, right)
    return Difference(kind, says, got, expected, look)
