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
from grader.probes import gradients, influence, magnitude, scale, visibility


@dataclass(frozen=True)
class Probe:
    """One thing that can be measured: its id, what it finds, and how."""

    id: str
    finds: str
    read: Callable[[Atlas, Sequence[Evidence], Evidence], Misconception | None]


# The first that finds something is believed: what says more stands first.
PROBES: tuple[Probe, ...] = tuple(
    Probe(module.ID, (module.__doc__ or "").partition("\n")[0], module.read)
    for module in (scale, visibility, influence, gradients, magnitude)
)


def measured(atlas: Atlas, steps: Sequence[Evidence], failed: Evidence) -> Misconception | None:
    """What the probes read of a failed step, beside all steps of its function."""
    found = (probe.read(atlas, steps, failed) for probe in PROBES)
    return next((one for one in found if one is not None), None)
