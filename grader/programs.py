"""The course's own programs answer calls in this process, as a worker answers a student's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.calls import (
    Answer,
    Answerer,
    Call,
    Earlier,
    Missing,
    Raised,
    Recorded,
    Value,
    of_what_was_given,
    part_at,
    with_parts,
)
from grader.worker import measure
from grader.worker.objects import Objects, function_named
from grader.worker.parts import copied, exchanged
from grader.worker.wire import Handle

Change = Callable[[Any], Any]
DATA = (torch.Tensor, bool, int, float, str, type(None))  # what is told by its value


def in_process(namespace: dict[str, Any]) -> Answerer:
    """Answers from trusted functions: the reference's, or a wrong program's.

    Its objects stay here as a student's stay in the worker, and are told by handles.
    """
    objects = Objects()
    kept, meant = _by_handles(objects)

    def answer(call: Call) -> Answer:
        function = function_named(namespace, call.function, call.mode)
        if function is None:
            return Missing(call.function)
        more = {"cotangent": call.cotangent} if call.mode == "gradients" else {}
        try:
            args, kwargs = exchanged(copied((call.args, call.kwargs)), meant)
            value = measure.MODES[call.mode](function, args, kwargs, **more)
            if call.mode == "kept":
                return Value(objects.kept(value))
            value = exchanged(value, kept)
            # What an object gave may change with it later; an answer does not.
            return of_what_was_given(call, Value(copied(value) if objects else value))
        except Exception as error:  # that of a copy for which no memory is left as well
            return _raised(error)

    return answer


def gradients_through(namespace: dict[str, Any], calls: Sequence[Call]) -> Answer:
    """The gradients of what the last call gives, by what it and those before it were given.

    Objects carry them from call to call. Keys are paths into the last call's arguments, "0"
    or "mask"; into those of the third they begin with "2:".
    """

    def last(*given: Any) -> Any:
        objects, value = Objects(), None
        kept, meant = _by_handles(objects)
        for call, parts in zip(calls, given, strict=True):
            function = function_named(namespace, call.function, call.mode)
            assert function is not None
            args, kwargs = exchanged(parts, meant)
            try:
                value = function(*args, **kwargs)
            except Exception:
                if call is calls[-1]:
                    raise
                continue  # as it did when it was asked first
            exchanged(value, kept)
        return value

    given = tuple([(call.args, call.kwargs) for call in calls])
    try:
        found = measure.gradients(last, given, {}, calls[-1].cotangent)
    except Exception as error:
        return _raised(error)
    named = {}
    for path, gradient in found.items():
        place, _, own = path.split(".", 2)
        named[own if int(place) == len(calls) - 1 else f"{place}:{own}"] = gradient
    return Value(named)


def _by_handles(objects: Objects) -> tuple[Change, Change]:
    """How a part of a value becomes what may be told, and how one of arguments what is meant."""

    def kept(part: Any) -> Any:
        return part if isinstance(part, DATA) else objects.handle(part)

    def meant(part: Any) -> Any:
        return objects.thing(part) if type(part) is Handle else part

    return kept, meant


def _raised(error: Exception) -> Raised:
    return Raised(type(error).__name__, measure.builtin_kind(error), str(error))


@dataclass
class Replay:
    """The calls of one case answered in order by one program, with fresh objects."""

    answerer: Answerer
    _answers: list[Answer] = field(default_factory=list)

    def answer(self, trace: Sequence[Recorded], index: int) -> Answer:
        """What the program answers to a call of the case, once it was asked those before."""
        while len(self._answers) <= index:
            call = with_parts(trace[len(self._answers)].call, self._given)
            self._answers.append(self.answerer(call))
        return self._answers[index]

    def _given(self, part: Any) -> Any:
        """What this program itself gave earlier, where that is asked for."""
        if type(part) is not Earlier:
            return part
        return part_at(part.path, self._answers[part.index])
