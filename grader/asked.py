"""What a suite holds of a player: functions to be called or measured, and objects with methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from grader.calls import Call
from grader.compare import Different, difference
from grader.contracts import Contract, argument_at, members_of
from grader.worker.wire import Handle


class Asker(Protocol):
    """Whoever puts a call to those who know the answer."""

    cpu_seconds: Callable[[], float]  # those that whoever answers has used by now

    def ask(self, call: Call) -> Any:
        """The value the call gives."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One function of a player, to be called or measured in the ways of `worker.measure`."""

    player: Asker
    name: str
    contract: Contract
    thing: tuple[Instance, ...] = ()  # the object whose method it is

    def names_of(self, *args: Any, **kwargs: Any) -> list[str]:
        """The name of each argument in the contract; `*parts` names all that it takes."""
        names: list[str] = []
        for parameter in self._parameters():
            many = parameter.kind is parameter.VAR_POSITIONAL
            names += [parameter.name] * (max(len(args) - len(names), 0) if many else 1)
        return [*names[: len(args)], *kwargs]

    def _parameters(self) -> list[inspect.Parameter]:
        """Those that the suite gives: an object's own is not among them."""
        return list(inspect.signature(self.contract).parameters.values())[len(self.thing) :]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value it returns; of a class, an object of it."""
        value = self._ask(args, kwargs)
        if not isinstance(self.contract, type):
            return value
        if type(value) is not Handle:
            raise self._no_object(value)
        return Instance(self.player, self.contract, value)

    def kept(self, *args: Any, **kwargs: Any) -> Any:
        """What it returns, as it stays with whoever answers: to be read later, or given on.

        A tuple comes part by part, as in `output, state = student.step.kept(x, state)`.
        """
        kept = self._ask(args, kwargs, "kept")
        for part in kept if type(kept) is tuple else (kept,):
            if type(part) is not Handle:  # a worker may say anything
                raise self._no_object(part)
        return kept

    def _no_object(self, value: Any) -> Different:
        """What is to be raised where an answer is not the object that was asked for."""
        where = f"what `{self.name}()` gives"
        found = difference(value, Handle(0, self.name), where=where)
        assert found is not None
        return Different(found)

    def again(self, kept: Any) -> Any:
        """What was kept of an earlier result, or a part of that, as it is now."""
        return self.player.ask(Call(self.name, (kept,), {}, "read"))

    def as_it_is(self, argument: Any) -> Any:
        """An argument as one may see it: what was kept by its value, an object by its handle."""
        if isinstance(argument, Instance):
            return argument.handle
        return self.again(argument) if type(argument) is Handle else argument

    def gradients(self, *args: Any, cotangent: Any, **kwargs: Any) -> dict[str, Any]:
        """The vector-Jacobian product: a gradient or None per floating-point argument.

        Keys say whose it is, by the parameter's name: "the gradient of `params.w_1`".
        """
        found = self._ask(args, kwargs, "gradients", cotangent)
        if type(found) is not dict:  # a worker may say anything
            return {"gradients": found}
        return {f"the gradient of `{argument_at(p, self.contract)}`": found[p] for p in found}

    def arguments_after(self, *args: Any, **kwargs: Any) -> Any:
        """The arguments as the function leaves them."""
        after = self._ask(args, kwargs, "arguments_after")
        return after[len(self.thing) :] if type(after) is list else after

    def raised(self, *args: Any, **kwargs: Any) -> Any:
        """The builtin name of the exception it raises, or None where it returns."""
        return self._ask(args, kwargs, "raised")

    def strays(self, *args: Any, **kwargs: Any) -> list[str]:
        """What it makes that does not follow the inputs' device."""
        names: list[str] = self._ask(args, kwargs, "strays")
        return names

    def multiply_adds(self, *args: Any, **kwargs: Any) -> Any:
        """How many multiply-adds a call takes, matrix and element-wise products alike.

        The student's process counts them itself; `timed` is what it cannot make smaller.
        """
        return self._ask(args, kwargs, "multiply_adds")

    def seconds(self, *args: Any, **kwargs: Any) -> float:
        """The seconds a call takes where it runs, without the way there; as that process says."""
        took: float = self._ask(args, kwargs, "seconds")
        return took

    def timed(self, *args: Any, **kwargs: Any) -> tuple[Any, float]:
        """The value it returns, and the seconds of CPU that the kernel books for the call.

        All that came out of the student's process counts, and in it every thread.
        """
        before = self.player.cpu_seconds()
        value = self(*args, **kwargs)
        return value, self.player.cpu_seconds() - before

    def _ask(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], mode: str = "value",
        cotangent: Any = None,
    ) -> Any:  # fmt: skip
        return self.player.ask(Call(self.name, (*self.thing, *args), kwargs, mode, cotangent))


@dataclass(frozen=True, eq=False)
class Instance:
    """An object of one of a player's classes: its methods are asked, its inside is not seen."""

    player: Asker
    contract: type
    handle: Handle

    def __getattr__(self, name: str) -> Any:
        called = members_of(self.contract).get(name)
        if called is None:
            raise AttributeError(f"the exercise's {self.contract.__name__} has no `{name}`")
        qualified = f"{self.contract.__name__}.{name}"
        if called:
            return Asked(self.player, qualified, getattr(self.contract, name), (self,))
        return self.player.ask(Call(qualified, (self,), {}, "attribute"))

    def __len__(self) -> int:
        length: int = self.__getattr__("__len__")()
        return length
