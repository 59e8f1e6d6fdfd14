"""The student as a suite sees it: named functions whose calls are asked elsewhere and recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from grader.asked import Asked, Instance
from grader.calls import (
    Answer,
    Answerer,
    Call,
    Died,
    Earlier,
    Garbled,
    Missing,
    NotSent,
    Raised,
    Recorded,
    Trapped,
    Value,
    of_what_was_given,
    path_to,
    with_parts,
)
from grader.errors import CourseFault
from grader.exchange import Line, WorkerDied
from grader.given import Given
from grader.worker import wire
from grader.worker.parts import copied, leaves_in
from grader.worker.wire import Handle


class NoValue(Exception):
    """A call gave no value; `recorded` says what it gave, `role` whose call it was."""

    def __init__(self, role: str, recorded: Recorded) -> None:
        super().__init__(f"{role}: {recorded.call.function} gave no value: {recorded.answer}")
        self.role = role
        self.recorded = recorded


class Player:
    """Whoever plays a part in a suite: `student.softmax(x)` asks for it, and is recorded."""

    def __init__(
        self, role: str, contracts: Mapping[str, Callable[..., Any]], answerer: Answerer,
        cpu_seconds: Callable[[], float] = time.process_time, recording: bool = True,
    ) -> None:  # fmt: skip
        self._role = role
        self._contracts = contracts  # the exercise's functions, for their parameters' names
        self._answerer = answerer
        self.cpu_seconds = cpu_seconds  # of whoever answers
        self._recording = recording  # whether anybody will look at what was asked
        self.recorded: list[Recorded] = []

    def __getattr__(self, name: str) -> Asked:
        if name not in self._contracts:
            raise AttributeError(f"the exercise has no function `{name}`")
        return Asked(self, name, self._contracts[name])

    def ask(self, call: Call) -> Any:
        """The value a call gives; raises `NoValue` for anything else."""
        leaves = leaves_in([call.args, call.kwargs])
        with_objects = any(type(leaf) in (Handle, Instance) for leaf in leaves)
        asked = with_parts(call, _named) if with_objects else call
        recorded = Recorded(self._as_asked(call, with_objects), self._answerer(asked))
        if self._recording:
            self.recorded.append(recorded)
        if not isinstance(recorded.answer, Value):
            raise NoValue(self._role, recorded)
        return recorded.answer.value

    def _as_asked(self, call: Call, with_objects: bool) -> Call:
        """The call as it is kept: nothing that happens to its arguments later shows in it."""
        if not self._recording:
            return call
        parts = [call.args, call.kwargs]
        if with_objects:
            parts = [self._recordable(part, call.function) for part in parts]
        args, kwargs = copied(parts)
        return Call(call.function, args, kwargs, call.mode, call.cotangent)

    def _recordable(self, part: Any, function: str) -> Any:
        """The same with `Earlier` for what an earlier call of this case gave of objects.

        A tuple of objects that is handed on whole stands as one: its length is the answer's.
        """
        if not any(type(leaf) in (Handle, Instance) for leaf in leaves_in(part)):
            return part
        for index, recorded in enumerate(self.recorded):
            path = path_to(_named(part), recorded.answer)
            if path is not None:
                return Earlier(index, path)
        if type(part) is dict:
            return {key: self._recordable(inner, function) for key, inner in part.items()}
        if type(part) in (list, tuple):
            return type(part)([self._recordable(inner, function) for inner in part])
        raise CourseFault(f"a step gives `{function}` an object that is another player's")


def _named(part: Any) -> Any:
    """An object by its handle; anything else as it is."""
    return part.handle if isinstance(part, Instance) else part


def over(line: Line, given: Given | None = None) -> Answerer:
    """Answers from a worker at the other end of a line, with what it may ask for meanwhile.

    Objects that it gave to an answerer before are let go.
    """
    objects_of_before = True

    def answer(call: Call) -> Answer:
        nonlocal objects_of_before
        request = {
            "op": "call", "function": call.function, "mode": call.mode,
            "args": tuple(call.args), "kwargs": call.kwargs, "cotangent": call.cotangent,
            "afresh": objects_of_before,
        }  # fmt: skip
        objects_of_before = False
        try:
            return of_what_was_given(call, read_answer(line.ask(request, given)))
        except WorkerDied as died:
            return Died(died.how, died.detail, died.by_the_wall)
        except wire.WireError as error:
            return Garbled(str(error))

    return answer


def read_answer(message: dict[str, Any]) -> Answer:
    """A worker's message as an answer; whatever does not fit the form is garbled."""
    match message:
        case {"fired": [str(), *_] as fired}:
            return Trapped(tuple(str(name)[:60] for name in fired[:3]))
        case {"value": value}:
            return Value(value)
        case {"raised": {"type": str(kind), "builtin": str(builtin), "text": str(text)} as raised}:
            line = raised.get("line")
            known = line if type(line) is int and 0 < line < 10**6 else None
            return Raised(kind[:100], builtin[:100], text[:2000], known)
        case {"unsendable": str(what)}:
            return NotSent(what[:200] or "an object without a name")
        case {"missing": str(function)}:
            return Missing(function[:100])
    return Garbled("an answer of an unknown form")
