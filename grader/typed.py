"""A recorded call as one would type it, and what it was given."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

from grader import words
from grader.calls import Call, Earlier, Recorded, earlier_ones
from grader.contracts import Contract
from grader.worker.parts import tensors_in

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")  # of a class's name: KV, Cache
MODES = {
    "gradients": "the gradients of ",
    "arguments_after": "the arguments after ",
    "raised": "what is raised by ",
    "multiply_adds": "the multiply-adds of ",
}


def call_text(call: Call, contract: Contract) -> str:
    """The call as one would type it: tensors and objects by their names, the rest by value."""
    owner, dot, member = call.function.partition(".")
    if call.mode == "read":
        return f"what {member or owner} returned before, looked at again"
    parts = [
        name if _has_a_name(value) else words.shown(value)
        for name, value in zip(_names(call, contract), call.args, strict=False)
    ]
    if dot and call.mode == "attribute":
        return f"{parts[0]}.{member}"
    if member == "__len__":
        return f"len({parts[0]})"
    function = f"{parts.pop(0)}.{member}" if dot else owner
    parts += [
        f"{name}={name if _has_a_name(value) else words.shown(value)}"
        for name, value in call.kwargs.items()
    ]
    return f"{MODES.get(call.mode, '')}{function}({', '.join(parts)})"


def inputs(
    call: Call, contract: Contract, before: Sequence[Recorded] = ()
) -> list[tuple[str, str]]:
    """Each argument's name and value as text; None is left out.

    before: the calls of the same case that came before, which tell what an object has met.
    """
    named = [*zip(_names(call, contract), call.args, strict=False), *call.kwargs.items()]
    if call.mode == "read":
        named = _of_what_was_kept(call, contract, before)
    return [(name, _told(value, before)) for name, value in named if value is not None]


def _of_what_was_kept(
    call: Call, contract: Contract, before: Sequence[Recorded]
) -> list[tuple[str, Any]]:
    """What gave a result that is looked at again: its object, and what that has met since."""
    kept = earlier_ones(call)
    if not kept or kept[0].index >= len(before):
        return []
    made = before[kept[0].index].call
    named = zip(_names(made, contract), made.args, strict=False)
    return [(name, value) for name, value in named if isinstance(value, Earlier)]


def _told(value: Any, before: Sequence[Recorded]) -> str:
    """A value as text, and objects in it by what they have met."""
    if isinstance(value, Earlier):
        return _history(value, before)
    if isinstance(value, (list, tuple)) and earlier_ones(Call("", (value,))):
        return f"({', '.join(_told(part, before) for part in value)})"
    return words.shown(value)


def _names(call: Call, contract: Contract) -> list[str]:
    """The names of the parameters; an object goes by the last word of its class's name."""
    names = list(inspect.signature(contract).parameters)
    owner, dot, _ = call.function.partition(".")
    return [WORD.findall(owner)[-1].lower(), *names[1:]] if dot else names


def _has_a_name(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_a_name(part) for part in value)
    return isinstance(value, (dict, Earlier)) or hasattr(value, "shape")


def _history(thing: Earlier, before: Sequence[Recorded]) -> str:
    """Where an object comes from, and what was done with it: "KVCache(), then append of (4, 3)"."""
    if thing.index >= len(before):
        return "an object"
    made = before[thing.index].call
    said = [f"part of what {made.function} returned" if thing.path else _briefly(made, True)]
    last = ""
    for recorded in before[thing.index + 1 :]:
        call = recorded.call
        if thing not in earlier_ones(call) or call.mode in ("attribute", "read"):
            continue
        name = _briefly(call)
        sizes = [words.shape(tensor) for tensor in tensors_in(list(call.args))][:1]
        if sizes or name.endswith(")"):
            again = name == last and sizes  # then its sizes are enough
            said.append(f"of {sizes[0]}" if again else " of ".join([name, *sizes]))
        last = name
    return ", ".join(said[:1]) + (f", then {', '.join(said[1:])}" if said[1:] else "")


def _briefly(call: Call, made: bool = False) -> str:
    """What was called, with its plain arguments: "append", "free('a')", "KVCache(3)" made so."""
    plain = [words.shown(part) for part in call.args if not _has_a_name(part)]
    plain += [
        f"{n}={words.shown(part)}" for n, part in call.kwargs.items() if not _has_a_name(part)
    ]
    name = call.function.rpartition(".")[2]
    return f"{name}({', '.join(plain)})" if plain or made else name
