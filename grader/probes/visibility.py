"""Who sees whom: the keys that each query gives weight to, told as a band, or a leak's size.

Read off masks, and off weights: a band of keys around each query's own place that is not
the right one; or hidden keys that keep a score, which shows where all scores are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from grader import words
from grader.atlas import Atlas, Evidence, Place
from grader.model import Misconception
from grader.probes.reading import are_weights, pairs

ID = "probes.visibility"
BAND_HINT = "Which keys should a query see, counted from its own place?"
LEAK_HINT = "The weight of a key is the exponential of its score. Which score has a weight of 0?"
FREE = None  # a side on which nothing ends the band
LOOK_AT = BAND_HINT


@dataclass(frozen=True)
class Band:
    """The keys seen around a query's own: from `low` to `high`, None where it goes on."""

    low: int | None
    high: int | None

    def __str__(self) -> str:
        ends = (_end(self.low, "the first"), _end(self.high, "the last"))
        return f"from {ends[0]} to {ends[1]}"


def _end(offset: int | None, open_end: str) -> str:
    if offset is None:
        return f"{open_end} key"
    if offset == 0:
        return "its own"
    return f"{abs(offset)} {'before' if offset < 0 else 'after'} its own"


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """The band of keys that a function shows in all its calls, or what score hidden ones keep."""
    values = [step for step in failed if step.values]
    if not values:
        return {}
    places = [place for step in steps if step.values for place in step.calls()]
    found = _of_bands(atlas, places, values[0]) or _of_leaks(atlas, places, values[0])
    return {step.step: found for step in values} if found else {}


def _of_bands(atlas: Atlas, places: Sequence[Place], failed: Evidence) -> Misconception | None:
    """A band told from the own place, with the last query at the last key."""
    mine: set[Band] = set()
    its: set[Band] = set()
    for place in places:
        found = pairs(atlas, place)
        masks = [] if found is None else [pair for pair in found if _is_mask(pair[1])]
        if not masks or not all(_is_mask(ours) for ours, _ in masks):
            return None
        for ours, right in masks:
            mine |= _bands(ours.bool())
            its |= _bands(right.bool())
    common = _common(mine)
    if common is None or common == _common(its):
        return None
    return Misconception(
        ID, failed.function, f"In your mask a query sees the keys {common}.", BAND_HINT
    )


def _is_mask(tensor: torch.Tensor) -> bool:
    return tensor.dim() == 2 and bool(((tensor == 0) | (tensor == 1)).all())


def _bands(mask: torch.Tensor) -> set[Band]:
    """The band of a mask, ends unknown where the mask's own edges hide them; empty for none."""
    n_q, n_k = mask.shape
    offsets = torch.arange(n_k)[None, :] - torch.arange(n_q)[:, None] - (n_k - n_q)
    seen = offsets[mask]
    if not len(seen):
        return set()
    low, high = int(seen.min()), int(seen.max())
    whole = (offsets >= low) & (offsets <= high)
    if not torch.equal(whole, mask):
        return {Band(1, 0)}  # no band at all
    return {
        Band(
            None if low == int(offsets.min()) else low, None if high == int(offsets.max()) else high
        )
    }


def _common(bands: set[Band]) -> Band | None:
    """The one band that all masks show a part of, if it is one."""
    lows = {band.low for band in bands} - {None}
    highs = {band.high for band in bands} - {None}
    if Band(1, 0) in bands or len(lows) > 1 or len(highs) > 1 or not (lows or highs):
        return None
    return Band(next(iter(lows), None), next(iter(highs), None))


def _of_leaks(atlas: Atlas, places: Sequence[Place], failed: Evidence) -> Misconception | None:
    """The score that hidden keys keep, where it shows beside equal scores."""
    kept: set[float] = set()
    for place in places:
        for ours, right in pairs(atlas, place) or []:
            if are_weights(right) and are_weights(ours) and ours.dim() >= 2:
                kept |= _kept_scores(ours, right)
    if len(kept) != 1:
        return None
    score = kept.pop()
    says = "A hidden key still weighs as much as a visible one with a score of 0."
    if score:
        says = f"A hidden key keeps a score of {words.number(score)} in your function."
    return Misconception(ID, failed.function, says, LEAK_HINT)


def _kept_scores(ours: torch.Tensor, right: torch.Tensor) -> set[float]:
    """What hidden keys keep in rows whose visible weights are all alike."""
    found: set[float] = set()
    for mine, its in zip(
        ours.reshape(-1, ours.shape[-1]), right.reshape(-1, right.shape[-1]), strict=True
    ):
        seen, hidden = its > 0, its == 0
        if seen.sum() < 2 or not hidden.any():
            continue
        level = mine[seen]
        even = torch.allclose(its[seen], its[seen][0].expand_as(its[seen]), rtol=1e-5)
        if not even or not torch.allclose(level, level[0].expand_as(level), rtol=1e-4):
            continue
        leak = mine[hidden]
        if not leak.all() or not level.all() or not torch.allclose(leak, leak[:1], rtol=1e-3):
            continue
        found.add(round(math.log((leak[0] / level[0]).item()), 2) + 0.0)
    return found
