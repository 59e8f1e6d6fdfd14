"""Right for usual numbers, wrong for large ones; or right in single precision, not in half.

Every call that went wrong had large numbers in it, or was in half precision, and others
that had not were right.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from grader.atlas import Atlas, Evidence, Place
from grader.compare import COARSE
from grader.model import Misconception
from grader.probes.reading import pairs
from grader.worker.parts import tensors_in

ID = "probes.magnitude"
LARGE = 20.0  # times the largest number of any call that went right: surely no accident
OF_LARGE = (
    "Your result is right for scores of usual size, and wrong for large ones.",
    "Which number on the way grows beyond all bounds, and what could be taken away before?",
    "Scores grow while a model learns, and the formula holds for all of them.",
)
OF_HALF = (
    "Your result is right in float32, and wrong in narrower dtypes.",
    "float16 ends at 65504, and bfloat16 has two digits. Which number on the way needs more?",
    "What a dtype cannot hold becomes infinite, or is rounded away.",
)
LOOK_AT, WHY = OF_LARGE[1:]


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """Whether all that went wrong in the function's values is large, or half as precise."""
    said = _of_function(atlas, steps)
    if said is None:
        return {}
    return {
        step.step: Misconception(ID, step.function, *said)
        for step in failed
        if all(place.call.mode == "value" for place in step.calls())
        and not all(_is_right(atlas, place) for place in step.calls())
    }


def _of_function(atlas: Atlas, steps: Sequence[Evidence]) -> tuple[str, str, str] | None:
    right: list[Place] = []
    wrong: list[Place] = []
    for step in steps:
        for place in step.calls():
            if place.call.mode == "value":
                (right if step.passed or _is_right(atlas, place) else wrong).append(place)
    if not wrong or not right or not all(pairs(atlas, place) for place in wrong):
        return None  # what raises, or has another shape, tells nothing of numbers
    if all(map(_is_half, wrong)) and not any(map(_is_half, right)):
        return OF_HALF
    largest = max(map(_largest, right))
    if largest and all(_largest(place) >= LARGE * largest for place in wrong):
        return OF_LARGE
    return None


def _is_right(atlas: Atlas, place: Place) -> bool:
    return place.answered_as((), atlas)


def _floats(place: Place) -> list[torch.Tensor]:
    parts = tensors_in([place.call.args, place.call.kwargs])
    return [tensor for tensor in parts if tensor.is_floating_point()]


def _is_half(place: Place) -> bool:
    return any(tensor.dtype in COARSE for tensor in _floats(place))


def _largest(place: Place) -> float:
    finite = (t.double()[t.isfinite()].abs() for t in _floats(place))
    return max((t.max().item() for t in finite if t.numel()), default=0.0)
