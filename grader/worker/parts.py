"""Values with tensors somewhere inside: lists, tuples and dicts taken apart and put together.

A class derived from one of these is somebody's own: its objects are left whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

Change = Callable[[torch.Tensor], torch.Tensor]


def mapped(part: Any, change: Change) -> Any:
    """The same structure with every tensor changed; one object stays one."""
    return _mapped(part, change, {})


def _mapped(part: Any, change: Change, memo: dict[int, torch.Tensor]) -> Any:
    if isinstance(part, torch.Tensor):
        if id(part) not in memo:
            memo[id(part)] = change(part)
        return memo[id(part)]
    if type(part) in (list, tuple):
        return type(part)([_mapped(inner, change, memo) for inner in part])
    if type(part) is dict:
        return {key: _mapped(inner, change, memo) for key, inner in part.items()}
    return part


def exchanged(part: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with everything changed that is no plain list, tuple or dict."""
    if type(part) in (list, tuple):
        return type(part)([exchanged(inner, change) for inner in part])
    if type(part) is dict:
        return {key: exchanged(inner, change) for key, inner in part.items()}
    return change(part)


def copied(part: Any) -> Any:
    """The same value with every tensor copied, gradients asked for where they were."""
    return _copied(part, {})


def _copied(part: Any, memo: dict[int, torch.Tensor]) -> Any:
    """As `mapped`, which is slower: every argument of every call is copied."""
    kind = type(part)
    if kind is tuple:
        return tuple([_copied(inner, memo) for inner in part])
    if kind is dict:
        return {key: _copied(inner, memo) for key, inner in part.items()}
    if kind is list:
        return [_copied(inner, memo) for inner in part]
    if not isinstance(part, torch.Tensor):
        return part
    if id(part) not in memo:
        memo[id(part)] = _copy(part)
    return memo[id(part)]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.requires_grad:
        return tensor.clone()
    return tensor.detach().clone().requires_grad_()


def with_paths(part: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every floating-point tensor in a value with the path to it: "0", "mask", "3.w_q"."""
    if isinstance(part, torch.Tensor):
        if part.is_floating_point():
            yield path, part
    elif type(part) in (dict, list, tuple):
        entries = part.items() if type(part) is dict else enumerate(part)
        for key, inner in entries:
            yield from with_paths(inner, f"{path}.{key}" if path else str(key))


def leaves_in(part: Any) -> Iterator[Any]:
    """Everything in a value that is no plain list, tuple or dict, in order."""
    if type(part) in (list, tuple):
        for inner in part:
            yield from leaves_in(inner)
    elif type(part) is dict:
        yield from leaves_in(list(part.values()))
    else:
        yield part


def tensors_in(part: Any) -> Iterator[torch.Tensor]:
    """Every tensor in a value, in order."""
    return (leaf for leaf in leaves_in(part) if isinstance(leaf, torch.Tensor))
