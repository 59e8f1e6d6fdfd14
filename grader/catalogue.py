"""The catalogue of misconceptions: a page of the docs, one entry for each, read by `explain`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from grader.config import did_you_mean
from grader.course import Course, source_of
from grader.errors import CourseFault, UsageFault
from grader.model import Misconception

PAGE = Path("docs", "misconceptions.md")
WHY = "Why it is wrong"
INTRODUCTION = """# Misconceptions

Every mistake that a report can name. Beside each function of the course stands a bank of
wrong programs; the one that answers as a submission does, and unlike the right one, is what
the report names. At the end stand those that are not looked up but measured. Each has an id
that stays; `attn-grade explain ID` prints its entry.

This page is written by `attn-grade author catalogue`; a test fails where it is stale.
"""


@dataclass(frozen=True)
class Entry:
    """One mistake: what a program does that makes it, why that is wrong, and where to look."""

    id: str
    chapter: str  # "01 · Projections", as the page is divided
    function: str  # empty for what is measured in any of them
    does: str
    why: str
    shown_by: tuple[str, ...]  # sentences of steps, or how it is measured
    look_at: str
    note: str = ""


def page(entries: Iterable[Entry]) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for chapter, those in groupby(entries, key=lambda entry: entry.chapter):
        parts.append(f"## {chapter}\n")
        for function, its in groupby(those, key=lambda entry: entry.function):
            parts += [f"### `{function}`\n"] if function else []
            parts += [_section(entry) for entry in its]
    return "\n".join(parts)


def _section(entry: Entry) -> str:
    shown = " · ".join(entry.shown_by)
    lines = [
        f"#### {entry.id}", "", entry.does, "",
        *([f"- **{WHY}:** {entry.why}"] if entry.why else []),
        f"- **What shows it:** {shown}",
        f"- **What to look at:** {entry.look_at}",
        *([f"- **Told with:** {entry.note}"] if entry.note else []),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def sections(course: Course) -> dict[str, str]:
    """The page's entries by id; raises `CourseFault` where there is no page."""
    path = course.root / PAGE
    if not path.exists():
        raise CourseFault(f"{PAGE} is missing; `attn-grade author catalogue` writes it")
    found = re.split(r"^#### (.+)$", source_of(path), flags=re.MULTILINE)
    texts = (re.split(r"^#{2,3} ", text, maxsplit=1, flags=re.MULTILINE)[0] for text in found[2::2])
    return dict(zip(found[1::2], (text.strip() for text in texts), strict=True))


def reasons(course: Course, mistake: str) -> tuple[str, str]:
    """What a mistake does and why it is wrong, both empty where the page does not tell."""
    try:
        text = sections(course).get(mistake, "")
    except CourseFault:
        return "", ""
    why = re.search(rf"^- \*\*{WHY}:\*\* (.+)$", text, re.MULTILINE)
    return (text.partition("\n")[0], why[1]) if why else ("", "")


def entry_of(course: Course, wanted: str) -> tuple[str, str]:
    """An id and its entry; of an exercise's name its number will do, as in a report.

    So will the part behind the dot, where only one has it.

    Raises `UsageFault` for an id that is none, with the nearest.
    """
    known = sections(course)
    name = wanted.strip().strip("`[]")
    low = name.lower()
    found = [one for one in known if low in (one.lower(), _short(one).lower())]
    found = found or [one for one in known if low == one.partition(".")[2].lower()]
    if len(found) == 1:
        return found[0], known[found[0]]
    if found:
        raise UsageFault(f"{len(found)} mistakes are called {name}: {', '.join(found)}")
    names = [*known, *map(_short, known), *(one.partition(".")[2] for one in known)]
    near = did_you_mean(name, names) or "; a report names it in brackets"
    raise UsageFault(f"there is no mistake {wanted[:60]!r} in {PAGE}{near}")


def _short(mistake: str) -> str:
    """An id as reports have it: "03.aligns_the_first_tokens"."""
    return Misconception(mistake, "", "").short_id
