"""Values in words: short enough for a terminal, exact enough to check by hand."""

from __future__ import annotations

import math
from typing import Any

import torch

from grader.worker.wire import Handle

MAX_ROWS = 8
MAX_COLUMNS = 8
MAX_TEXT = 60
DIGITS = 4  # significant ones, where they suffice
MOST_DIGITS = 17  # no two doubles are written alike in so many
LARGEST_ROOT = 128  # above, roots lie so close together that any factor would seem to be one


def number(value: float, digits: int = DIGITS) -> str:
    """A number to so many significant digits, four at first: 0.3679, 2.828, 1.5e+06, -inf.

    Below a million a large one keeps a decimal, which tells it from its neighbours: 10000.4.
    """
    if math.isfinite(value) and abs(value) < 1e6:
        whole = int(value)
        if value == whole:
            return str(whole)
        if abs(whole) >= 1000:
            digits = max(digits, len(str(abs(whole))) + 1)
    return f"{value:.{digits}g}"


def apart(one: Any, other: Any) -> tuple[str, str]:
    """Two entries that differ, in as few digits as tell them apart; True and False as words."""
    texts = _entry(one, DIGITS), _entry(other, DIGITS)
    for digits in range(DIGITS + 1, MOST_DIGITS + 1):
        if texts[0] != texts[1]:
            break
        texts = _entry(one, digits), _entry(other, digits)
    return texts


def _entry(value: Any, digits: int) -> str:
    return number(value, digits) if isinstance(value, float) else str(value)


def shape(tensor: torch.Tensor) -> str:
    """The shape as Python writes a tuple."""
    return str(tuple(tensor.shape))


def kind(value: Any) -> str:
    """What sort of thing a value is, with its article."""
    if value is None:
        return "None"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {shape(value)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Handle):
        return f"an object of your class {_short(value.type_name)}"
    return with_article(type(value).__name__)


def with_article(name: str) -> str:
    """A name with "a" or "an" before it."""
    return f"{'an' if name[:1].lower() in ('a', 'e', 'i', 'o', 'u') else 'a'} {_short(name)}"


def shown(value: Any) -> str:
    """A value as text; tensors of at most two small dimensions whole, as a grid."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return _short(repr(value))
    if isinstance(value, Handle):
        return kind(value)
    if isinstance(value, (tuple, list)):
        inner = ", ".join(kind(part) if _is_big(part) else shown(part) for part in value)
        return _short(f"({inner})" if isinstance(value, tuple) else f"[{inner}]")
    if isinstance(value, dict):
        return _short("{" + ", ".join(f"{k}: {kind(v)}" for k, v in value.items()) + "}")
    return _short(str(value))


def _is_big(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() > 0


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _tensor(tensor: torch.Tensor) -> str:
    name = f"{shape(tensor)} {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.device.type == "meta":
        return f"{name}, on meta"
    if tensor.dim() == 0:
        return cell(tensor.item())
    rows = tensor if tensor.dim() == 2 else tensor[None]
    small = tensor.dim() <= 2 and rows.shape[0] <= MAX_ROWS and rows.shape[1] <= MAX_COLUMNS
    if not small or not tensor.numel():
        return f"tensor {name}"
    cells = [[cell(entry) for entry in row] for row in rows.tolist()]
    width = max(len(text) for row in cells for text in row)
    return "\n".join("  ".join(text.rjust(width) for text in row) for row in cells)


def cell(entry: Any) -> str:
    """One entry of a tensor; masks as 1 and 0."""
    if isinstance(entry, bool):
        return str(int(entry))
    if isinstance(entry, float):
        return number(entry)
    return str(entry)


def factor(value: float) -> str | None:
    """A factor with its name where it has one: "2.828 = √8", "0.125 = 1/8"; None for odd ones."""
    for whole in range(2, 1025):
        root = math.sqrt(whole) if whole <= LARGEST_ROOT else math.nan
        for exact, name in (
            (whole, str(whole)), (1 / whole, f"1/{whole}"),
            (root, f"√{whole}"), (1 / root, f"1/√{whole}"),
        ):  # fmt: skip
            if math.isclose(value, exact, rel_tol=2e-5):
                plain = number(value)
                return plain if plain == name else f"{plain} = {name}"
    return None


def count(number_of: int, noun: str) -> str:
    """A count with its noun: "1 step", "3 steps"."""
    return f"{number_of} {noun}" + ("" if number_of == 1 else "s")
