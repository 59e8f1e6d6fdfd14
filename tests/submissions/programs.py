"""The programs of these folders, and what expected.toml says that each must get."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
HONEST = ("right", "wrong", "demo", "bad")
UP_TO_SOMETHING = ("slow", "hostile")
FOLDERS = (*HONEST, *UP_TO_SOMETHING)
TEXTS = {"covers", "says", "never", "names", "output", "notes"}
KEYS = TEXTS | {"line", "exit", "limits", "linux", "orphans", "slow"}
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Program:
    """A program and what it must get."""

    file: str
    exercise: str
    verdicts: dict[str, str | list[str]]
    rest: dict[str, Any] = field(compare=False, hash=False, repr=False, default_factory=dict)

    @property
    def path(self) -> Path:
        return HERE / self.file

    @property
    def folder(self) -> str:
        return self.file.partition("/")[0]

    def texts(self, key: str) -> list[str]:
        """One text or several, as expected.toml allows."""
        value = self.rest.get(key, [])
        return [value] if isinstance(value, str) else value

    def __hash__(self) -> int:
        return hash(self.file)


def of_table(table: dict[str, Any]) -> Program:
    rest = dict(table)
    return Program(rest.pop("file"), rest.pop("exercise"), rest.pop("verdicts"), rest)


PROGRAMS = [of_table(table) for table in EXPECTED["program"]]


def marks_of(program: Program) -> list[pytest.MarkDecorator]:
    marks = []
    if program.rest.get("slow"):
        marks.append(pytest.mark.slow)
    if program.rest.get("linux"):
        # Elsewhere nothing limits memory, and a worker's parent is this very process.
        elsewhere = sys.platform != "linux"
        marks.append(pytest.mark.skipif(elsewhere, reason="only Linux holds this one back"))
    return marks


def of_folders(*folders: str) -> list[Program]:
    """The programs in some of the folders."""
    return [one for one in PROGRAMS if one.folder in folders]
