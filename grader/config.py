"""course.toml: order, policy and limits, read strictly, each mistake named with its line."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader.errors import CourseFault
from grader.model import CarryForward, Feedback

DEVICES = ("cpu", "cuda", "auto")
KEYS = ("title", "exercises", "policy", "limits", "exercise")
EXERCISE_ID = re.compile(r"[0-9]{2}_[a-z][a-z0-9_]*")
POSITION = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
LONGEST_TIME = 86400.0  # seconds
LARGEST_SIZE = 1 << 20  # of MiB or KiB
LARGEST_SEED = (1 << 63) - 1

Place = tuple[str | int, ...]  # the keys and indices that lead to a value: ("policy", "seed")
Check = Callable[[Any], Any]  # the value as it is used; raises ValueError saying what it must be


@dataclass(frozen=True)
class Policy:
    """How the course is graded, unless a command says otherwise."""

    feedback: Feedback = Feedback.PRACTICE
    seed: int = 2017
    device: str = "auto"
    imports: tuple[str, ...] = ()  # module names beyond what every submission may import
    carry_forward: CarryForward = CarryForward.FULL


@dataclass(frozen=True)
class Limits:
    """What a submission may use up."""

    cpu_seconds: float = 4
    submission_seconds: float = 60
    memory_mib: int = 1024
    output_kib: int = 64


@dataclass(frozen=True)
class Settings:
    """All of course.toml."""

    title: str
    exercises: tuple[str, ...]  # ids in teaching order
    policy: Policy = Policy()
    limits: Limits = Limits()
    own_limits: tuple[tuple[str, Limits], ...] = ()  # of exercises that have their own

    def limits_of(self, exercise_id: str) -> Limits:
        """The limits of one exercise: its own, or everybody's."""
        return dict(self.own_limits).get(exercise_id, self.limits)


class Mistake(Exception):
    """A value that cannot be used, and where it stands."""

    def __init__(self, place: Place, says: str) -> None:
        super().__init__(says)
        self.place = place


def settings_of(text: str, file: str = "course.toml") -> Settings:
    """The settings a course.toml holds; raises `CourseFault` naming `file` and the line."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CourseFault(_broken(str(error), text, file)) from None
    try:
        return _settings(document)
    except Mistake as mistake:
        line = f":{line_of(text, mistake.place)}" if mistake.place else ""
        raise CourseFault(f"{file}{line}: {mistake}") from None


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """What to add to a message about an unknown name: '; did you mean softmax?', or nothing."""
    import difflib  # only needed when something is wrong

    near = difflib.get_close_matches(wrong, list(names), 1)
    return f"; did you mean {near[0]}?" if near else ""


def line_of(text: str, place: Place) -> int:
    """The line of a TOML text on which the value at `place` begins.

    A prefix of the text that parses ends with a whole statement. So the statement that
    brings the value starts after the longest prefix that parses without it: no comment,
    string, or way of writing a key or table can mislead this.
    """
    lines = text.split("\n")
    done = 0
    for end in range(1, len(lines) + 1):
        prefix = _parsed("\n".join(lines[:end]))
        if prefix is not None and _holds(prefix, place):
            return _line_of_entry(lines[:end], done, place)
        if prefix is not None:
            done = end
    return 1


def _line_of_entry(lines: list[str], done: int, place: Place) -> int:
    """Within a statement after `done` lines: the line of the entry of a list."""
    if isinstance(place[-1], int):
        for end in range(done + 1, len(lines)):
            prefix = _parsed("\n".join(lines[:end]) + "\n]")  # as if the list ended here
            if prefix is not None and _holds(prefix, place):
                return end
    return done + 1 if isinstance(place[-1], str) else len(lines)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _holds(document: Any, place: Place) -> bool:
    for key in place:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _broken(says: str, text: str, file: str) -> str:
    """The parser's message with the line where every other message has it."""
    found = POSITION.fullmatch(says)
    if not found:
        return f"{file}: {says}"
    line = found[2] or len(text.rstrip("\n").split("\n"))
    return f"{file}:{line}: {found[1]}" + (f" (column {found[3]})" if found[3] else "")


def _settings(document: dict[str, Any]) -> Settings:
    _known(document, KEYS, ())
    if "exercises" not in document:
        raise Mistake((), 'the list `exercises = ["01_…", …]` is missing')
    exercises = _exercises(document["exercises"])
    limits = replace(Limits(), **_values(document, ("limits",), LIMITS))
    _consistent(limits, ("limits",), document)
    return Settings(
        title=_checked(document.get("title", "A course"), _some_text, ("title",)),
        exercises=exercises,
        policy=replace(Policy(), **_values(document, ("policy",), POLICY)),
        limits=limits,
        own_limits=tuple(_own_limits(document, exercises, limits)),
    )


