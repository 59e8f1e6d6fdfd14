"""What is said of a mistake uses no term of the trade that no lesson has used before."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from grader.course import Course

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.open(ROOT)
# Words that a newcomer to attention has to be told first. Not the names of torch's functions
# and dtypes: who meets them in a diagnosis has written them.
TERMS = frozenset(
    """
    additive alias allocator argmax autocast autograd axis backpropagation batch bias broadcast
    buffer cache causal contiguous convolution cotangent cross-entropy decoder device dispatch
    dot-product dropout dtype embedding encoder epsilon gradient half-precision head in-place
    jacobian kernel key latent layer leaf logit mask matrix multi-head normalise padding
    parameter positional prefill projection query residual scalar softmax sparse stride tensor
    token tril triu underflow value variance vector vjp weight
    """.split()  # noqa: SIM905 - a list of single words is read more easily so
)

# Words by which a sentence leans on one before it.
LEANING = re.compile(r"(That|This|It|Both|These|Those|They|Such|So|But|And|There|Then)\b")


def terms_in(text: str) -> set[str]:
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*(?:16|32|64)?", text.lower()))
    words |= {word.removesuffix("s") for word in words}
    words |= {word.removesuffix("es") + "is" for word in words}  # axes, axis
    return words & TERMS


def words_of(wrong) -> str:
    return f"{wrong.question} {wrong.says} {wrong.why}"


def taught_by(exercise) -> set[str]:
    """The terms of the lessons and stubs up to an exercise, in the learner's order."""
    upto = COURSE.exercises[: COURSE.exercises.index(exercise) + 1]
    return terms_in("\n".join(f"{one.text.body}\n{one.fresh_stub}" for one in upto))


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_diagnosis_uses_no_term_before_a_lesson_does(exercise):
    taught = taught_by(exercise)
    untaught = {wrong.id: terms_in(words_of(wrong)) - taught for wrong in exercise.misconceptions}
    assert {wrong: terms for wrong, terms in untaught.items() if terms} == {}


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_steps_sentence_uses_no_term_before_a_lesson_does(exercise):
    taught = taught_by(exercise)
    untaught = {
        step.id: terms_in(f"{step.title} {step.question}") - taught for step in exercise.steps
    }
    assert {step: terms for step, terms in untaught.items() if terms} == {}


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_diagnosis_is_a_statement_after_a_question_and_has_a_reason(exercise):
    for wrong in exercise.misconceptions:
        assert wrong.says.endswith("."), wrong.id
        assert wrong.question.endswith("?"), wrong.id
        assert wrong.why.endswith(".") and "?" not in wrong.why, wrong.id
        assert len(words_of(wrong).split()) <= 75, wrong.id


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_question_stands_by_itself_because_it_is_read_before_the_diagnosis(exercise):
    asking = [*exercise.misconceptions, *exercise.steps]
    leaning = [one.id for one in asking if LEANING.match(one.question)]
    assert leaning == []
    questions = Counter(wrong.question for wrong in exercise.misconceptions)
    assert [question for question, count in questions.items() if count > 2] == []


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_steps_question_holds_no_number_because_homework_shows_it_too(exercise):
    assert [step.id for step in exercise.steps if re.search(r"\d", step.question)] == []


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_no_hint_holds_code_that_would_pass(exercise):
    """Of what stands in backticks nothing stands in the solution as a whole statement."""
    own = [line.strip().removeprefix("return ") for line in exercise.source.text.splitlines()]
    for wrong in exercise.misconceptions:
        for code in re.findall(r"`([^`]+)`", words_of(wrong)):
            assert not (len(code) > 12 and code in own), (wrong.id, code)
