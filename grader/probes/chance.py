"""Chance, or memory: asked the same thing twice, a function gives two answers.

The calls of a function's first wrong step are asked once more, and the answers compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from grader.atlas import Atlas, Evidence
from grader.model import Misconception

ID = "probes.chance"
SAID = (
    "Asked the same thing twice, your function gives two different answers.",
    "Which of your lines draws random numbers, or remembers something of an earlier call?",
    "Whoever calls it counts on the formula, which knows neither chance nor what came before.",
)
LOOK_AT, WHY = SAID[1:]


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """What is said of every failed step of a function that was seen to answer otherwise."""
    if not any(step.unsteady for step in steps):
        return {}
    return {step.step: Misconception(ID, step.function, *SAID) for step in failed}
