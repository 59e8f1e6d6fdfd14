"""Does an exercise keep its promises? The tests of the tests, with figures."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing

from grader import submissions
from grader.bank import Bank, Namespace
from grader.carrying import Attempt
from grader.contracts import with_methods
from grader.course import Course, Exercise
from grader.figures import BrokenPromise, Figures
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Feedback, Misconception, Step, Verdict
from grader.outline import parsed, public_methods
from grader.sandbox import open_nursery
from grader.shapes import sizes, stated_shapes
from grader.stubs import drift, untouched
from grader.styles import Function, Restyled, right_ones, shared_statements
from grader.trials import Said, Trial, answer_alike

MOST_WORDS = 600
LEAST_VALUES_SHARE = 0.7
LONGEST_SENTENCE = 62  # so that a step fits one line of a terminal with its points
LEAST_RIGHT = 3  # programs in other styles that must pass


def verify(course: Course, exercise: Exercise) -> Figures:
    """Check everything an exercise promises; nothing of a student's is run.

    The reference and the right programs in other styles pass every step, the stub none;
    every wrong program is killed by a difference in values and named, in its second style
    too; unknown to the bank it is told no other's name; every step kills one; no two wrong
    programs of a function behave alike, but for declared pairs; a step's calls depend only
    on the seed; each function is asked with all sizes equal, and all different.
    """
    terms = Terms(course.settings.policy.seed, Feedback.PRACTICE, "cpu")
    return with_examiner(course, exercise, terms, _figures)


def _figures(examiner: Examiner) -> Figures:
    exercise, bank = examiner.exercise, examiner.paper.atlas.bank
    own = bank.solution(exercise).misconceptions
    right = examiner.right
    trials = [Trial.of(examiner, wrong) for wrong in own]
    restyled, shared = _restyled(examiner, own)
    passing, failing = _right_ones(examiner)
    told = {trial.name: list(trial.names_without_it()) for trial in trials}
    findings = (
        *_of_declarations(exercise),
        *_of_reference(right),
        *_of_stub(examiner),
        *(said for trial in trials for said in _of_trial(trial)),
        *(said for trial in trials for said in trial.departures(right)),
        *(said for trial in restyled for said in _of_restyled(trial)),
        *shared,
        *(
            (name, f"unknown to the bank, {step} tells it {other}")
            for name, said in told.items()
            for step, other, same in said
            if not same
        ),
        *failing,
        *_of_steps(exercise, trials),
        *_of_targets(bank, exercise),
        *_of_words(bank, exercise),
        *_of_twins(trials),
        *_of_probes(examiner, right),
    )
    return Figures(
        exercise=exercise.id,
        functions=len(examiner.paper.functions),
        steps=len(exercise.steps),
        points=sum(step.points for step in exercise.steps),
        wrong=len(own),
        killed=sum(trial.killed for trial in trials),
        unique=sum(trial.uniquely for trial in trials),
        pairs=sum(bool(wrong.alike) for wrong in own),
        restyled=sum(trial.named for trial in restyled),
        misnamed=sum(any(not same for *_, same in said) for said in told.values()),
        elsewhere=sum(any(same for *_, same in said) for said in told.values()),
        right=passing,
        findings=tuple(BrokenPromise(exercise.id, where, says) for where, says in findings),
    )


def _of_trial(trial: Trial) -> Iterator[Said]:
    """What is not as it should be with a wrong program."""
    if not trial.killed:
        yield trial.name, "no step sees what it does wrong"
    elif not trial.named:
        yield trial.name, "it fails, and is not named"
    for step, others in trial.other_names():
        yield trial.name, f"{step} names it {others}"
    for step, says in trial.stumbles:
        yield trial.name, f"{step} stumbles: {says}"


def _restyled(examiner: Examiner, own: Sequence[Misconception]) -> tuple[list[Trial], list[Said]]:
    """The wrong programs in their second style, and what is wrong with the style."""
    second, said = Restyled(examiner.exercise), []
    source = examiner.exercise.source
    nodes = [n for n in parsed(source.text, source.file).body if isinstance(n, Function)]
    first = {node.name: node for node in nodes}
    classes = [first[name] for name in examiner.paper.functions]
    methods = {m.name for n in classes if isinstance(n, ast.ClassDef) for m in public_methods(n)}
    trials: list[Trial] = []
    for wrong in own:
        name = _name(wrong)
        if name not in second.programs:
            said.append((name, f"{second.path.name} has it in no second style"))
            continue
        shared = shared_statements(first[name], second.programs[name], methods)
        if shared:
            said.append((name, f"its second style has a statement of the first: {shared[0]}"))
        trials.append(Trial.of_source(examiner, wrong, second.submission(wrong)))
    unknown = second.programs.keys() - {_name(wrong) for wrong in own}
    said += [(name, f"{second.path.name} restyles what is no wrong program") for name in unknown]
    return trials, said


def _of_restyled(trial: Trial) -> Iterator[Said]:
    if not trial.named:
        yield trial.name, "in its second style it is not named"
    for step, others in trial.other_names():
        yield trial.name, f"in its second style {step} names it {others}"


def _right_ones(examiner: Examiner) -> tuple[int, list[Said]]:
    """How many right programs in other styles pass every step, and what fails of the others.

    They are graded in workers, as submissions are: they import what they like.
    """
    passing, said = 0, []
    found = right_ones(examiner.exercise)
    with closing(open_nursery("apart")) as nursery:
        for path in found:
            report = examiner.report(submissions.read(path, path.name), nursery)
            failed = [one.step.id for one in report.steps if one.verdict is not Verdict.PASSED]
            passing += not failed
            said += [(path.name, f"it is right, and {step} fails it") for step in failed]
    if len(found) < LEAST_RIGHT:
        says = f"{len(found)} right programs in other styles; there should be {LEAST_RIGHT}"
        said.append((examiner.exercise.id, says))
    return passing, said


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
        if not step.question.endswith("?"):
            yield step.id, "asks no question; that is the second paragraph of its docstring"
        for need in step.needs:
            if steps[need].needs or steps[need].function != step.function:
                yield step.id, f"needs {need}, which is no values step of {step.function}"
    assert exercise.hints  # reading them holds the lesson's hints against the functions
    for function in exercise.functions:
        yield from _of_share(function, [s for s in steps.values() if s.function == function])


def _of_words(bank: Bank, exercise: Exercise) -> Iterator[Said]:
    """Every wrong program has a question, and tells why it is wrong."""
    for wrong in bank.solution(exercise).misconceptions:
        if not wrong.question.endswith("?"):
            yield _name(wrong), "asks no question; that is the second paragraph of its docstring"
        if not wrong.why:
            yield _name(wrong), "does not tell why it is wrong; that is the last paragraph"


def _name(wrong: Misconception) -> str:
    return wrong.id.rpartition(".")[2]


def _of_share(function: str, steps: Sequence[Step]) -> Iterator[Said]:
    total = sum(step.points for step in steps)
    values = sum(step.points for step in steps if not step.needs)
    if not total:
        yield function, "no step grades it"
    elif values < LEAST_VALUES_SHARE * total:
        yield function, f"only {values} of its {total} points are for values"


def _of_reference(right: Attempt) -> Iterator[Said]:
    for outcome in right.outcomes:
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
    """No two wrong programs answer alike throughout, unless it is declared why they must."""
    for i, one in enumerate(trials):
        for other in trials[i + 1 :]:
            declared = other.wrong.alike == one.wrong.id
            same = one.wrong.function == other.wrong.function and answer_alike(one, other)
            if same and not declared:
                yield other.name, f"behaves as {one.name} does"
            elif declared and not same:
                yield other.name, f"is declared to be like {one.name}, and is not"


def _of_probes(examiner: Examiner, right: Attempt) -> Iterator[Said]:
    """Each function is called once with all sizes different, and once with all equal.

    That is for sizes its docstring names, and for functions that have two or more of them.
    """
    for function, contract in with_methods(examiner.paper.contracts).items():
        seen = [
            sizes(contract, recorded.call.args, recorded.call.kwargs)
            for outcome in right.outcomes
            if outcome.step.function == function.partition(".")[0]
            for trace in outcome.evidence.values()
            for recorded in trace
            if recorded.call.function == function
        ]
        axes = {axis for shape in stated_shapes(contract).values() for axis in shape}
        named = [{n: size for n, size in one.items() if n in axes} for one in seen]
        full = [one for one in named if len(one) == max(map(len, named)) and len(one) > 1]
        if full and not any(len(set(one.values())) == 1 for one in full):
            yield function, f"no call has all of {', '.join(full[0])} equal"
        if full and not any(len(set(one.values())) == len(one) for one in full):
            yield function, f"no call has all of {', '.join(full[0])} different"
