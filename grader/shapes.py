"""The sizes of a call by their names, as the contract's docstring gives them: `(..., n_q, d_k)`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch

# "w_q and w_k: (d_model, d_k)", "q: queries, (..., n_q, d_k)"
STATED = re.compile(r"(\w+(?:(?:,| and) \w+)*): (?:(?!\n\n)[^():;])*?\(([^()]*)\)")
NAME = re.compile(r"[A-Za-z]\w*")
HEADS = "the number of heads"
SENTENCES = "the number of sentences"


def stated_shapes(contract: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """The shape that a docstring states for each parameter; leading dots are left out."""
    parameters = inspect.signature(contract).parameters
    shapes: dict[str, tuple[str, ...]] = {}
    for names, inside in STATED.findall(inspect.getdoc(contract) or ""):
        axes = tuple(part.strip() for part in inside.split(",") if part.strip() not in ("...", ""))
        if any(isinstance(getattr(torch, axis, None), torch.dtype) for axis in axes):
            continue  # "(float16, float32)" are no sizes
        for name in NAME.findall(names.replace(" and ", ", ")):
            if name in parameters:
                shapes.setdefault(name, axes)
    return shapes


def sizes(
    contract: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, int]:
    """The sizes of one call by name: of axes, of batch dimensions, and whole numbers given.

    A name that stands for two different sizes is left out.
    """
    named = dict(zip(inspect.signature(contract).parameters, args, strict=False)) | kwargs
    shapes = stated_shapes(contract)
    found: dict[str, set[int]] = {}
    for parameter, value in named.items():
        if type(value) is int:
            found.setdefault(parameter, set()).add(value)
        shape = getattr(value, "shape", None)
        if shape is not None and parameter in shapes:
            for name, size in _named(shapes[parameter], tuple(shape)):
                found.setdefault(name, set()).add(size)
    return {name: seen.pop() for name, seen in found.items() if len(seen) == 1}


def _named(axes: tuple[str, ...], shape: tuple[int, ...]) -> list[tuple[str, int]]:
    if len(shape) < len(axes):
        return []
    own = shape[len(shape) - len(axes) :]
    leading = shape[: len(shape) - len(axes)]
    named = [(a, size) for a, size in zip(axes, own, strict=True) if NAME.fullmatch(a)]
    if len(leading) > 1:
        named.append((HEADS, leading[-1]))
    if leading:
        named.append((SENTENCES, leading[0]))
    return named
