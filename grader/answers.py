"""When two answers to one call are alike, and when one differs visibly from the right one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from grader.calls import Answer, Raised, Value
from grader.compare import COARSE, agreement, tolerance
from grader.worker.parts import tensors_in
from grader.worker.wire import Handle

EXACT = (torch.float32, torch.float64)
LEAST = 1e-12  # a smaller reference counts as so large
VISIBLE = 0.02  # of the reference's RMS: what counts as a different float
# One mistake about shapes raises now this, now that, by the operation that stumbles over it.
OF_SHAPES = frozenset({"RuntimeError", "IndexError", "ValueError", "TypeError"})


def alike(
    answer: Answer,
    other: Answer,
    strict: bool = True,
    right: Answer | None = None,
    coarsest: torch.dtype | None = None,
) -> bool:
    """Whether two answers to one call are the same up to rounding.

    strict: dtypes and devices count. right: the reference's answer; where that is finite,
    a NaN is like an infinity, which of them comes out being a matter of style. coarsest: a
    floating-point type in which either may have been rounded. Exceptions are alike when
    their builtin types are, or both are such as wrong shapes raise; an answer that never
    came is like no other.
    """
    match answer, other:
        case Value(ours), Value(theirs):
            rights = right.value if isinstance(right, Value) else None
            return _Comparison(strict, coarsest).alike(ours, theirs, rights)
        case Raised(), Raised():
            kinds = {answer.builtin, other.builtin}
            return len(kinds) == 1 or kinds <= OF_SHAPES
    return False


def fingerprint(value: Any) -> object | None:
    """What two values have in common only where they are the same to the last bit; or None.

    None is told of what cannot be looked at: objects, and tensors that do not lie on the CPU.
    """
    if isinstance(value, torch.Tensor):
        if value.device.type != "cpu" or value.layout is not torch.strided:
            return None
        raw = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return (torch.Tensor, value.dtype, tuple(value.shape), raw)
    if isinstance(value, (list, tuple)):
        parts = [fingerprint(part) for part in value]
        return None if None in parts else (type(value), *parts)
    if isinstance(value, dict):
        parts = [fingerprint(part) for part in value.values()]
        return None if None in parts else (dict, tuple(value), *parts)
    plain = value is None or type(value) in (bool, int, str)  # a NaN equals not even itself
    return (type(value), value) if plain else None


@dataclass(frozen=True)
class _Comparison:
    """How closely values are compared."""

    strict: bool
    coarsest: torch.dtype | None = None

    def alike(self, ours: Any, theirs: Any, right: Any = None) -> bool:
        """Whether two values are the same, where `right` is the reference's."""
        if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
            if ours.shape != theirs.shape or (self.strict and _kind(ours) != _kind(theirs)):
                return False
            if ours.device.type == "meta" or theirs.device.type == "meta":
                return ours.device.type == theirs.device.type
            if _kind(ours) == _kind(theirs) and torch.equal(ours, theirs):
                return True
            allowed = 4 * tolerance(ours, theirs)  # more than any single entry is allowed
            if allowed and self.coarsest not in COARSE and _is_far(ours, theirs, allowed):
                return False
            return bool(self.agreeing(ours, theirs, right).all())
        if isinstance(ours, (list, tuple)) and type(ours) is type(theirs):
            rights = right if _fits(right, ours) else [None] * len(ours)
            return len(ours) == len(theirs) and all(
                self.alike(*parts) for parts in zip(ours, theirs, rights, strict=True)
            )
        if isinstance(ours, dict) and isinstance(theirs, dict):
            rights = right if isinstance(right, dict) else {}
            return ours.keys() == theirs.keys() and all(
                self.alike(ours[key], theirs[key], rights.get(key)) for key in ours
            )
        if type(ours) is float and type(theirs) is float:
            return bool(agreement(_tensor(ours), _tensor(theirs)))
        # What is in objects shows in what their methods give.
        return type(ours) is type(theirs) and (type(ours) is Handle or bool(ours == theirs))

    def agreeing(self, ours: torch.Tensor, theirs: torch.Tensor, right: Any) -> torch.Tensor:
        """Where two tensors of one shape agree, as booleans on the CPU."""
        if self.coarsest in COARSE and theirs.is_floating_point():
            theirs = theirs.to(self.coarsest)
        same = agreement(ours, theirs)
        if same.all() or not isinstance(right, torch.Tensor) or right.shape != ours.shape:
            return same
        broken = ~theirs.isfinite()
        if not broken.any():
            return same
        return same | (broken & ~ours.isfinite() & right.isfinite()).cpu()


def _fits(right: Any, ours: Any) -> bool:
    return isinstance(right, (list, tuple)) and len(right) == len(ours)


