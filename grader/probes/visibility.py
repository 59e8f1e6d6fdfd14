"""Who sees whom: the keys that each query gives weight to, told as a band, or a leak's size.

Read off masks, and off weights: a band of keys around each query's own place that is not
the right one; or hidden keys that all keep one score, told beside the scores of visible ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature

import torch

from grader import words
from grader.atlas import Atlas, Evidence, Place
from grader.model import Misconception
from grader.probes.reading import LEAST_WEIGHT, are_weights, centred, pairs

ID = "probes.visibility"
BAND = (
    "Which keys should a query see, counted from its own place?",
    "A single key too many, or too few, changes all that is made with the mask.",
)
LEAK = (
    "The weight of a key is the exponential of its score. Which score has a weight of 0?",
    "Whatever weight a hidden key keeps is taken from the visible ones.",
)
FREE = None  # a side on which nothing ends the band
MOST_SPREAD = 0.01  # of logarithms of float32 weights that are to be one number
UNDERFLOW = 80.0  # a score so far below another gets a weight of 0 by itself
LOOK_AT, WHY = BAND
BAND_IN_GENERAL = "In your mask a query sees a band of keys that is not the right one."
LEAK_IN_GENERAL = "A hidden key keeps a score, and with it some weight."


@dataclass(frozen=True)
class Band:
    """The keys seen around a query's own: from `low` to `high`, None where it goes on."""

    low: int | None
    high: int | None

    def __str__(self) -> str:
        ends = (_end(self.low, "the first"), _end(self.high, "the last"))
        if self.low == self.high:
            return "its own key only" if self.low == 0 else f"only the key {ends[0]}"
        return f"the keys from {ends[0]} to {ends[1]}"

    def over(self, n_q: int, n_k: int) -> torch.Tensor:
        """The mask that shows this band."""
        offsets = _offsets(n_q, n_k)
        seen = torch.ones(n_q, n_k, dtype=torch.bool)
        if self.low is not None:
            seen &= offsets >= self.low
        return seen if self.high is None else seen & (offsets <= self.high)


def _offsets(n_q: int, n_k: int) -> torch.Tensor:
    """How far each key stands behind each query's own place, the last at the last."""
    return torch.arange(n_k)[None, :] - torch.arange(n_q)[:, None] - (n_k - n_q)


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
    shown: list[torch.Tensor] = []
    for place in places:
        found = pairs(atlas, place)
        masks = [] if found is None else [pair for pair in found if _is_mask(pair[1])]
        if not masks or not all(_is_mask(ours) for ours, _ in masks):
            return None
        for ours, right in masks:
            mine |= _bands(ours.bool())
            its |= _bands(right.bool())
            shown.append(ours.bool())
    common = _common(mine)
    if common is None or common == _common(its):
        return None
    if not all(mask.equal(common.over(*mask.shape)) for mask in shown):
        return None  # an end that one mask's edges hide may be seen to be none in another
    says = f"In your mask a query sees {common}."
    return Misconception(ID, failed.function, says, *BAND, in_general=BAND_IN_GENERAL)


def _is_mask(tensor: torch.Tensor) -> bool:
    return tensor.dim() == 2 and bool(((tensor == 0) | (tensor == 1)).all())


def _bands(mask: torch.Tensor) -> set[Band]:
    """The band of a mask, ends unknown where the mask's own edges hide them; empty for none."""
    offsets = _offsets(*mask.shape)
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
    """The score that hidden keys keep, where it is one and the same wherever it can be read."""
    kept: list[float] = []
    for place in places:
        for ours, right in pairs(atlas, place) or []:
            if not (are_weights(right) and are_weights(ours) and right.dim() >= 2):
                continue
            scores = _scores(atlas, place, right)
            if scores is None:
                continue
            read = _kept_scores(scores, ours, right)
            if read is None:
                return None
            kept += read
    if not kept or max(kept) - min(kept) > MOST_SPREAD:
        return None
    score = round(sum(kept) / len(kept), 2) + 0.0
    says = "A hidden key still weighs as much as a visible one with a score of 0."
    if score:
        says = f"A hidden key keeps a score of {words.number(score)} in your function."
    return Misconception(ID, failed.function, says, *LEAK, in_general=LEAK_IN_GENERAL)


def _scores(atlas: Atlas, place: Place, right: torch.Tensor) -> torch.Tensor | None:
    """The scores behind the right weights: those that were given, or queries times keys.

    Weights alone tell scores up to a number that is added to a whole row.
    """
    contract = atlas.contract(place.call.function)
    named = dict(zip(signature(contract).parameters, place.call.args, strict=False))
    named |= place.call.kwargs
    q, k, given = (named.get(name) for name in ("q", "k", "scores"))
    if isinstance(q, torch.Tensor) and isinstance(k, torch.Tensor) and q.shape[-1] == k.shape[-1]:
        given = q.detach().cpu().double() @ k.detach().cpu().double().mT
    if not isinstance(given, torch.Tensor) or given.shape != right.shape:
        return None
    seen = right > LEAST_WEIGHT
    raw = given.detach().cpu().double()
    mine, its = centred(raw, seen), centred(right.clamp_min(1e-30).log(), seen)
    if mine.square().sum() < 1e-3:
        return None
    factor = (mine * its).sum() / mine.square().sum()
    return factor * raw if (its - factor * mine).abs().max() < MOST_SPREAD else None


def _kept_scores(
    scores: torch.Tensor, ours: torch.Tensor, right: torch.Tensor
) -> list[float] | None:
    """What each hidden key keeps beside the visible ones; None where something else is wrong."""
    kept: list[float] = []
    for row, mine, its in zip(*(t.reshape(-1, t.shape[-1]) for t in (scores, ours, right)),
                              strict=True):  # fmt: skip
        seen, hidden = its > LEAST_WEIGHT, its == 0
        if not seen.any() or not hidden.any() or (seen | hidden).logical_not().any():
            continue
        if (row[hidden] < row[seen].max() - UNDERFLOW).any():
            continue  # nothing may hide that key
        if not mine[hidden].all():
            return None
        if mine[seen].min() < LEAST_WEIGHT:
            continue  # what is kept hides what is visible
        level = mine[seen].log() - row[seen]
        if level.max() - level.min() > MOST_SPREAD:
            return None
        kept += (mine[hidden].log() - level.mean()).tolist()
    return kept
