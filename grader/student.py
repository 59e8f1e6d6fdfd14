"""The student as a suite sees it: named functions whose calls are asked elsewhere and recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from grader.calls import (
    Answer,
    Answerer,
    Call,
    Died,
    Garbled,
    Missing,
    NotSent,
    Raised,
    Recorded,
    Trapped,
    Value,
)
from grader.exchange import Line, WorkerDied
from grader.given import Given
from grader.worker import wire
from grader.worker.parts import copied


class NoValue(Exception):
    """A call gave no value; `recorded` says what it gave, `role` whose call it was."""

    def __init__(self, role: str, recorded: Recorded) -> None:
        super().__init__(f"{role}: {recorded.call.function} gave no value: {recorded.answer}")
        self.role = role
        self.recorded = recorded


class Player:
    """Whoever plays a part in a suite: `student.softmax(x)` asks for it, and is recorded."""

    def __init__(
        self, role: str, contracts: Mapping[str, Callable[..., Any]], answerer: Answerer
    ) -> None:
        self._role = role
        self._contracts = contracts  # the exercise's functions, for their parameters' names
        self._answerer = answerer
        self.recorded: list[Recorded] = []

    def __getattr__(self, name: str) -> Asked:
        if name not in self._contracts:
            raise AttributeError(f"the exercise has no function `{name}`")
        return Asked(self, name, self._contracts[name])

    def ask(self, call: Call) -> Any:
        """The value a call gives; raises `NoValue` for anything else."""
        args, kwargs = copied((call.args, call.kwargs))
        asked = Call(call.function, args, kwargs, call.mode, call.cotangent)
        recorded = Recorded(asked, self._answerer(call))
        self.recorded.append(recorded)
        if not isinstance(recorded.answer, Value):
            raise NoValue(self._role, recorded)
        return recorded.answer.value


class Asked:
    """One function of a player, to be called or measured in the ways of `worker.measure`."""

    def __init__(self, player: Player, name: str, contract: Callable[..., Any]) -> None:
        self._player = player
        self._name = name
        self._contract = contract

    def names_of(self, *args: Any, **kwargs: Any) -> list[str]:
        """The name of each argument in the contract; `*parts` names all that it takes."""
        names: list[str] = []
        for parameter in inspect.signature(self._contract).parameters.values():
            many = parameter.kind is parameter.VAR_POSITIONAL
            names += [parameter.name] * (max(len(args) - len(names), 0) if many else 1)
        return [*names[: len(args)], *kwargs]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value it returns."""
        return self._player.ask(Call(self._name, args, kwargs))

    def gradients(self, *args: Any, cotangent: Any, **kwargs: Any) -> dict[str, Any]:
        """The vector-Jacobian product: a gradient or None per floating-point argument.

        Keys say whose it is, by the parameter's name: "the gradient of `params.w_1`".
        """
        call = Call(self._name, args, kwargs, "gradients", cotangent)
        found = self._player.ask(call)
        if type(found) is not dict:  # a worker may say anything
            return {"gradients": found}
        names = list(inspect.signature(self._contract).parameters)
        return {f"the gradient of `{_named(p, names)}`": found[p] for p in found}

    def arguments_after(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The arguments as the function leaves them."""
        after: list[Any] = self._player.ask(Call(self._name, args, kwargs, "arguments_after"))
        return after

    def strays(self, *args: Any, **kwargs: Any) -> list[str]:
        """What it makes that does not follow the inputs' device."""
        names: list[str] = self._player.ask(Call(self._name, args, kwargs, "strays"))
        return names


def _named(path: str, names: list[str]) -> str:
    """A path with its leading position turned into the parameter's name."""
    first, dot, rest = path.partition(".")
    known = first.isdecimal() and len(first) < 3 and int(first) < len(names)
    return (names[int(first)] if known else first) + dot + rest


def over(line: Line, given: Given | None = None) -> Answerer:
    """Answers from a worker at the other end of a line, with what it may ask for meanwhile."""

    def answer(call: Call) -> Answer:
        request = {
            "op": "call", "function": call.function, "mode": call.mode,
            "args": tuple(call.args), "kwargs": call.kwargs, "cotangent": call.cotangent,
        }  # fmt: skip
        try:
            return read_answer(line.ask(request, given))
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
