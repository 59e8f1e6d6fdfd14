"""What reaches what: an early row changes with a later token, or one sample with another.

Read off two calls that differ in some rows, or in one sample, only: what the reference
leaves as it was must stay as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from grader.atlas import Atlas, Evidence, Place
from grader.model import Misconception
from grader.probes.reading import Pair, pairs
from grader.worker.parts import mapped, tensors_in

ID = "probes.influence"
OF_FUTURE = (
    "A token that comes later changes the results of those before it: the future is seen.",
    "Which keys may the first token attend to, and which does your function leave in?",
    "A model that sees the next token while it learns has nothing left to predict.",
)
OF_SAMPLES = (
    "What one sample holds changes the result of another: they leak into each other.",
    "Which axis counts the samples, and which of your operations runs along it?",
    "Samples share a batch to save time; each must come out as if it were alone.",
)
LOOK_AT, WHY = OF_FUTURE[1:]


@dataclass(frozen=True)
class Change:
    """The only tensor in which two calls differ, and where: along its batch, or along its rows."""

    before: torch.Tensor
    after: torch.Tensor

    @property
    def first_row(self) -> int:
        """The first row that differs."""
        rows = (self.before != self.after).any(-1)
        return int(rows.reshape(-1, rows.shape[-1]).any(0).nonzero()[0])

    @property
    def samples(self) -> torch.Tensor:
        """Which samples differ, by the first axis."""
        return (self.before != self.after).reshape(len(self.before), -1).any(-1)


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """Which forbidden influence two calls of one case of a failed step show."""
    found = {step.step: _of_step(atlas, step) for step in failed}
    return {step: one for step, one in found.items() if one}


def _of_step(atlas: Atlas, failed: Evidence) -> Misconception | None:
    for one, other, change in _twins(failed):
        ours, theirs = pairs(atlas, one), pairs(atlas, other)
        if not ours or not theirs:
            continue
        for first, second in zip(ours, theirs, strict=True):
            if change.before.dim() > 2 and not change.samples.all():
                if _spreads(first, second, ~change.samples):
                    return Misconception(ID, failed.function, *OF_SAMPLES)
            elif change.first_row and _reaches_back(first, second, change.first_row):
                return Misconception(ID, failed.function, *OF_FUTURE)
    return None


def _twins(step: Evidence) -> Iterator[tuple[Place, Place, Change]]:
    """Two calls of one case that differ in a single tensor."""
    places = list(step.calls())
    for one, other in zip(places, places[1:], strict=False):
        if (one.case, one.call.function) != (other.case, other.call.function):
            continue
        mine, its = ([*tensors_in([p.call.args, p.call.kwargs])] for p in (one, other))
        if len(mine) != len(its) or one.call.mode != "value" or other.call.mode != "value":
            continue
        if _but_for_tensors(one) != _but_for_tensors(other):
            continue
        both = list(zip(mine, its, strict=True))
        changed = [
            pair for pair in both if pair[0].shape != pair[1].shape or not pair[0].equal(pair[1])
        ]
        if len(changed) == 1 and _is_of_tokens(*changed[0]):
            yield one, other, Change(*(tensor.cpu() for tensor in changed[0]))


def _but_for_tensors(place: Place) -> str:
    return repr(mapped([place.call.args, place.call.kwargs], lambda _: torch.empty(0)))


def _is_of_tokens(before: torch.Tensor, after: torch.Tensor) -> bool:
    return before.shape == after.shape and before.dim() > 1 and before.is_floating_point()


def _spreads(first: Pair, second: Pair, untouched: torch.Tensor) -> bool:
    """Whether samples that were left alone changed, where the reference's did not."""
    if first[0].shape != second[0].shape or first[0].shape[:1] != untouched.shape:
        return False
    (ours, right), (ours_then, right_then) = first, second
    kept = torch.equal(right[untouched], right_then[untouched])
    return kept and _moved(ours[untouched], ours_then[untouched])


def _reaches_back(first: Pair, second: Pair, row: int) -> bool:
    """Whether rows before the changed one changed, where the reference's did not."""
    if first[0].shape != second[0].shape or first[0].dim() < 2 or first[0].shape[-2] <= row:
        return False
    early = (Ellipsis, slice(0, row), slice(None))
    (ours, right), (ours_then, right_then) = first, second
    kept = torch.allclose(right[early], right_then[early], equal_nan=True)
    felt = _moved(right[..., row, :], right_then[..., row, :])  # it is not one that all must ignore
    return kept and felt and _moved(ours[early], ours_then[early])


def _moved(one: torch.Tensor, other: torch.Tensor) -> bool:
    return not torch.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True)
