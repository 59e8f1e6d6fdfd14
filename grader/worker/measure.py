"""The ways a function is called: for its value, its gradients, or what it does on the side.

The worker measures a student's function with these, and the trusted side the reference
and the wrong programs, so that both are measured alike. What the worker says about
itself here is a claim, not a proof: a submission that lies about its own arguments or
devices gains at most the side step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

Function = Callable[..., Any]

FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "as_tensor", "asarray", "empty", "eye", "from_numpy", "full", "linspace",
        "logspace", "normal", "ones", "rand", "randint", "randn", "randperm", "tensor",
        "tril_indices", "triu_indices", "zeros",
    )
)  # fmt: skip
# In these words torch complains of tensors that live in two places.
DEVICE_COMPLAINTS = ("same device", "expected device", "copy out of meta", "device type")


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
    memo: dict[int, torch.Tensor] = {}
    args = tuple(_leaves(part, memo) for part in args)
    kwargs = {key: _leaves(part, memo) for key, part in kwargs.items()}
    # Clones go in: a leaf refuses in-place work, which is a mistake told of elsewhere.
    into, named = _clones((args, kwargs), {})
    result = function(*into, **named)
    pairs = [
        (output, weight)
        for output, weight in zip(_parts(result), _parts(cotangent), strict=True)
        if isinstance(output, torch.Tensor) and output.requires_grad and weight is not None
    ]
    paths = dict(_paths({**{str(i): a for i, a in enumerate(args)}, **kwargs}))
    if not pairs or not paths:
        return dict.fromkeys(paths)
    # Contracted to a scalar: handing torch the cotangents makes it import sympy, 0.3 s.
    total = torch.stack([(output * weight.to(output)).sum() for output, weight in pairs]).sum()
    found = torch.autograd.grad(total, list(paths.values()), allow_unused=True)
    return dict(zip(paths, found, strict=True))


def _leaves(part: Any, memo: dict[int, torch.Tensor]) -> Any:
    """The same structure with floating-point tensors as fresh leaves; one object stays one."""
    if isinstance(part, torch.Tensor) and part.is_floating_point():
        if id(part) not in memo:
            memo[id(part)] = part.detach().clone().requires_grad_()
        return memo[id(part)]
    if isinstance(part, (list, tuple)):
        return type(part)(_leaves(inner, memo) for inner in part)
    if isinstance(part, dict):
        return {key: _leaves(inner, memo) for key, inner in part.items()}
    return part


def _clones(part: Any, memo: dict[int, torch.Tensor]) -> Any:
    """The same structure with a clone of every leaf, through which gradients flow."""

    def clone(leaf: torch.Tensor) -> torch.Tensor:
        if not leaf.requires_grad:
            return leaf
        return memo.setdefault(id(leaf), leaf.clone())

    return _mapped(part, clone)


def _parts(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _paths(part: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(part, torch.Tensor):
        if part.is_floating_point():
            yield path, part
    elif isinstance(part, (dict, list, tuple)):
        entries = part.items() if isinstance(part, dict) else enumerate(part)
        for key, inner in entries:
            yield from _paths(inner, f"{path}.{key}" if path else str(key))


# -- does every tensor follow the device of the inputs? -------------------------


class _Elsewhere(TorchFunctionMode):
    """Moves to `meta` what a factory makes without being told a device, and notes its name.

    A scalar stays: torch itself lets a CPU scalar meet tensors of any device.
    """

    def __init__(self, asked_for: str | None) -> None:
        super().__init__()
        self.asked_for = asked_for  # the caller's `device`, which may be handed on
        self.strays: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in FACTORIES:
            told = kwargs.get("device")
            if told is None and result.dim() and result.device.type == "cpu":
                self.strays.append(func.__name__)
                return result.to("meta")
            if type(told) is str and told is not self.asked_for:
                self.strays.append(func.__name__)
        elif func in (torch.Tensor.cpu, torch.Tensor.numpy):
            self.strays.append(func.__name__)
        return result


def strays(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Names of the calls whose tensors do not follow the inputs' device; empty if all do.

    First the inputs stay where they are and what is made without a device goes to `meta`:
    correct code, data-dependent control flow included, never notices. Only what is then
    suspicious is tried on `meta` itself, whose first use costs about a second; it is a
    stray if that ends in a complaint about devices or in a result elsewhere.
    """
    device = str(kwargs.get("device") or _device_of([*args, *kwargs.values()]))
    if "device" in kwargs:  # an object of its own, to be told from a device written out
        kwargs = kwargs | {"device": "".join(list(device))}
    mode = _Elsewhere(kwargs.get("device"))
    try:
        with mode:
            result = function(*_copies(args), **_copies(kwargs))
        if not mode.strays and _all_on(result, device):
            return []
    except Exception:
        pass  # whatever it is, `meta` decides
    if _follows_to_meta(function, args, kwargs):
        return []
    return list(dict.fromkeys(mode.strays)) or ["a tensor"]


def _follows_to_meta(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    there = _to_meta(kwargs)
    if "device" in kwargs:
        there["device"] = "meta"
    try:
        return _all_on(function(*_to_meta(args), **there), "meta")
    except Exception as error:
        # Data-dependent control flow cannot run on meta either: that proves nothing.
        return not any(words in str(error) for words in DEVICE_COMPLAINTS)


def _device_of(part: Any) -> torch.device:
    found = (t.device for t in _tensors(part))
    return next(found, torch.device("cpu"))


def _all_on(part: Any, device: str) -> bool:
    wanted = torch.device(device).type
    return all(tensor.device.type == wanted for tensor in _tensors(part))


def _tensors(part: Any) -> Iterator[torch.Tensor]:
    if isinstance(part, torch.Tensor):
        yield part
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from _tensors(inner)
    elif isinstance(part, dict):
        yield from _tensors(list(part.values()))


def _to_meta(part: Any) -> Any:
    return _mapped(part, lambda tensor: tensor.to("meta"))


def _copies(part: Any) -> Any:
    return _mapped(part, lambda tensor: tensor.detach().clone())


def _mapped(part: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(part, torch.Tensor):
        return change(part)
    if isinstance(part, (list, tuple)):
        return type(part)(_mapped(inner, change) for inner in part)
    if isinstance(part, dict):
        return {key: _mapped(inner, change) for key, inner in part.items()}
    return part


MODES: dict[str, Callable[..., Any]] = {
    "value": value,
    "gradients": gradients,
    "arguments_after": arguments_after,
    "strays": strays,
}
