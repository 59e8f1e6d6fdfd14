"""A mistake is named by the wrong program that answers alike, and otherwise not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader.calls import Died, Raised, Value
from grader.course import Course
from grader.answers import alike, differs
from grader.grade import Terms, with_examiner
from grader.model import Certainty, Feedback

ROOT = Path(__file__).resolve().parents[2]
TENS = torch.full((4,), 10.0)


def named(exercise: str, changes) -> dict[str, list[str]]:
    """The names given to a program: the reference with some functions replaced."""
    course = Course.open(ROOT)
    terms = Terms(2017, Feedback.PRACTICE, "cpu")

    def grade(examiner):
        program = dict(examiner.paper.atlas.bank.reference(examiner.exercise))
        program |= changes(program)
        results = examiner.results(examiner.attempt_of_program(program))
        return {
            result.step.id: [group[0].id.partition(".")[2] for group in result.diagnoses]
            for result in results
            if result.verdict in ("failed", "raised")
        }

    return with_examiner(course, course.exercise(exercise), terms, grade)


def test_a_wrong_part_names_the_whole_that_is_wrong_because_of_it():
    """A file whose scaled scores call its own wrong dot scores."""

    def changes(right):
        def dot_scores(q, k):
            return k @ q.mT  # rows are keys: the transpose

        def scaled_scores(q, k):
            return right["scale_scores"](dot_scores(q, k), q.shape[-1])

        return {"dot_scores": dot_scores, "scaled_scores": scaled_scores}

    found = named("02", changes)
    assert {name for names in found.values() for name in names} == {"puts_the_keys_in_the_rows"}
    assert any("scaled" in step for step in found)


def test_a_mistake_inside_the_whole_is_not_blamed_on_a_part_that_was_seen_to_be_right():
    def changes(right):
        def self_attention(x, w_q, w_k, w_v, causal=False):
            return right["attention"](x @ w_q, x @ w_k, x @ w_v)[0]

        return {"self_attention": self_attention}

    found = named("05", changes)
    assert found and {tuple(names) for names in found.values()} == {("ignores_causal",)}


def test_a_wrong_part_seen_to_be_wrong_is_what_the_whole_is_blamed_on():
    def changes(right):
        def attention(q, k, v, mask=None):
            weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
            return weights @ v, weights

        def self_attention(x, w_q, w_k, w_v, causal=False):
            return attention(x @ w_q, x @ w_k, x @ w_v, causal)[0]

        return {"attention": attention, "self_attention": self_attention}

    found = named("05", changes)
    assert {name for names in found.values() for name in names} == {"ignores_the_mask"}


def test_a_mistake_that_stands_in_no_list_gets_no_name():
    def changes(right):
        return {"scale_scores": lambda scores, d_k: scores / (d_k**0.5 + 0.3)}

    found = named("02", changes)
    assert found and not any(found.values())


def test_a_step_that_only_raises_has_the_name_that_later_steps_of_the_function_give():
    def changes(right):
        return {"project": lambda x, w, b=None: x @ w.T if b is None else x @ w.T + b}

    found = named("01", changes)
    assert set(map(tuple, found.values())) == {("transposes_the_weights",)}


def test_a_mistake_elsewhere_in_a_function_does_not_silence_a_name():
    """No scale, and a mask that fills with a number: what has no mask still shows the scale."""

    def changes(right):
        def attention(q, k, v, mask=None):
            scores = q @ k.mT
            if mask is not None:
                scores = scores.masked_fill(~mask, -77.0)
            weights = torch.softmax(scores, -1)
            return weights @ v, weights

        return {"attention": attention}

    names = [names for names in named("05", changes).values() if names]
    assert names and all(name == ["never_scales"] for name in names)


def test_a_stray_tensor_is_not_blamed_on_another_one():
    def changes(right):
        return {"project": lambda x, w, b=None: right["project"](x.cpu(), w.cpu(), b)}

    found = named("01", changes)
    assert found and not any(found.values())


def test_a_wrong_dtype_is_not_told_to_be_another_one():
    def changes(right):
        return {"softmax": lambda x, dim=-1: right["softmax"](x.double(), dim)}

    found = named("04", changes)
    assert found and "single" not in str(found)


def test_an_exception_alone_names_no_mistake():
    def changes(right):
        def apply_mask(scores, mask):
            raise RuntimeError("no")

        return {"apply_mask": apply_mask}

    found = named("03", changes)
    assert found and not any(found.values())


@pytest.mark.parametrize(
    "one, other, expected",
    [
        (Value(TENS), Value(TENS + 1e-5), True),
        (Value(TENS), Value(TENS + 0.1), False),
        (Value(TENS), Value(TENS[:3]), False),
        (Value(TENS.bool()), Value(TENS.bool()), True),
        (Value((TENS, None)), Value((TENS, None)), True),
        (Value((TENS, 1)), Value((TENS, 2)), False),
        (Value(TENS), Raised("E", "ValueError", ""), False),
        (Raised("A", "ValueError", "x"), Raised("B", "ValueError", "y"), True),
        (Raised("A", "ValueError", ""), Raised("A", "TypeError", ""), False),
        (Died("crashed", ""), Died("crashed", ""), False),
    ],
)  # fmt: skip
def test_answers_are_alike_up_to_rounding_and_exceptions_by_type(one, other, expected):
    assert alike(one, other) == expected


def test_dtypes_count_only_where_one_is_strict():
    assert not alike(Value(TENS), Value(TENS.double()), strict=True)
    assert alike(Value(TENS), Value(TENS.double()), strict=False)


@pytest.mark.parametrize(
    "answer, expected",
    [
        (TENS * 1.01, False),
        (TENS * 1.03, True),
        (TENS.double(), True),
        (TENS[None], True),
        (torch.tensor([10.0, 10.0, 10.0, float("nan")]), True),
        (None, True),
    ],
)
def test_two_percent_of_the_references_size_is_a_visible_difference(answer, expected):
    assert differs(Value(answer), Value(TENS)) == expected


def test_the_certainty_of_a_diagnosis_follows_from_its_alternatives():
    from grader.diagnose import Diagnosis
    from grader.model import Misconception

    one = (Misconception("03_x.a", "f", "says"),)
    assert Diagnosis().certainty is Certainty.NONE
    assert Diagnosis((one,)).certainty is Certainty.UNIQUE
    assert Diagnosis((one, one)).certainty is Certainty.AMBIGUOUS
