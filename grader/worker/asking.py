"""Functions that the grader answers: what stands in the submission for them only asks.

While a later function is graded in the company of right ones, a name of the submission is
bound to such a function. Nothing of an answer is kept here, and gradients flow through: on
the way back the grader is asked for them.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import torch

from grader.worker.parts import mapped, tensors_in, with_paths

Question = dict[str, Any]
Ask = Callable[[Question], dict[str, Any]]


def asking(name: str, ask: Ask) -> Callable[..., Any]:
    """A function that asks for its value wherever it is called."""

    def asked(*args: Any, **kwargs: Any) -> Any:
        arguments = {**{str(place): arg for place, arg in enumerate(args)}, **kwargs}
        paths: dict[int, tuple[str, torch.Tensor]] = {}
        for path, tensor in with_paths(arguments):
            if tensor.requires_grad and torch.is_grad_enabled():
                # One that is passed twice gets its whole gradient by one path.
                paths.setdefault(id(tensor), (path, tensor))
        question = {"function": name, "mode": "value", "args": args, "kwargs": kwargs}
        value = _reply(ask, {**question, "cotangent": None})
        if paths and any(tensor.is_floating_point() for tensor in tensors_in(value)):
            value = _joined(value, ask, question, dict(paths.values()))
        if any(True for _ in tensors_in(arguments)):
            return value
        return _made(value, [arg for arg in args if isinstance(arg, torch.device)], kwargs)

    asked.__name__ = asked.__qualname__ = name
    return asked


def _reply(ask: Ask, question: Question) -> Any:
    """The value that comes back; raises what the right function raises."""
    plain = _by_name(mapped(question, lambda tensor: tensor.detach()))
    match ask(plain):
        case {"value": value}:
            return value
        case {"raised": str(kind), "text": text}:
            error = getattr(builtins, kind, RuntimeError)
            known = isinstance(error, type) and issubclass(error, Exception)
            raise (error if known else RuntimeError)(text)
        case reply:
            raise RuntimeError(f"the grader did not answer: {reply.get('refused')}")


def _by_name(part: Any) -> Any:
    """The same structure with devices called by their names, as the wire knows them."""
    if isinstance(part, torch.device):
        return str(part)
    if type(part) in (list, tuple):
        return type(part)(map(_by_name, part))
    if type(part) is dict:
        return {key: _by_name(inner) for key, inner in part.items()}
    return part


def _joined(value: Any, ask: Ask, question: Question, paths: dict[str, torch.Tensor]) -> Any:
    """The value as a result of these tensors, whose gradients are asked for on the way back."""
    outputs: list[torch.Tensor] = []
    places = _places(value, outputs)
    taken = iter(_Joint.apply(ask, question, tuple(paths), places, outputs, *paths.values()))  # type: ignore[no-untyped-call]
    return mapped(value, lambda tensor: next(taken))


def _places(value: Any, outputs: list[torch.Tensor]) -> Any:
    """The structure of a value with each tensor's place in `outputs`, where it first stands."""
    if isinstance(value, torch.Tensor):
        if any(value is one for one in outputs):
            return None
        outputs.append(value)
        return len(outputs) - 1
    if isinstance(value, (list, tuple)):
        return type(value)(_places(inner, outputs) for inner in value)
    if isinstance(value, dict):
        return {key: _places(inner, outputs) for key, inner in value.items()}
    return None


def _put(places: Any, tensors: tuple[torch.Tensor, ...]) -> Any:
    """The structure with the tensors in their places."""
    if isinstance(places, (list, tuple)):
        return type(places)(_put(inner, tensors) for inner in places)
    if isinstance(places, dict):
        return {key: _put(inner, tensors) for key, inner in places.items()}
    return None if places is None else tensors[places]


class _Joint(torch.autograd.Function):
    """Where asked values join the graph."""

    @staticmethod
    def forward(
        ctx: Any, ask: Ask, question: Question, paths: tuple[str, ...], places: Any,
        outputs: list[torch.Tensor], *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:  # fmt: skip
        ctx.ask, ctx.question, ctx.paths, ctx.places = ask, question, paths, places
        ctx.mark_non_differentiable(*(one for one in outputs if not one.is_floating_point()))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        asked = {**ctx.question, "mode": "gradients", "cotangent": _put(ctx.places, cotangents)}
        found = _reply(ctx.ask, asked)
        return (None, None, None, None, None, *(found.get(path) for path in ctx.paths))


def _made(value: Any, devices: list[torch.device], kwargs: dict[str, Any]) -> Any:
    """What was made from no tensor, made here once more: on the device that was asked for."""
    if "device" in kwargs:
        devices = [kwargs["device"]]
    told: dict[str, Any] = {"device": devices[0]} if devices else {}
    return mapped(value, lambda made: torch.zeros(made.shape, dtype=made.dtype, **told).copy_(made))
