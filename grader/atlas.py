"""What the reference and each wrong program answer to the traces of one exercise.

A step's calls depend only on the seed, so an answer is computed once and serves every
submission. Where calls of a case share an object, such as a cache, they are answered in
order, each program having an object of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from grader.answers import alike, differs, fingerprint, shows
from grader.bank import Bank, Namespace
from grader.calls import Answer, Call, Recorded, Value, earlier_ones
from grader.contracts import Contract, contract_of
from grader.cost import alike_in_cost
from grader.course import Exercise
from grader.model import Misconception
from grader.programs import Replay, in_process
from grader.worker.parts import tensors_in

Trace = tuple[Recorded, ...]  # the calls of one case of one step, in order
Wrongs = tuple[Misconception, ...]  # one mistake, or several made together; none: the reference


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a submission answered in one step: its calls, case by case."""

    step: str
    function: str
    values: bool  # a values step, not one on dtype, device or the like
    passed: bool
    cases: Mapping[str, Trace]
    given: tuple[str, ...] = ()  # functions of the file that were answered for it
    unsteady: bool = False  # asked a call once more, its function answered otherwise

    def calls(self) -> Sequence[Place]:
        """Every call with the place it has in the exercise."""
        return self._places

    @cached_property
    def _places(self) -> tuple[Place, ...]:
        return tuple(place for case, trace in self.cases.items() for place in places(case, trace))


@dataclass(frozen=True, eq=False)
class Place:
    """One recorded call, and where it stands: the case of a step, and its index there."""

    case: str
    index: int
    trace: Trace  # of the whole case
    _likes: dict[tuple[int, bool], bool] = field(default_factory=dict, repr=False)

    @property
    def recorded(self) -> Recorded:
        """The call with its answer."""
        return self.trace[self.index]

    @property
    def call(self) -> Call:
        """The question."""
        return self.recorded.call

    @property
    def answer(self) -> Answer:
        """What the submission answered."""
        return self.recorded.answer

    def answered_as(self, wrongs: Wrongs, atlas: Atlas, strict: bool = False) -> bool:
        """Whether the submission answered as the exercise does with these mistakes in it."""
        wrong = atlas.of(wrongs, self)
        key = id(wrong), strict  # an atlas has each answer to a call but once, and keeps it
        if key not in self._likes:
            self._likes[key] = self.is_like(wrong, atlas.reference(self), strict)
        return self._likes[key]

    def is_like(self, wrong: Answer, right: Answer, strict: bool = False) -> bool:
        """Whether the submission answered as a wrong program does, where `right` is asked for."""
        if self.call.mode == "multiply_adds":
            return _alike_in_cost(self.answer, wrong, right)
        ours, theirs = (self._essence(one, right) for one in (self.answer, wrong))
        return alike(ours, theirs, strict, right, self._coarsest)

    def is_right(self, atlas: Atlas) -> bool:
        """Whether the submission answered as it should."""
        right = atlas.reference(self)
        if self.call.mode == "multiply_adds":
            return _alike_in_cost(self.answer, right, right)
        return alike(self.answer, right)

    def differs(self, wrong: Answer, right: Answer) -> bool:
        """Whether a wrong program's answer is visibly another than is asked for."""
        if self.call.mode == "multiply_adds":
            return not _alike_in_cost(wrong, right, right)
        return differs(wrong, right)

    def shows(self, wrong: Answer, right: Answer) -> bool:
        """Whether the submission's answer has a row in which a wrong program is seen."""
        return shows(self.answer, wrong, right, self._coarsest)

    def _essence(self, answer: Answer, right: Answer) -> Answer:
        """What counts of an answer: of side effects that they are there, not how far they went."""
        if not isinstance(answer, Value) or not isinstance(right, Value):
            return answer
        if self.call.mode == "strays":
            return Value(answer.value != [])
        if self.call.mode == "arguments_after" and _as_long(answer.value, right.value):
            pairs = zip(answer.value, right.value, strict=True)
            return Value([differs(Value(now), Value(then)) for now, then in pairs])
        return answer

    @cached_property
    def shares_objects(self) -> bool:
        """Whether some call of the case is asked with what an earlier one gave."""
        return any(earlier_ones(recorded.call) for recorded in self.trace)

    @cached_property
    def _coarsest(self) -> torch.dtype | None:
        """The coarsest floating-point type among the arguments: rounding began there."""
        tensors = tensors_in([self.call.args, self.call.kwargs])
        kinds = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
        return max(kinds, key=lambda kind: torch.finfo(kind).eps, default=None)


