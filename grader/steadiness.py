"""Does a function answer the same question in the same way? What draws at random does not.

It is asked when every step has been run: a question that came twice before would tell a
submission that its answer was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from grader.answers import alike
from grader.calls import Answer, Answerer, Raised, Recorded, Value
from grader.rules import builds_on
from grader.sitting import Sitting, StepOutcome


def unsteady(sitting: Sitting, outcomes: Sequence[StepOutcome]) -> frozenset[str]:
    """The functions of which some call of the first wrong step is answered otherwise now.

    One that builds on such a function is not blamed for it.
    """
    found: list[str] = []
    for function in sitting.paper.functions:
        step = next((one for one in outcomes if _is_wrong(one, function)), None)
        if step is None or (found and _builds_on(sitting, function, found)):
            continue
        if sitting.seat.begin_step(afresh=False) is not None:
            break  # no time is left
        answerer = sitting.seat.answerer()
        asked = (recorded for trace in step.evidence.values() for recorded in trace)
        if any(_answers_otherwise(answerer, recorded) for recorded in asked):
            found.append(function)
    return frozenset(found)


def _is_wrong(outcome: StepOutcome, function: str) -> bool:
    """Whether a step on this function's values was compared, and failed."""
    step = outcome.step
    return step.function == function and not step.needs and outcome.difference is not None


def _builds_on(sitting: Sitting, function: str, others: Sequence[str]) -> bool:
    tree = sitting.submission.tree
    return tree is None or builds_on(tree, function, others)


def _answers_otherwise(answerer: Answerer, first: Recorded) -> bool:
    """Whether a call that gave a value gives another one now, or two when it is asked twice.

    In a fresh worker what is drawn at random may begin as it began before.
    """
    call = first.call
    answer: Answer = first.answer
    if call.mode != "value" or not isinstance(answer, Value):
        return False
    if not _is_plain([call.args, call.kwargs, answer.value]):
        return False
    for _ in range(2):
        before, answer = answer, answerer(call)
        if not isinstance(answer, (Value, Raised)):
            return False  # it ended, which is another matter
        if not alike(before, answer):
            return True
    return False


def _is_plain(value: object) -> bool:
    """Whether a value holds no objects: those may change, and are each a thing of its own."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, (torch.Tensor, bool, int, float, str))
