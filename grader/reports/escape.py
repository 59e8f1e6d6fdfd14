"""What a stranger wrote, made safe to show: nothing in it moves a cursor or hides a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from grader.model import Report

# How the course's own signs are spelt where the terminal's encoding lacks them. Everything
# else that an encoding lacks is shown as a backslash escape.
SPELT = MappingProxyType(
    {
        "…": "...", "·": "-", "–": "-", "—": "-", "−": "-", "×": "x", "→": "->", "√": "sqrt ",
        "∞": "inf", "ᵀ": "^T", "Σ": "sum ", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~",
        "‘": "'", "’": "'", "“": '"', "”": '"',
    }
)  # fmt: skip

# Printable by the book of Unicode, and yet nothing is seen of them: fillers, a joiner, a blank,
# and selectors (but the two that only choose how an emoji looks).
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0"
    "\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    """The text with every invisible character spelt out; only line breaks keep their meaning.

    Terminal escapes, bidi overrides, zero-width characters and lone surrogates become
    backslash escapes, tabs become spaces. Doing it twice changes nothing more.
    """
    text = text.replace("\r\n", "\n").expandtabs(4)
    if text.isprintable() and not UNSEEN.search(text):
        return text
    return "".join(map(_visible_character, text))


def encodable(text: str, encoding: str) -> str:
    """The text in characters that `encoding` has, the course's own signs in ASCII spelling."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable_character(character, encoding) for character in text)
    return text


def escaped(report: Report) -> Report:
    """The report with `visible` applied to every text in it, whoever wrote it."""
    safe: Report = _mapped(report, visible)
    return safe


def spelt_for(report: Report, encoding: str) -> Report:
    """The report with `encodable` applied to every text in it."""
    spelt: Report = _mapped(report, partial(encodable, encoding=encoding))
    return spelt


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with `change` applied to each plain string, through tuples and dataclasses."""
    if type(value) is str:  # not the enumerations, which are strings too
        return change(value)
    if isinstance(value, tuple):
        return tuple(_mapped(item, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **{name: _mapped(part, change) for name, part in parts.items()})
    return value


def _visible_character(character: str) -> str:
    if character == "\n" or (character.isprintable() and not UNSEEN.match(character)):
        return character
    if unicodedata.category(character) == "Zs":  # no-break and other wide or narrow spaces
        return " "
    return character.encode("unicode_escape").decode("ascii")


def _encodable_character(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return SPELT.get(character) or character.encode("unicode_escape").decode("ascii")
    return character
