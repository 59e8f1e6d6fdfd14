"""What may be asked of an exercise: functions, classes, and the methods of their objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

Contract = Callable[..., Any]  # a function, class or method of the reference, for its signature
SPECIAL = ("__len__",)  # what is asked of an object by other means than its name


def members_of(kind: type) -> dict[str, bool]:
    """The public members of a class by name, and of each whether it is a method.

    Attributes are properties, and what stands annotated in the class's body.
    """
    found: dict[str, bool] = {}
    for one in reversed(kind.__mro__[:-1]):
        found |= dict.fromkeys(one.__dict__.get("__annotations__", ()), False)
        for name, part in vars(one).items():
            if inspect.isfunction(part) or isinstance(part, property):
                found[name] = inspect.isfunction(part)
    return {name: called for name, called in found.items() if name[0] != "_" or name in SPECIAL}


def contract_of(contracts: Mapping[str, Any], name: str) -> Contract | None:
    """The contract of what a call names: "softmax", "KVCache", or "KVCache.append"."""
    owner, dot, member = name.partition(".")
    found: Contract | None = contracts.get(owner)
    if not dot:
        return found
    called = members_of(found).get(member) if isinstance(found, type) else None
    if called is None:
        return None
    return getattr(found, member) if called else attribute


def attribute(self: Any) -> Any:
    """What an attribute is asked with: the object alone."""


def with_methods(contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """All that may be called: functions and classes by their names, and methods as `K.append`."""
    return dict(contracts) | {
        f"{owner}.{member}": getattr(kind, member)
        for owner, kind in contracts.items()
        if isinstance(kind, type)
        for member, called in members_of(kind).items()
        if called
    }


def argument_at(path: str, contract: Contract) -> str:
    """A path into a call's arguments with its place turned into a name: "0" is `x`."""
    names = list(inspect.signature(contract).parameters)
    first, dot, rest = path.partition(".")
    known = first.isdecimal() and len(first) < 3 and int(first) < len(names)
    return (names[int(first)] if known else first) + dot + rest