def places(case: str, trace: Trace) -> Iterator[Place]:
    """Every call of a case."""
    return (Place(case, index, trace) for index in range(len(trace)))


def _alike_in_cost(answer: Answer, other: Answer, right: Answer) -> bool:
    """Whether two counts of multiply-adds are alike, where `right` is what is needed."""
    if isinstance(answer, Value) and isinstance(other, Value) and isinstance(right, Value):
        return alike_in_cost(answer.value, other.value, right.value)
    return alike(answer, other)


def _as_long(value: object, other: object) -> bool:
    return type(value) is list and type(other) is list and len(value) == len(other)


Key = tuple[tuple[str, ...], str, int]


@dataclass
class Atlas:
    """The answers of one exercise's programs, computed when they are first asked for."""

    bank: Bank
    exercise: Exercise
    scales: Mapping[str, str] = field(default_factory=dict)  # as the suite declares them
    left_out: str = ""  # the id of a wrong program that is not to be thought of
    _programs: dict[tuple[str, ...], Namespace] = field(default_factory=dict)
    _replays: dict[tuple[tuple[str, ...], str], Replay] = field(default_factory=dict)
    _answers: dict[Key, Answer] = field(default_factory=dict)
    _kinds: dict[tuple[str, int, object], Answer] = field(default_factory=dict)
    _visible: dict[tuple[str, int, int], bool] = field(default_factory=dict)

    def wrongs(self) -> Wrongs:
        """The wrong programs that may explain a failure here."""
        everyone = self.bank.misconceptions(self.exercise)
        return tuple(wrong for wrong in everyone if wrong.id != self.left_out)

    def without(self, wrong: Misconception) -> Atlas:
        """The same answers for a diagnosis that does not know one of the wrong programs."""
        return replace(self, left_out=wrong.id)

    def contract(self, function: str) -> Contract:
        """The right function, class or method that a call of a trace names."""
        found = contract_of(self.bank.reference(self.exercise), function)
        assert found is not None  # a suite can ask for nothing else
        return found

    def reference(self, place: Place) -> Answer:
        """What the reference answers to one call of a trace."""
        return self.of((), place)

    def learn(self, wrongs: Wrongs, case: str, trace: Trace) -> None:
        """Keep what a case of the exercise with these mistakes was seen to answer."""
        names = tuple(wrong.id for wrong in wrongs)
        for index, recorded in enumerate(trace):
            kept = self._kept(case, index, recorded.answer)
            self._answers.setdefault((names, case, index), kept)

    def of(self, wrongs: Wrongs, place: Place) -> Answer:
        """What the exercise answers with these mistakes in it."""
        names = tuple(wrong.id for wrong in wrongs)
        key = (names, place.case, place.index)
        if key not in self._answers:
            if names not in self._programs:
                self._programs[names] = self.bank.variant(self.exercise, wrongs)
            found = self._answer(names, place)
            self._answers[key] = self._kept(place.case, place.index, found)
        return self._answers[key]

    def _kept(self, case: str, index: int, answer: Answer) -> Answer:
        """An answer, or one that is the same to the last bit: most programs answer alike."""
        kind = fingerprint(answer.value) if isinstance(answer, Value) else None
        return answer if kind is None else self._kinds.setdefault((case, index, kind), answer)

    def _answer(self, names: tuple[str, ...], place: Place) -> Answer:
        """What a program answers to one call, which may be asked with what others gave."""
        program = self._programs[names]
        if not place.shares_objects:
            return in_process(program)(place.call)
        again = self._replays.setdefault((names, place.case), Replay(in_process(program)))
        return again.answer(place.trace, place.index)

    def visible(self, wrongs: Wrongs, place: Place) -> bool:
        """Whether these mistakes make a visible difference to the answer."""
        wrong = self.of(wrongs, place)
        key = (place.case, place.index, id(wrong))
        if key not in self._visible:
            self._visible[key] = place.differs(wrong, self.reference(place))
        return self._visible[key]
