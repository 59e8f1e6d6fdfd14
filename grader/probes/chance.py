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
OF_A_CLASS = (
    "Two new objects of your class, asked the same things, give different answers.",
    "What do all objects of your class share, or what in it draws random numbers?",
    "Whoever makes a new object counts on one that has met nothing yet.",
)
LOOK_AT, WHY = SAID[1:]


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """What is said of every failed step of a function that was seen to answer otherwise."""
    if not any(step.unsteady for step in steps):
        return {}
    of_a_class = isinstance(atlas.contract(steps[0].function), type)
    said = OF_A_CLASS if of_a_class else SAID
    return {step.step: Misconception(ID, step.function, *said) for step in failed}
