"""Which mistake is it? The wrong program that answers as the submission does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.bank import Bank
from grader.calls import Answer, Answerer, Call, Raised, Recorded, Value, in_process
from grader.compare import agreement
from grader.course import Exercise
from grader.model import Certainty, Misconception

MOST_ALTERNATIVES = 3
VISIBLE = 0.02  # of the reference's RMS: what counts as a different float

Trace = tuple[Recorded, ...]  # the calls of one case of one step, in order


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a submission answered in one step: its calls, case by case."""

    step: str
    function: str
    values: bool  # a values step, not one on dtype, device or the like
    passed: bool
    cases: Mapping[str, Trace]


@dataclass
class Atlas:
    """What the reference and each wrong program answer to the traces of one exercise.

    A step's calls depend only on the seed, so an answer is computed once and serves
    every submission.
    """

    bank: Bank
    exercise: Exercise
    _answerers: dict[str, Answerer] = field(default_factory=dict)
    _answers: dict[tuple[str, str, int], Answer] = field(default_factory=dict)

    def wrongs(self) -> tuple[Misconception, ...]:
        """The wrong programs that may explain a failure here."""
        return self.bank.misconceptions(self.exercise)

    def reference(self, case: str, index: int, call: Call) -> Answer:
        """What the reference answers to one call of a trace."""
        return self._answer(None, case, index, call)

    def of(self, wrong: Misconception, case: str, index: int, call: Call) -> Answer:
        """What a wrong program makes the exercise answer to one call of a trace."""
        return self._answer(wrong, case, index, call)

    def _answer(self, wrong: Misconception | None, case: str, index: int, call: Call) -> Answer:
        name = wrong.id if wrong else ""
        key = (name, case, index)
        if key not in self._answers:
            if name not in self._answerers:
                wrongs = (wrong,) if wrong else ()
                self._answerers[name] = in_process(self.bank.variant(self.exercise, wrongs))
            self._answers[key] = self._answerers[name](call)
        return self._answers[key]


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes that explain a failure, each alternative a group made together."""

    alternatives: tuple[tuple[Misconception, ...], ...] = ()

    @property
    def certainty(self) -> Certainty:
        """Unique, ambiguous or none."""
        if not self.alternatives:
            return Certainty.NONE
        return Certainty.UNIQUE if len(self.alternatives) == 1 else Certainty.AMBIGUOUS


def diagnose(
    atlas: Atlas, failed: Sequence[Evidence], all_steps: Sequence[Evidence]
) -> dict[str, Diagnosis]:
    """A diagnosis for every failed step, from what the submission answered in all of them.

    A wrong program explains a step when it answers every call of it as the submission
    did and some call visibly unlike the reference, and no step that passed contradicts it.
    """
    found = {evidence.step: _explaining(atlas, evidence, all_steps) for evidence in failed}
    certain = {wrongs[0].id for wrongs in found.values() if len(wrongs) == 1}
    return {step: _settled(atlas, wrongs, certain, all_steps) for step, wrongs in found.items()}


def _settled(
    atlas: Atlas, wrongs: list[Misconception], certain: set[str], all_steps: Sequence[Evidence]
) -> Diagnosis:
    """Of several explanations, those that also fit the rest of the file, if any do.

    First what is certain in another step, then what agrees with every step that was run
    (a wrong whole may come from a wrong part, unless the part was seen to be right), then
    mistakes of this exercise's own.
    """
    for fits in (
        lambda wrong: wrong.id in certain,
        lambda wrong: _answers_alike(atlas, wrong, all_steps, strict=False),
        lambda wrong: wrong.id.startswith(atlas.exercise.id + "."),
    ):
        if len(wrongs) > 1:
            wrongs = [wrong for wrong in wrongs if fits(wrong)] or wrongs
    if len(wrongs) > MOST_ALTERNATIVES:
        return Diagnosis()
    return Diagnosis(tuple((wrong,) for wrong in wrongs))


def _explaining(
    atlas: Atlas, failed: Evidence, all_steps: Sequence[Evidence]
) -> list[Misconception]:
    # Where a side step failed, the very thing that the loose comparison ignores is wrong.
    for strict in (True, False) if failed.values else (True,):
        found = [
            wrong
            for wrong in atlas.wrongs()
            if _answers_alike(atlas, wrong, [failed], strict)
            and (_shows(atlas, wrong, failed) or _shows_elsewhere(atlas, wrong, failed, all_steps))
            and not _contradicted(atlas, wrong, failed, all_steps)
        ]
        if found:
            return found
    return []


def _contradicted(
    atlas: Atlas, wrong: Misconception, failed: Evidence, all_steps: Sequence[Evidence]
) -> bool:
    """Whether another step shows that this mistake is not made.

    Only steps of the function that failed, and of the one the mistake is in, can tell: what
    other functions do with it is the submission's own affair. A mistake in a part must be
    what the part was seen to do, in the steps that it failed as well.
    """
    telling = [
        e
        for e in all_steps
        if e.function == wrong.function != failed.function
        or (e.passed and e.function == failed.function)
    ]
    return not _answers_alike(atlas, wrong, telling, strict=False)


def _shows_elsewhere(
    atlas: Atlas, wrong: Misconception, failed: Evidence, all_steps: Sequence[Evidence]
) -> bool:
    """Whether a step that only raised has the mistake that other steps of the function show.

    Alike exceptions alone name nothing; here the wrong program raises where the submission
    does, and answers as it does where both answer.
    """
    others = [e for e in all_steps if e.function == failed.function and not e.passed and e.values]
    raised = any(isinstance(recorded.answer, Raised) for _, _, recorded in _calls([failed]))
    return (
        raised
        and _answers_alike(atlas, wrong, others, strict=False)
        and any(_shows(atlas, wrong, other) for other in others)
    )


def _calls(evidence: Iterable[Evidence]) -> Iterable[tuple[str, int, Recorded]]:
    for piece in evidence:
        for case, trace in piece.cases.items():
            for index, recorded in enumerate(trace):
                yield case, index, recorded


def _answers_alike(
    atlas: Atlas, wrong: Misconception, evidence: Sequence[Evidence], strict: bool
) -> bool:
    return all(
        alike(recorded.answer, atlas.of(wrong, case, i, recorded.call), strict)
        for case, i, recorded in _calls(evidence)
    )


def _shows(atlas: Atlas, wrong: Misconception, evidence: Evidence) -> bool:
    """Whether the wrong program differs from the reference here in more than an exception."""
    for case, i, recorded in _calls([evidence]):
        answer = atlas.of(wrong, case, i, recorded.call)
        if isinstance(answer, Value):
            reference = atlas.reference(case, i, recorded.call)
            if differs(answer, reference):
                return True
    return False


def alike(answer: Answer, other: Answer, strict: bool = True) -> bool:
    """Whether two answers to one call are the same up to rounding.

    strict: dtypes and devices count. Exceptions are alike when their builtin types are;
    an answer that never came is like no other.
    """
    match answer, other:
        case Value(ours), Value(theirs):
            return _values_alike(ours, theirs, strict)
        case Raised(), Raised():
            return answer.builtin == other.builtin
    return False


def _values_alike(ours: Any, theirs: Any, strict: bool) -> bool:
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if ours.shape != theirs.shape or (strict and _kind(ours) != _kind(theirs)):
            return False
        if ours.device.type == "meta" or theirs.device.type == "meta":
            return ours.device.type == theirs.device.type
        return bool(agreement(ours, theirs).all())
    if isinstance(ours, (list, tuple)) and type(ours) is type(theirs):
        return len(ours) == len(theirs) and all(
            _values_alike(a, b, strict) for a, b in zip(ours, theirs, strict=True)
        )
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            _values_alike(ours[key], theirs[key], strict) for key in ours
        )
    return type(ours) is type(theirs) and bool(ours == theirs)


def differs(answer: Answer, reference: Answer) -> bool:
    """Whether an answer is visibly not the reference's.

    Booleans, whole numbers, shapes, dtypes and exceptions differ by any element, floats
    by 2 % of the reference's root mean square.
    """
    if not isinstance(answer, Value) or not isinstance(reference, Value):
        return not alike(answer, reference)
    return _values_differ(answer.value, reference.value)


def _values_differ(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if ours.shape != theirs.shape or _kind(ours) != _kind(theirs):
            return True
        if theirs.device.type == "meta":
            return False
        if not theirs.is_floating_point():
            return not torch.equal(ours, theirs)
        return _floats_differ(ours.cpu().double(), theirs.cpu().double())
    if isinstance(ours, (list, tuple)) and type(ours) is type(theirs) and len(ours) == len(theirs):
        return any(_values_differ(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        return any(_values_differ(ours[key], theirs[key]) for key in ours)
    return not _values_alike(ours, theirs, strict=True)


def _kind(tensor: torch.Tensor) -> tuple[torch.dtype, str]:
    return tensor.dtype, tensor.device.type


def _floats_differ(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    finite = ours.isfinite() & theirs.isfinite()
    special = (ours == theirs) | (ours.isnan() & theirs.isnan())
    if not (finite | special).all():
        return True
    sizes = theirs[theirs.isfinite()]
    if not sizes.numel():
        return False
    scale = max(sizes.square().mean().sqrt().item(), 1e-12)
    return bool(((ours - theirs)[finite].abs() > VISIBLE * scale).any())
