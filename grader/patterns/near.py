"""What counts as the same number where a pattern is looked for."""

from __future__ import annotations

import torch

LARGEST = 1 << 16  # entries; in more of them only the simplest patterns are looked for
CLOSE = 1e-4  # relative to a number
TINY = 1e-6  # relative to the usual size of the numbers where that is small


def size(tensor: torch.Tensor) -> float:
    """The usual size of the numbers, infinities left out; one at most."""
    finite = tensor[tensor.isfinite()].clamp(-1, 1)
    return finite.square().mean().sqrt().item() if finite.numel() else 0.0


def alike(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Where two tensors hold the same numbers; they may broadcast."""
    if torch.bool in (one.dtype, other.dtype):
        return one == other
    return torch.isclose(one, other, CLOSE, TINY * size(other), equal_nan=True)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether they do throughout."""
    return bool(alike(one, other).all())


def distinct(values: torch.Tensor) -> int:
    """How many numbers there are that one can tell apart."""
    if values.dtype is torch.bool:
        return int(values.any()) + int((~values).any())
    ordered = values[~values.isnan()].flatten().sort().values
    if not ordered.numel():
        return 0
    apart = ~torch.isclose(ordered[1:], ordered[:-1], 1e-3, 1e-5 * size(ordered))
    return 1 + int(apart.sum())
