"""Calls and what comes of them: the record from which verdicts and diagnoses are made.

They hold tensors, which have no truth value to compare by: each is equal to itself only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.worker import measure
from grader.worker.parts import copied


@dataclass(frozen=True, eq=False)
class Call:
    """One question to a function: its name, how it is measured, and the arguments."""

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


def in_process(namespace: dict[str, Any]) -> Answerer:
    """Answers from trusted functions: the reference's, or a wrong program's."""

    def answer(call: Call) -> Answer:
        function = namespace[call.function]
        args, kwargs = copied((call.args, call.kwargs))
        more = {"cotangent": call.cotangent} if call.mode == "gradients" else {}
        try:
            return Value(measure.MODES[call.mode](function, args, kwargs, **more))
        except Exception as error:
            kinds = [k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"]
            return Raised(type(error).__name__, kinds[0], str(error))

    return answer
