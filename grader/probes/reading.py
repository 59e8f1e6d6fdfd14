"""What a probe reads from: pairs of tensors that came back and were expected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from grader.atlas import Atlas, Place
from grader.calls import Value

LEAST_WEIGHT = 1e-5  # below, a logarithm is not to be trusted

Pair = tuple[torch.Tensor, torch.Tensor]  # came back, expected; in float64, of one shape


def pairs(atlas: Atlas, place: Place) -> list[Pair] | None:
    """The floating-point tensors of an answer with the reference's; None where one is missing."""
    answer, right = place.answer, atlas.reference(place)
    if not isinstance(answer, Value) or not isinstance(right, Value):
        return None
    try:
        return list(_pairs(answer.value, right.value))
    except ValueError:
        return None


def _pairs(ours: Any, right: Any) -> Iterator[Pair]:
    """Raises ValueError where two values are not of one form."""
    if isinstance(right, torch.Tensor):
        if not isinstance(ours, torch.Tensor) or ours.shape != right.shape:
            raise ValueError
        if ours.is_complex() or "meta" in (ours.device.type, right.device.type):
            raise ValueError  # no real numbers, or none at all
        yield ours.detach().cpu().double(), right.detach().cpu().double()
    elif isinstance(right, (list, tuple)):
        if type(ours) is not type(right) or len(ours) != len(right):
            raise ValueError
        for one, other in zip(ours, right, strict=True):
            yield from _pairs(one, other)


def are_weights(tensor: torch.Tensor) -> bool:
    """Whether every row is of weights: none negative, and in sum one, or all zero."""
    if tensor.dim() < 1 or tensor.shape[-1] < 2 or not tensor.isfinite().all():
        return False
    sums = tensor.sum(-1)
    return bool((tensor >= 0).all() and ((sums - 1).abs().lt(1e-3) | sums.eq(0)).all())


def centred(numbers: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """The numbers that are seen, less their mean in each row."""
    kept = torch.where(seen, numbers, 0.0)
    mean = kept.sum(-1, keepdim=True) / seen.sum(-1, keepdim=True).clamp_min(1)
    return torch.where(seen, kept - mean, 0.0)
