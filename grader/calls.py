"""Calls and what comes of them: the record from which verdicts and diagnoses are made.

They hold tensors, which have no truth value to compare by: each is equal to itself only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from grader.worker.parts import exchanged, leaves_in, with_paths

Path = tuple[int | str, ...]  # of places in lists and tuples, and of keys


@dataclass(frozen=True)
class Earlier:
    """An object that an earlier call of the same case gave, whoever answered it."""

    index: int  # of that call
    path: Path = ()  # to the object, where it is part of what was given


@dataclass(frozen=True, eq=False)
class Call:
    """One question to a function: its name, how it is measured, and the arguments.

    "KVCache.append" is a method: its first argument is the object. In a record objects
    stand as `Earlier`, for an answerer as its own handles.
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    mode: str = "value"  # a key of worker.measure.MODES
    cotangent: Any = None  # for gradients


@dataclass(frozen=True, eq=False)
class Value:
    """It returned this."""

    value: Any


@dataclass(frozen=True, eq=False)
class Raised:
    """It raised; all of it text from the student's side but `builtin`, the nearest builtin type."""

    type: str
    builtin: str
    text: str
    line: int | None = None


@dataclass(frozen=True, eq=False)
class Died:
    """The worker ended: how is `crashed`, `timed_out` or `out_of_memory`."""

    how: str
    detail: str
    by_the_wall: bool = False


@dataclass(frozen=True, eq=False)
class NotSent:
    """It returned something that is not of the wire's closed set."""

    what: str


@dataclass(frozen=True, eq=False)
class Garbled:
    """What came back over the wire was no answer."""

    why: str


@dataclass(frozen=True, eq=False)
class Missing:
    """There is no such function in the file."""

    function: str


@dataclass(frozen=True, eq=False)
class Trapped:
    """A forbidden operation was used on the way."""

    operations: tuple[str, ...]


Answer = Value | Raised | Died | NotSent | Garbled | Missing | Trapped
Answerer = Callable[[Call], Answer]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A call and its answer."""

    call: Call
    answer: Answer


def with_parts(call: Call, change: Callable[[Any], Any]) -> Call:
    """The call with everything in its arguments changed that is no plain list, tuple or dict."""
    args, kwargs = exchanged((call.args, call.kwargs), change)
    return replace(call, args=args, kwargs=kwargs)


def earlier_ones(call: Call) -> list[Earlier]:
    """What earlier calls gave that this one is asked with, in order."""
    return [leaf for leaf in leaves_in([call.args, call.kwargs]) if type(leaf) is Earlier]


def of_what_was_given(call: Call, answer: Answer) -> Answer:
    """An answer without the gradients of what is inside an object: its form is its maker's own."""
    if call.mode != "gradients" or not isinstance(answer, Value) or type(answer.value) is not dict:
        return answer
    given = {str(place): part for place, part in enumerate(call.args)} | call.kwargs
    paths = dict(with_paths(given))
    return Value({path: found for path, found in answer.value.items() if path in paths})


def path_to(part: object, answer: Answer) -> Path | None:
    """Where this very object stands in a value, or None."""
    return _path_to(part, answer.value) if isinstance(answer, Value) else None


def _path_to(part: object, value: Any) -> Path | None:
    if value is part:
        return ()
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, (list, tuple)):
        entries = enumerate(value)
    for key, inner in entries:
        path = _path_to(part, inner)
        if path is not None:
            return (key, *path)
    return None


def part_at(path: Path, answer: Answer) -> Any:
    """A part of a value; None where there is no such part, or no value."""
    part: Any = answer.value if isinstance(answer, Value) else None
    for key in path:
        try:
            part = part[key]
        except (TypeError, LookupError):
            return None
    return part
