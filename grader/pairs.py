"""Two mistakes made together: which pairs of wrong programs are worth a try, cheapest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import torch

from grader.atlas import Atlas, Place, Wrongs
from grader.calls import Answer, Value
from grader.fit import Testimony
from grader.model import Misconception

MOST_PAIRS = 500  # that are tried
MOST_PLACES = 4  # wrong calls that a pair is tried on before it is looked at in full
DIGITS = 3  # by which answers are told apart when twins are sorted out


def pairs(testimony: Testimony, possible: Wrongs) -> Iterator[Wrongs]:
    """Pairs of mistakes in different functions that answer wrong calls as they were answered.

    possible: the wrong programs that may be part of one, the likeliest first. Of those that
    cannot be told from each other in these calls only the first is taken, and none that a
    step that passed refutes. Tried in the order of their likelihoods, up to a bound.
    """
    atlas = testimony.atlas
    places = testimony.first_wrong[:MOST_PLACES]
    distinct = [
        w for w in _distinct(atlas, possible, places) if not testimony.refutes_at_once((w,))
    ]
    ranked = sorted(combinations(range(len(distinct)), 2), key=sum)
    tried = 0
    for first, second in ranked:
        pair = (distinct[first], distinct[second])
        if _target(pair[0]) == _target(pair[1]):
            continue
        tried += 1
        if tried > MOST_PAIRS:
            return
        if all(testimony.is_like(pair, place) for place in places):
            yield pair


def _target(wrong: Misconception) -> tuple[str, str]:
    return wrong.id.partition(".")[0], wrong.function


def _distinct(atlas: Atlas, possible: Wrongs, places: Sequence[Place]) -> list[Misconception]:
    """One of each kind of wrong program that makes a difference to one of these calls."""
    kinds: dict[tuple[str, ...], Misconception] = {}
    for wrong in possible:
        if any(atlas.visible((wrong,), place) for place in places):
            key = tuple(_roughly(atlas.of((wrong,), place)) for place in places)
            kinds.setdefault((*_target(wrong), *key), wrong)
    return list(kinds.values())


def _roughly(answer: Answer) -> str:
    """An answer to a few digits, as text."""
    return _rough(answer.value) if isinstance(answer, Value) else type(answer).__name__


def _rough(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        numbers = value.detach().cpu().double().flatten().tolist()
        return f"{tuple(value.shape)}{[f'{number:.{DIGITS}g}' for number in numbers]}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_rough, value))}]"
    return repr(value)
