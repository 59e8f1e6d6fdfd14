"""Does a function answer the same question in the same way? What draws at random does not.

It is asked when every step has been run: a question that came twice before would tell a
submission that its answer was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from grader.answers import alike
from grader.atlas import Trace
from grader.calls import Answerer, Raised, Value
from grader.programs import Replay
from grader.rules import builds_on
from grader.sitting import Sitting, StepOutcome

OF_VALUES = ("value", "attribute", "read")  # the modes that ask for one


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
        if any(_answers_otherwise(answerer, trace) for trace in step.evidence.values()):
            found.append(function)
    return frozenset(found)


def _is_wrong(outcome: StepOutcome, function: str) -> bool:
    """Whether a step on this function's values was compared, and failed."""
    step = outcome.step
    return step.function == function and not step.needs and outcome.difference is not None


def _builds_on(sitting: Sitting, function: str, others: Sequence[str]) -> bool:
    tree = sitting.submission.tree
    return tree is None or builds_on(tree, function, others)


def _answers_otherwise(answerer: Answerer, trace: Trace) -> bool:
    """Whether a call of a case that gave a value gives another one when all are asked once more.

    They are asked twice: in a fresh worker what is drawn at random may begin as it began before.
    """
    before = [recorded.answer for recorded in trace]
    for _ in range(2):
        again = Replay(answerer)
        for index, recorded in enumerate(trace):
            answer = again.answer(trace, index)
            if not isinstance(answer, (Value, Raised)):
                return False  # it ended, which is another matter
            gave = isinstance(before[index], Value) and recorded.call.mode in OF_VALUES
            if gave and not alike(before[index], answer):
                return True
            before[index] = answer
    return False