def _own_limits(
    document: dict[str, Any], exercises: Sequence[str], limits: Limits
) -> Iterable[tuple[str, Limits]]:
    tables = document.get("exercise", {})
    if not isinstance(tables, dict):
        raise Mistake(("exercise",), "exercise must be tables such as [exercise.04_softmax]")
    for exercise_id in tables:
        place = ("exercise", exercise_id)
        if exercise_id not in exercises:
            near = did_you_mean(exercise_id, exercises)
            raise Mistake(place, f"{_shown(exercise_id)} is not in the list of exercises{near}")
        own = replace(limits, **_values(document, place, LIMITS))
        _consistent(own, place, document)
        yield exercise_id, own


def _values(
    document: Mapping[str, Any], place: tuple[str, ...], checks: Mapping[str, Check]
) -> dict[str, Any]:
    """The checked values of the table at `place`; none where there is no such table."""
    table: Any = document
    for key in place:
        table = table.get(key, {})
    if not isinstance(table, dict):
        raise Mistake(place, f"[{'.'.join(place)}] must be a table, not {_shown(table)}")
    _known(table, checks, place)
    return {key: _checked(value, checks[key], (*place, key)) for key, value in table.items()}


def _known(table: Mapping[str, Any], keys: Iterable[str], place: Place) -> None:
    for key in table:
        if key not in keys:
            inside = f" in [{'.'.join(map(str, place))}]" if place else ""
            near = did_you_mean(key, keys)
            raise Mistake((*place, key), f"unknown key {_shown(key)}{inside}{near}")


def _checked(value: Any, check: Check, place: Place) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise Mistake(place, f"{'.'.join(map(str, place))} must be {error}") from None


def _consistent(limits: Limits, place: Place, document: Mapping[str, Any]) -> None:
    if limits.cpu_seconds <= limits.submission_seconds:
        return
    at = (*place, "cpu_seconds")
    raise Mistake(
        at if _holds(document, at) else (*place, "submission_seconds"),
        f"one step may use {limits.cpu_seconds} s (cpu_seconds), "
        f"but all steps together only {limits.submission_seconds} s (submission_seconds)",
    )


def _exercises(entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list):
        raise Mistake(("exercises",), f"exercises must be a list, not {_shown(entries)}")
    for index, entry in enumerate(entries):
        place = ("exercises", index)
        if not isinstance(entry, str) or not EXERCISE_ID.fullmatch(entry):
            says = "is no exercise: two digits and a name in lower case, as in 04_softmax"
            raise Mistake(place, f"{_shown(entry)} {says}")
        for earlier in entries[:index]:
            if entry == earlier:
                raise Mistake(place, f"{entry} is listed twice")
            if entry[:2] == earlier[:2] or entry[3:] == earlier[3:]:
                raise Mistake(place, f"{entry} and {earlier} share a number or a name")
    return tuple(entries)


# -- what a value must be: each check returns it as it is used, or says so ---------


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 40 else text[:39] + "…"


def _some_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"one line of text, not {_shown(value)}")
    return value.strip()


def _one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value in choices and isinstance(value, str):
            return value
        names = " or ".join(f'"{choice}"' for choice in choices)
        near = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"{names}, not {_shown(value)}{near}")

    return check


def _whole(least: int, most: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}, not {_shown(value)}")
        return value

    return check


def _seconds(value: Any) -> float:
    is_number = type(value) in (int, float) and math.isfinite(value)
    if not is_number or not 0 < value <= LONGEST_TIME:
        raise ValueError(f"a number of seconds, above 0 and at most a day, not {_shown(value)}")
    seconds: float = value
    return seconds


def _module_names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f'a list of module names, as ["einops"], not {_shown(value)}')
    for name in value:
        if not isinstance(name, str) or not name.isidentifier():  # "os.path" comes with "os"
            raise ValueError(f"a list of module names without dots; {_shown(name)} is none")
    return tuple(value)


POLICY: Mapping[str, Check] = {
    "feedback": lambda value: Feedback(_one_of(*Feedback)(value)),
    "seed": _whole(0, LARGEST_SEED),
    "device": _one_of(*DEVICES),
    "carry_forward": lambda value: CarryForward(_one_of(*CarryForward)(value)),
    "imports": _module_names,
}
LIMITS: Mapping[str, Check] = {
    "cpu_seconds": _seconds,
    "submission_seconds": _seconds,
    "memory_mib": _whole(1, LARGEST_SIZE),
    "output_kib": _whole(1, LARGEST_SIZE),
}
