"""Does an exercise keep its promises? The tests of the tests, with figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.answers import alike, differs
from grader.atlas import Atlas, Place
from grader.bank import Bank, Namespace
from grader.calls import Recorded, Value
from grader.course import Course, Exercise
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Certainty, Feedback, Misconception, Step, StepResult, Verdict
from grader.sitting import StepOutcome
from grader.stubs import drift, untouched

MOST_WORDS = 600
LEAST_VALUES_SHARE = 0.7
LONGEST_SENTENCE = 62  # so that a step fits one line of a terminal with its points
KILLED = (Verdict.FAILED, Verdict.RAISED)


@dataclass(frozen=True)
class BrokenPromise:
    """One broken promise, and where."""

    exercise: str
    where: str
    says: str


@dataclass(frozen=True)
class Figures:
    """What verification measured of one exercise."""

    exercise: str
    functions: int
    steps: int
    points: int
    wrong_programs: int
    killed: int
    named: int  # given their own name by some step
    alone: int  # given no other name beside it
    findings: tuple[BrokenPromise, ...]


def verify(course: Course, exercise: Exercise) -> Figures:
    """Check everything an exercise promises; nothing of a student's is run.

    The reference passes every step, the stub none; every wrong program is killed by a
    difference in values and named; every step kills one; no two wrong programs of a
    function behave alike; a step's calls depend only on the seed.
    """
    terms = Terms(course.settings.policy.seed, Feedback.PRACTICE, "cpu")
    return with_examiner(course, exercise, terms, _figures)


def _figures(examiner: Examiner) -> Figures:
    exercise, bank = examiner.exercise, examiner.paper.atlas.bank
    own = bank.solution(exercise).misconceptions
    trials = {wrong.id: Trial.of(examiner, wrong) for wrong in own}
    right = examiner.attempt_of_program(examiner.paper.reference).outcomes
    findings = (
        *_of_declarations(exercise),
        *_of_reference(right),
        *_of_stub(examiner),
        *(finding for trial in trials.values() for finding in trial.findings(right)),
        *_of_steps(exercise, list(trials.values())),
        *_of_targets(bank, exercise),
        *_of_twins(list(trials.values())),
    )
    return Figures(
        exercise=exercise.id,
        functions=len(examiner.paper.functions),
        steps=len(exercise.steps),
        points=sum(step.points for step in exercise.steps),
        wrong_programs=len(own),
        killed=sum(trial.killed for trial in trials.values()),
        named=sum(trial.named for trial in trials.values()),
        alone=sum(trial.alone for trial in trials.values()),
        findings=tuple(BrokenPromise(exercise.id, where, says) for where, says in findings),
    )


Said = tuple[str, str]  # where, what


@dataclass(frozen=True)
class Trial:
    """A wrong program graded as a submission would be."""

    wrong: Misconception
    atlas: Atlas
    outcomes: tuple[StepOutcome, ...]
    results: tuple[StepResult, ...]

    @classmethod
    def of(cls, examiner: Examiner, wrong: Misconception) -> Trial:
        """Grade one wrong program in this process."""
        atlas = examiner.paper.atlas
        made = examiner.attempt_of_program(atlas.bank.variant(examiner.exercise, (wrong,)))
        return cls(wrong, atlas, made.outcomes, examiner.results(made))

    @property
    def kills(self) -> frozenset[str]:
        """The steps that fail on it."""
        return frozenset(o.step.id for o in self.outcomes if o.verdict in KILLED)

    @property
    def killed(self) -> bool:
        """Whether some step fails on it, and for what it returns, not only for what it raises."""
        return bool(self.kills) and any(
            isinstance(recorded.answer, Value)
            and differs(recorded.answer, self.atlas.reference(Place(case, i, recorded)))
            for outcome in self.outcomes
            if outcome.step.id in self.kills
            for case, trace in outcome.evidence.items()
            for i, recorded in enumerate(trace)
        )

    @property
    def _names(self) -> list[StepResult]:
        return [r for r in self.results if (self.wrong,) in r.diagnoses]

    @property
    def named(self) -> bool:
        """Whether some step gives it its own name."""
        return bool(self._names)

    @property
    def alone(self) -> bool:
        """Whether it is named and no step gives it another name as well."""
        return self.named and all(r.certainty is Certainty.UNIQUE for r in self._names)

    def findings(self, right: Sequence[StepOutcome]) -> Iterator[Said]:
        """What is not as it should be with this wrong program."""
        name = self.wrong.id.rpartition(".")[2]
        if not self.killed:
            yield name, "no step sees what it does wrong"
        elif not self.named:
            yield name, "it fails, and is not named"
        for result in self.results:
            others = [a for a in result.diagnoses if a != (self.wrong,)]
            if others:
                names = ", ".join(alternative[0].id for alternative in others)
                yield name, f"{result.step.id} names it {names}"
            if result.verdict is Verdict.GRADER_ERROR:
                yield name, f"{result.step.id} stumbles: {result.message}"
        for ours, theirs in zip(self.outcomes, right, strict=True):
            for case, trace in ours.evidence.items():
                if not _is_prefix(trace, theirs.evidence.get(case, ())):
                    yield ours.step.id, f"its calls depend on what {name} answers"


def _is_prefix(trace: Sequence[Recorded], whole: Sequence[Recorded]) -> bool:
    """Whether the same questions were asked, in the same order, as far as it went."""
    return len(trace) <= len(whole) and all(
        ours.call.function == theirs.call.function
        and ours.call.mode == theirs.call.mode
        and _same_question(ours, theirs)
        for ours, theirs in zip(trace, whole, strict=False)
    )


def _same_question(ours: Recorded, theirs: Recorded) -> bool:
    mine, its = (Value([list(r.call.args), r.call.kwargs]) for r in (ours, theirs))
    return alike(mine, its)


def _of_declarations(exercise: Exercise) -> Iterator[Said]:
    """What lesson and suite declare: length, needs, and the share of values steps."""
    lesson = exercise.text
    if lesson.words > MOST_WORDS:
        yield exercise.lesson.name, f"{lesson.words} words; at most {MOST_WORDS} are read"
    steps = {step.id: step for step in exercise.steps}
    for step in steps.values():
        if len(step.title) > LONGEST_SENTENCE or step.title.endswith("."):
            says = f"its sentence has no full stop, and at most {LONGEST_SENTENCE} characters"
            yield step.id, says
        for need in step.needs:
            if steps[need].needs or steps[need].function != step.function:
                yield step.id, f"needs {need}, which is no values step of {step.function}"
    assert exercise.hints  # reading them holds the lesson's hints against the functions
    for function in exercise.functions:
        yield from _of_share(function, [s for s in steps.values() if s.function == function])


def _of_share(function: str, steps: Sequence[Step]) -> Iterator[Said]:
    total = sum(step.points for step in steps)
    values = sum(step.points for step in steps if not step.needs)
    if not total:
        yield function, "no step grades it"
    elif values < LEAST_VALUES_SHARE * total:
        yield function, f"only {values} of its {total} points are for values"


def _of_reference(right: Sequence[StepOutcome]) -> Iterator[Said]:
    for outcome in right:
        if outcome.verdict is not Verdict.PASSED:
            yield outcome.step.id, f"the reference does not pass: {outcome.message}"


def _of_stub(examiner: Examiner) -> Iterator[Said]:
    """The stub, run as it is, passes nothing; the one on disk has not drifted."""
    exercise = examiner.exercise
    for outcome in examiner.attempt_of_program(_stub_program(exercise)).outcomes:
        if outcome.verdict is Verdict.PASSED:
            yield outcome.step.id, "the untouched stub passes"
    if not exercise.stub.exists():  # a learner may have moved it
        return
    stub = exercise.stub.read_text(encoding="utf-8", errors="replace")
    if untouched(stub, exercise.functions) == set(exercise.functions):  # else it is a learner's
        for says in drift(stub, exercise.source):
            yield exercise.stub.name, says


def _stub_program(exercise: Exercise) -> Namespace:
    namespace: Namespace = {"__name__": "stub"}
    exec(compile(exercise.fresh_stub, f"{exercise.id} (stub)", "exec"), namespace)  # noqa: S102
    return namespace


def _of_steps(exercise: Exercise, trials: Sequence[Trial]) -> Iterator[Said]:
    """Every step kills a wrong program: one that kills none tests nothing."""
    kills = Counter(step for trial in trials for step in trial.kills)
    for step in exercise.steps:
        if not kills[step.id]:
            yield step.id, "no wrong program fails it"


def _of_targets(bank: Bank, exercise: Exercise) -> Iterator[Said]:
    """Every function has its wrong programs."""
    solution = bank.solution(exercise)
    counts = Counter(wrong.function for wrong in solution.misconceptions)
    for function in solution.functions:
        if counts[function] < 2:
            yield function, f"{counts[function]} wrong programs; a poor function has two"


def _of_twins(trials: Sequence[Trial]) -> Iterator[Said]:
    """No two wrong programs answer alike throughout: each has its own root cause."""
    for i, one in enumerate(trials):
        for other in trials[i + 1 :]:
            if one.wrong.function == other.wrong.function and _alike(one, other):
                yield one.wrong.id, f"behaves as {other.wrong.id} does"


def _alike(one: Trial, other: Trial) -> bool:
    for ours, theirs in zip(one.outcomes, other.outcomes, strict=True):
        if ours.verdict is not theirs.verdict:
            return False
        for case in ours.evidence.keys() & theirs.evidence.keys():
            pairs = zip(ours.evidence[case], theirs.evidence[case], strict=False)
            if not all(alike(a.answer, b.answer) for a, b in pairs):
                return False
    return True
