"""What is said of a mistake uses no term of the trade that no lesson has used before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grader.catalogue import why_and_question
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


def terms_in(text: str) -> set[str]:
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*(?:16|32|64)?", text.lower()))
    words |= {word.removesuffix("s") for word in words}
    words |= {word.removesuffix("es") + "is" for word in words}  # axes, axis
    return words & TERMS


def taught_by(exercise) -> set[str]:
    """The terms of the lessons and stubs up to an exercise, in the learner's order."""
    upto = COURSE.exercises[: COURSE.exercises.index(exercise) + 1]
    return terms_in("\n".join(f"{one.text.body}\n{one.fresh_stub}" for one in upto))


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_diagnosis_uses_no_term_before_a_lesson_does(exercise):
    taught = taught_by(exercise)
    untaught = {
        wrong.id: terms_in(f"{wrong.says} {wrong.hint}") - taught
        for wrong in exercise.misconceptions
    }
    assert {wrong: terms for wrong, terms in untaught.items() if terms} == {}


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_steps_sentence_uses_no_term_before_a_lesson_does(exercise):
    taught = taught_by(exercise)
    untaught = {step.id: terms_in(step.title) - taught for step in exercise.steps}
    assert {step: terms for step, terms in untaught.items() if terms} == {}


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_a_diagnosis_is_a_statement_and_its_hint_ends_in_a_question(exercise):
    for wrong in exercise.misconceptions:
        assert wrong.says.endswith("."), wrong.id
        assert wrong.hint.endswith("?"), wrong.id
        assert all(why_and_question(wrong.hint)), wrong.id  # why it is wrong, and what to look at
        assert len(f"{wrong.says} {wrong.hint}".split()) <= 70, wrong.id


@pytest.mark.parametrize("exercise", COURSE.exercises, ids=lambda exercise: exercise.id)
def test_no_hint_holds_code_that_would_pass(exercise):
    """Of what stands in backticks nothing stands in the solution as a whole statement."""
    own = [line.strip().removeprefix("return ") for line in exercise.source.text.splitlines()]
    for wrong in exercise.misconceptions:
        for code in re.findall(r"`([^`]+)`", f"{wrong.says} {wrong.hint}"):
            assert not (len(code) > 12 and code in own), (wrong.id, code)
