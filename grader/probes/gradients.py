"""A cut thread: the values are right, and no gradient finds its way back to some argument.

`.detach()`, `.item()`, `.data`, NumPy, a new parameter: whatever lets go of it, what comes
back is nothing, or zeros, where the reference's gradient is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from grader.answers import alike
from grader.atlas import Atlas, Evidence
from grader.calls import Value
from grader.contracts import argument_at
from grader.model import Misconception

ID = "probes.cut_thread"
QUESTION = (
    "Which of `detach`, `.data`, `.item()`, NumPy, `torch.tensor` and a new `nn.Parameter` "
    "stands between an argument and your result?"
)
WHY = "Each of them hands on numbers without their history, and what is behind them cannot learn."
LOOK_AT = QUESTION


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """The arguments that no gradient reaches, where all other gradients are right."""
    found = {step.step: _of_step(atlas, step) for step in failed}
    return {step: one for step, one in found.items() if one}


def _of_step(atlas: Atlas, failed: Evidence) -> Misconception | None:
    cut: set[str] = set()
    reached: set[str] = set()
    for place in failed.calls():
        answer, right = place.answer, atlas.reference(place)
        if place.call.mode != "gradients":
            continue
        if not isinstance(answer, Value) or not isinstance(right, Value):
            return None
        if type(answer.value) is not dict or answer.value.keys() != right.value.keys():
            return None
        for name, expected in right.value.items():
            got = answer.value[name]
            if expected is None or not expected.any():
                continue  # nothing would come back in any case
            argument = f"`{argument_at(name, atlas.contract(place.call.function))}`"
            if alike(Value(got), Value(expected), strict=False):
                reached.add(argument)
            elif got is None or (isinstance(got, torch.Tensor) and _is_zero(got)):
                cut.add(argument)
            else:
                return None
    if not cut or cut & reached:
        return None
    names = sorted(cut)
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    says = f"No gradient finds its way back through your function to {listed}."
    return Misconception(ID, failed.function, says, QUESTION, WHY)


def _is_zero(gradient: torch.Tensor) -> bool:
    return gradient.device.type != "meta" and not gradient.any()
