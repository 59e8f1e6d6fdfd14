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
        paths = {
            path: tensor
            for path, tensor in with_paths(arguments)
            if tensor.requires_grad and torch.is_grad_enabled()
        }
        question = {"function": name, "mode": "value", "args": args, "kwargs": kwargs}
        value = _reply(ask, {**question, "cotangent": None})
        if paths and any(tensor.is_floating_point() for tensor in tensors_in(value)):
            value = _joined(value, ask, question, paths)
        return value if any(True for _ in tensors_in(arguments)) else _made(value, kwargs)

    asked.__name__ = asked.__qualname__ = name
    return asked


def _reply(ask: Ask, question: Question) -> Any:
    """The value that comes back; raises what the right function raises."""
    plain = mapped(question, lambda tensor: tensor.detach())
    match ask(plain):
        case {"value": value}:
            return value
        case {"raised": str(kind), "text": text}:
            error = getattr(builtins, kind, RuntimeError)
            known = isinstance(error, type) and issubclass(error, Exception)
            raise (error if known else RuntimeError)(text)
        case reply:
            raise RuntimeError(f"the grader did not answer: {reply.get('refused')}")


def _joined(value: Any, ask: Ask, question: Question, paths: dict[str, torch.Tensor]) -> Any:
    """The value as a result of these tensors, whose gradients are asked for on the way back."""
    outputs = list(tensors_in(value))
    taken = iter(_Joint.apply(ask, question, tuple(paths), outputs, *paths.values()))  # type: ignore[no-untyped-call]
    return mapped(value, lambda tensor: next(taken))


class _Joint(torch.autograd.Function):
    """Where asked values join the graph."""

    @staticmethod
    def forward(
        ctx: Any, ask: Ask, question: Question, paths: tuple[str, ...], outputs: list[torch.Tensor],
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:  # fmt: skip
        ctx.ask, ctx.question, ctx.paths = ask, question, paths
        ctx.mark_non_differentiable(*(one for one in outputs if not one.is_floating_point()))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        whole = cotangents[0] if len(cotangents) == 1 else cotangents
        asked = {**ctx.question, "mode": "gradients", "cotangent": whole}
        found = _reply(ctx.ask, asked)
        return (None, None, None, None, *(found.get(path) for path in ctx.paths))


def _made(value: Any, kwargs: dict[str, Any]) -> Any:
    """What was made from no tensor, made here once more: on the device that was asked for."""
    told = {"device": kwargs["device"]} if "device" in kwargs else {}
    return mapped(value, lambda made: torch.zeros(made.shape, dtype=made.dtype, **told).copy_(made))
