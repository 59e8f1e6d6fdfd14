"""Probes: mistakes with a number in them, read off the answers themselves.

No list of wrong programs can hold every wrong scale. A probe looks at what a function
answered in calls from which the mistake can be read: a factor between scores, the keys that
a row gives weight to, what changes when a later token does. What it says is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.atlas import Atlas, Evidence
from grader.model import Misconception
from grader.probes import chance, gradients, influence, magnitude, plan, rotation, scale, visibility


@dataclass(frozen=True)
class Probe:
    """One thing that can be measured: what it finds and how, where to look, why it is wrong."""

    id: str
    finds: str
    how: str
    look_at: str
    why: str
    read: Callable[[Atlas, Sequence[Evidence], Sequence[Evidence]], dict[str, Misconception]]


def _said(docstring: str) -> tuple[str, str]:
    """The first line of a probe's docstring, and the rest in one line."""
    first, _, rest = docstring.partition("\n")
    return first, " ".join(rest.split())


# The first that finds something is believed: what says more stands first.
PROBES: tuple[Probe, ...] = tuple(
    Probe(module.ID, *_said(module.__doc__ or ""), module.LOOK_AT, module.WHY, module.read)
    for module in (chance, scale, visibility, plan, influence, gradients, rotation, magnitude)
)


def measured(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """What the probes read of each failed step of a function, beside all its steps."""
    found: dict[str, Misconception] = {}
    for probe in PROBES:
        left = [step for step in failed if step.step not in found]
        if left:
            found |= probe.read(atlas, steps, left)
    return found
