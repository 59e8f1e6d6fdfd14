"""Functions and classes that the grader answers: what stands in for them here only asks.

While a later function is graded in the company of right ones, a name of the submission is
bound to such a function. Nothing of an answer is kept here, and gradients flow through: on
the way back the grader is asked for them. The objects of such a class stay with the grader.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import torch

from grader.worker.parts import exchanged, mapped, tensors_in, with_paths
from grader.worker.wire import Handle

Question = dict[str, Any]
Ask = Callable[[Question], dict[str, Any]]
NO_CLASSES: Mapping[str, type] = MappingProxyType({})
HANDLE = "_handle_of_the_grader"  # an attribute of objects that stand in for the grader's
MET = "_met_with_the_grader"  # and what they were given that gathers gradients, by its path


def asking(name: str, ask: Ask, classes: Mapping[str, type] = NO_CLASSES) -> Callable[..., Any]:
    """A function that asks for its value wherever it is called.

    classes: those whose objects stand for the grader's, where it gives some.
    """

    def asked(*args: Any, **kwargs: Any) -> Any:
        things = _stand_ins([args, kwargs])
        value = _answered(name, ask, args, kwargs, things, classes)
        if things or any(True for _ in tensors_in([args, kwargs])):
            return value
        return _made(value, [arg for arg in args if isinstance(arg, torch.device)], kwargs)

    asked.__name__ = asked.__qualname__ = name
    return asked


def _answered(
    name: str, ask: Ask, args: tuple[Any, ...], kwargs: dict[str, Any], things: list[Any],
    classes: Mapping[str, type] = NO_CLASSES,
) -> Any:  # fmt: skip
    """The value that is asked for, joined to what it was made from: now, or by these objects."""
    own: dict[int, tuple[str, torch.Tensor]] = {}
    met: dict[str, torch.Tensor] = {}
    if torch.is_grad_enabled():
        arguments = {**{str(place): arg for place, arg in enumerate(args)}, **kwargs}
        for path, tensor in with_paths(arguments):
            if tensor.requires_grad:
                # One that is passed twice gets its whole gradient by one path.
                own.setdefault(id(tensor), (path, tensor))
        for thing in things:
            met |= getattr(thing, MET)
    question: Question = {"function": name, "mode": "value", "args": args, "kwargs": kwargs}
    value, question["at"] = _reply(ask, {**question, "cotangent": None})
    value = exchanged(value, lambda part: _as_object(part, classes))
    if (own or met) and any(tensor.is_floating_point() for tensor in tensors_in(value)):
        value = _joined(value, ask, question, {**met, **dict(own.values())})
    met |= {f"{question['at']}:{path}": tensor for path, tensor in own.values()}
    for thing in [*things, *_stand_ins(value)]:  # what one was given may go on in another
        setattr(thing, MET, getattr(thing, MET, {}) | met)
    return value


def asking_class(
    name: str, members: Mapping[str, bool], ask: Ask, module: str,
    classes: Mapping[str, type] = NO_CLASSES,
) -> type:  # fmt: skip
    """A class of this module whose objects ask for whatever they are asked.

    members: what its objects have, and of each whether it is a method. classes: as in `asking`.
    """

    def begin(self: object, *args: Any, **kwargs: Any) -> None:
        setattr(self, MET, {})
        things = [self, *_stand_ins([args, kwargs])]
        setattr(self, HANDLE, _answered(name, ask, args, kwargs, things))

    def whole(self: object, protocol: object) -> NoReturn:
        """There is but one object, where it is kept: a copy of this would be no other."""
        raise AttributeError(f"'{name}' object has no attribute '__reduce_ex__'")

    body: dict[str, Any] = {"__init__": begin, "__reduce_ex__": whole, "__module__": module}
    for member, called in members.items():
        method = _method(asking(f"{name}.{member}", ask, classes))
        body[member] = method if called else property(method)
    return type(name, (), body)


def _method(asked: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return asked(self, *args, **kwargs)

    return method


def _reply(ask: Ask, question: Question) -> tuple[Any, int]:
    """The value that comes back, and how many questions about objects were asked before.

    Raises what the right function raises.
    """
    plain = exchanged(mapped(question, lambda tensor: tensor.detach()), _as_known)
    match ask(plain):
        case {"value": value, "at": int(before)}:
            return value, before
        case {"raised": str(kind), "text": text}:
            error = getattr(builtins, kind, RuntimeError)
            known = isinstance(error, type) and issubclass(error, Exception)
            raise (error if known else RuntimeError)(text)
        case reply:
            raise RuntimeError(f"the grader did not answer: {reply.get('refused')}")


def _stand_ins(part: Any) -> list[Any]:
    """The objects among arguments that stand in for the grader's, each once."""
    found: dict[int, Any] = {}

    def look(one: Any) -> Any:
        if type(getattr(one, HANDLE, None)) is Handle:
            found[id(one)] = one
        return one

    exchanged(part, look)
    return list(found.values())


def _as_known(part: Any) -> Any:
    """A device by its name and an object by its handle, as the other side knows them."""
    if isinstance(part, torch.device):
        return str(part)
    handle = getattr(part, HANDLE, None)
    return handle if type(handle) is Handle else part


def _as_object(part: Any, classes: Mapping[str, type]) -> Any:
    """An object that stands for the grader's where its handle came; anything else as it is."""
    kind = classes.get(part.type_name) if type(part) is Handle else None
    if kind is None:
        return part
    thing: object = object.__new__(kind)
    setattr(thing, HANDLE, part)
    return thing


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
        found, _ = _reply(ctx.ask, asked)
        return (None, None, None, None, None, *(found.get(path) for path in ctx.paths))


def _made(value: Any, devices: list[torch.device], kwargs: dict[str, Any]) -> Any:
    """What was made from no tensor, made here once more: on the device that was asked for."""
    if "device" in kwargs:
        devices = [kwargs["device"]]
    told: dict[str, Any] = {"device": devices[0]} if devices else {}
    return mapped(value, lambda made: torch.zeros(made.shape, dtype=made.dtype, **told).copy_(made))