def differs(answer: Answer, reference: Answer) -> bool:
    """Whether an answer is visibly not the reference's.

    Booleans, whole numbers, shapes, dtypes and exceptions differ by any element, floats
    by 2 % of the reference's root mean square.
    """
    if not isinstance(answer, Value) or not isinstance(reference, Value):
        return not alike(answer, reference)
    return _values_differ(answer.value, reference.value)


def differs_in_numbers(answer: Answer, reference: Answer) -> bool:
    """Whether some number of an answer, neither NaN nor infinite, is visibly another."""
    if not isinstance(answer, Value) or not isinstance(reference, Value):
        return False
    parts = zip(tensors_in(answer.value), tensors_in(reference.value), strict=False)
    return any(
        ours.shape == theirs.shape
        and "meta" not in (ours.device.type, theirs.device.type)
        and bool((_visible(ours, theirs) & ours.isfinite().cpu()).any())
        for ours, theirs in parts
    )


def _values_differ(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if ours.shape != theirs.shape or _kind(ours) != _kind(theirs):
            return True
        if "meta" in (ours.device.type, theirs.device.type):
            return ours.device.type != theirs.device.type
        if torch.equal(ours, theirs):
            return False
        return _is_far(ours, theirs, 2 * VISIBLE) or bool(_visible(ours, theirs).any())
    if isinstance(ours, (list, tuple)) and type(ours) is type(theirs) and len(ours) == len(theirs):
        return any(_values_differ(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        return any(_values_differ(ours[key], theirs[key]) for key in ours)
    if type(ours) is float and type(theirs) is float:
        return bool(_visible(_tensor(ours), _tensor(theirs)))
    return not _Comparison(strict=True).alike(ours, theirs)


def _tensor(number: float) -> torch.Tensor:
    return torch.tensor(number, dtype=torch.float64)


def _kind(tensor: torch.Tensor) -> tuple[torch.dtype, str]:
    return tensor.dtype, tensor.device.type


def _is_far(ours: torch.Tensor, theirs: torch.Tensor, share: float) -> bool:
    """Whether some entry surely differs by more than this share of the largest; quickly told.

    Nothing is told of what is not finite, of no numbers, or of numbers of different kinds.
    """
    if _kind(ours) != _kind(theirs) or theirs.dtype not in EXACT or not theirs.numel():
        return False
    apart, largest = (ours - theirs).abs().max().item(), theirs.abs().max().item()
    usual = math.isfinite(apart) and largest < 1e150  # beyond, squares are infinite
    return usual and apart > share * max(largest, LEAST)


def _visible(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Where a tensor visibly differs from the reference's of the same shape."""
    if not theirs.is_floating_point():
        return (ours != theirs).cpu()
    mine, right = ours.detach().cpu().double(), theirs.detach().cpu().double()
    if torch.equal(mine, right):
        return torch.zeros(mine.shape, dtype=torch.bool)
    known = right.isfinite()
    whole = bool(known.all())
    sizes = right if whole else right[known]
    scale = max(sizes.square().mean().sqrt().item(), LEAST) if sizes.numel() else LEAST
    near = (mine - right).abs() <= VISIBLE * scale  # which a NaN never is
    if whole and math.isfinite(scale):
        return ~near
    special = (mine == right) | (mine.isnan() & right.isnan())
    return torch.where(known & mine.isfinite(), ~near, ~special)


def shows(
    answer: Answer, wrong: Answer, right: Answer, coarsest: torch.dtype | None = None
) -> bool:
    """Whether an answer shows a mistake in part: in a row where that mistake is visible.

    A row is what lies along the last axis of a floating-point tensor; of an answer with
    several tensors any one will do.
    """
    if not all(isinstance(one, Value) for one in (answer, wrong, right)):
        return alike(answer, wrong, strict=False) and differs(wrong, right)
    values = (one.value for one in (answer, wrong, right) if isinstance(one, Value))
    return _shows(_Comparison(False, coarsest), *values)


def _shows(comparison: _Comparison, ours: Any, wrong: Any, right: Any) -> bool:
    if isinstance(ours, (list, tuple)) and _fits(wrong, ours) and _fits(right, ours):
        return any(_shows(comparison, *parts) for parts in zip(ours, wrong, right, strict=True))
    if not all(isinstance(one, torch.Tensor) for one in (ours, wrong, right)):
        return False
    if "meta" in (ours.device.type, wrong.device.type, right.device.type):
        return False
    rows = ours.dim() >= 2 and ours.shape == right.shape and ours.is_floating_point()
    if ours.shape != wrong.shape or not rows:
        return comparison.alike(ours, wrong) and _values_differ(wrong, right)
    visible = _visible(wrong, right).any(-1)
    return bool((visible & comparison.agreeing(ours, wrong, right).all(-1)).any())
