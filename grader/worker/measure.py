"""The ways a function is called: for its value, its gradients, or what it does on the side.

The worker measures a student's function with these, and the trusted side the reference
and the wrong programs, so that both are measured alike. What the worker says about
itself here is a claim, not a proof: a submission that lies about its own arguments or
devices gains at most the side step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from grader.worker.counting import multiply_adds
from grader.worker.devices import strays
from grader.worker.parts import mapped, with_paths

Function = Callable[..., Any]


def value(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the function returns."""
    return function(*args, **kwargs)


def arguments_after(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments as the function leaves them, positional ones first."""
    function(*args, **kwargs)
    return [*args, *kwargs.values()]


def gradients(
    function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], cotangent: Any
) -> dict[str, torch.Tensor | None]:
    """The vector-Jacobian product: one gradient, or None, per floating-point argument.

    cotangent: shaped as the result; a tuple, with None for what does not count, where
    the result is one. Keys are paths into the arguments: "0", "mask", "3.w_q".
    """
    args, kwargs = mapped((args, kwargs), _leaf)
    # Clones go in: a leaf refuses in-place work, which is a mistake told of elsewhere.
    into, named = mapped((args, kwargs), lambda t: t.clone() if t.requires_grad else t)
    result = function(*into, **named)
    pairs = [
        pair
        for parts in zip(_parts(result), _parts(cotangent), strict=True)
        for pair in _weighted(*parts)
    ]
    paths = dict(with_paths({**{str(i): a for i, a in enumerate(args)}, **kwargs}))
    if not pairs or not paths:
        return dict.fromkeys(paths)
    # Contracted to a scalar: handing torch the cotangents makes it import sympy, 0.3 s.
    total = torch.stack([(output * weight.to(output)).sum() for output, weight in pairs]).sum()
    found = torch.autograd.grad(total, list(paths.values()), allow_unused=True)
    return dict(zip(paths, found, strict=True))


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    """A fresh leaf that gathers a gradient, where the dtype allows one."""
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def _weighted(output: Any, weight: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every tensor in an output through which gradients flow, with its cotangent."""
    if isinstance(output, torch.Tensor):
        if output.requires_grad and weight is not None:
            yield output, weight
    elif isinstance(output, (tuple, list)) and isinstance(weight, (tuple, list)):
        for parts in zip(output, weight, strict=True):
            yield from _weighted(*parts)
    elif isinstance(output, dict) and isinstance(weight, dict):
        for key, inner in output.items():
            yield from _weighted(inner, weight.get(key))


def _parts(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def raised(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """The builtin type of the exception it raises, "ValueError"; None where it returns.

    What says that nothing is written yet is raised on.
    """
    try:
        function(*args, **kwargs)
    except NotImplementedError:
        raise
    except Exception as error:
        return builtin_kind(error)
    return None


def builtin_kind(error: BaseException) -> str:
    """The name of the nearest builtin type of an exception."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def read(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A result that was kept, as it is now; the function that gave it is not called."""
    return args[0]


def seconds(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """The seconds it takes."""
    started = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - started


MODES: dict[str, Callable[..., Any]] = {
    "value": value,
    "attribute": value,  # of an object, where the function is its getter
    "raised": raised,
    "kept": value,  # whoever asks gets a handle for it
    "read": read,
    "gradients": gradients,
    "arguments_after": arguments_after,
    "strays": strays,
    "multiply_adds": multiply_adds,
    "seconds": seconds,
}
