"""Objects that stay on their side of the wire: the other side has handles, and calls methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from grader.worker.wire import Handle

Function = Callable[..., Any]


@dataclass
class Objects:
    """The objects of one program that the other side has handles for."""

    _things: dict[int, object] = field(default_factory=dict)  # by number
    _numbers: dict[int, int] = field(default_factory=dict)  # by id; what is kept keeps its id

    def handle(self, thing: object) -> Handle:
        """The handle of an object, one and the same whenever that object is sent."""
        number = self._numbers.setdefault(id(thing), len(self._things))
        self._things[number] = thing
        return Handle(number, type(thing).__name__)

    def kept(self, value: object) -> Handle | tuple[Handle, ...]:
        """A result by its handle; of a tuple each part has its own."""
        if type(value) is tuple:
            return tuple([self.handle(part) for part in value])
        return self.handle(value)

    def thing(self, handle: Handle) -> object:
        """The object a handle stands for; raises `KeyError` for one that was never given."""
        return self._things[handle.number]

    def __len__(self) -> int:
        return len(self._things)

    def clear(self) -> None:
        """Let go of all of them."""
        self._things.clear()
        self._numbers.clear()


def function_named(namespace: Mapping[str, Any], name: str, mode: str) -> Function | None:
    """The function of a program that a call names, or None.

    "KVCache.append" calls that method of its first argument; in the mode "attribute" it is
    the attribute of that name.
    """
    owner, dot, member = name.partition(".")
    if not dot:
        return namespace.get(owner)
    return attrgetter(member) if mode == "attribute" else _method(member)


def _method(name: str) -> Function:
    def call(thing: Any, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(thing, name)(*args, **kwargs)

    return call
