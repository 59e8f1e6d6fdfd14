"""A mistake is named by the wrong program that answers alike, and otherwise not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.course import Course
from grader.grade import Terms, with_examiner
from grader.model import Certainty, Feedback

ROOT = Path(__file__).resolve().parents[2]


def named(exercise: str, source: str, unknown: str = "") -> dict[str, list[str]]:
    """The names given to a program: the reference with some functions written otherwise.

    unknown: a wrong program that is not to be thought of.
    """
    course = Course.open(ROOT)
    terms = Terms(2017, Feedback.PRACTICE, "cpu")

    def grade(examiner):
        program = dict(examiner.paper.atlas.bank.reference(examiner.exercise))
        exec(source, program)
        atlas = examiner.paper.atlas
        left_out = next((one for one in atlas.wrongs() if one.id.endswith(f".{unknown}")), None)
        results = examiner.results(
            examiner.attempt_of_program(program), atlas.without(left_out) if left_out else atlas
        )
        return {
            result.step.id: [
                "+".join(one.id.partition(".")[2] for one in group) for group in result.diagnoses
            ]
            for result in results
            if result.verdict in ("failed", "raised")
        }

    return with_examiner(course, course.exercise(exercise), terms, grade)


def test_a_wrong_part_is_named_and_what_is_built_on_it_is_not_blamed():
    found = named(
        "02",
        """
def dot_scores(q, k):
    return k @ q.mT

def scaled_scores(q, k):
    return scale_scores(dot_scores(q, k), q.shape[-1])
""",
    )
    assert set(map(tuple, found.values())) == {("puts_the_keys_in_the_rows",)}
    assert not any("scaled" in step or "unit_size" in step for step in found)


def test_a_whole_is_named_for_its_own_mistake_beside_a_wrong_part():
    """The part turns keys and queries round, the whole takes d_k from the wrong axis."""
    found = named(
        "02",
        """
def dot_scores(q, k):
    return k @ q.mT

def scaled_scores(q, k):
    return scale_scores(dot_scores(q, k), k.shape[-2])
""",
    )
    assert found["test_every_query_meets_every_key"] == ["puts_the_keys_in_the_rows"]
    assert found["test_scores_of_unit_size"] == ["counts_the_keys"]


def test_a_mistake_inside_the_whole_is_not_blamed_on_a_part_that_was_seen_to_be_right():
    found = named(
        "05",
        """
def self_attention(x, w_q, w_k, w_v, causal=False):
    return attention(x @ w_q, x @ w_k, x @ w_v)[0]
""",
    )
    assert found and {tuple(names) for names in found.values()} == {("ignores_causal",)}


def test_who_does_the_work_of_a_right_part_anew_may_make_its_mistakes():
    """`project` is right and not called; the packed product has its bias twice."""
    found = named(
        "01",
        """
def project_packed(x, w_qkv, b_qkv=None):
    result = x @ w_qkv if b_qkv is None else x @ w_qkv + 2 * b_qkv
    return result.chunk(3, -1)
""",
    )
    values = [names for step, names in found.items() if "gradients" not in step]
    assert values == [["adds_the_bias_twice"]]


def test_of_a_right_part_no_mistake_is_named_for_rows_of_nan_alone():
    """+inf for what is hidden makes NaN, and so does many a mistake that `softmax` might hold."""
    found = named(
        "04",
        """
def masked_softmax(scores, mask, dim=-1):
    hidden = scores.masked_fill(~mask, float("inf"))
    powers = torch.exp(hidden - hidden.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)
""",
        unknown="one_hidden_key_spoils_its_row",
    )
    assert found and not any(found.values())


def test_no_second_mistake_is_believed_for_one_more_nan():
    """+inf for what may be seen makes every row NaN that the mask does not hide throughout."""
    found = named(
        "04",
        """
def masked_softmax(scores, mask, dim=-1):
    return softmax(scores.masked_fill(mask, float("inf")), dim)
""",
    )
    assert found and not any(found.values())


def test_a_row_of_nan_is_believed_of_the_function_itself_beside_another_mistake():
    found = named(
        "05",
        """
def attention(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, -1)
    return weights @ v, weights
""",
    )
    told = found["test_nothing_to_attend_to"]
    assert told and "leaves_nan_in_empty_rows" in told[0].split("+")


def test_two_mistakes_of_right_parts_may_be_made_by_who_does_their_work_anew():
    """Powers of two, and an empty row that is shared out evenly; `softmax` itself is right."""
    found = named(
        "04",
        """
def masked_softmax(scores, mask, dim=-1):
    hidden = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    powers = torch.exp2(hidden - hidden.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)
""",
    )
    assert "counts_in_powers_of_two" in found["test_a_small_mask"]
    together = "shares_empty_rows_out_evenly+counts_in_powers_of_two"
    assert found["test_nothing_to_attend_to"] == [together]


SELF = """
def self_attention(x, w_q, w_k, w_v, causal=False):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = {scores}
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    return torch.softmax(scores, -1) @ v
"""


@pytest.mark.parametrize(
    "scores, expected",
    [
        ("q @ k.mT", ("never_scales",)),
        ("q @ k.mT * q.shape[-1] ** 0.5", ("multiplies_by_the_root",)),
        ("q @ k.mT / x.shape[-2] ** 0.5", ("divides_by_the_root_of_n_k",)),
        ("q @ k.mT / 8", ("divides_by_eight_at_any_width",)),
        ("q @ k.mT / q.shape[-1]", ("divides_by_d_k",)),
    ],
)
def test_work_done_anew_has_the_name_of_the_nearest_part_that_makes_the_mistake(scores, expected):
    """A part of another file, which it cannot call, comes before no part of its own."""
    found = named("05", SELF.format(scores=scores))
    assert found and set(map(tuple, found.values())) == {expected}


def test_what_depends_on_chance_is_told_so_and_given_no_other_name():
    found = named(
        "05",
        """
def attention(q, k, v, mask=None):
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.nn.functional.dropout(torch.softmax(scores, -1).nan_to_num(0.0), 0.5)
    return weights @ v, weights
""",
    )
    assert found and set(map(tuple, found.values())) == {("chance",)}


def test_a_mistake_that_stands_in_no_list_gets_no_name():
    found = named("02", "def scale_scores(scores, d_k): return scores / (d_k**0.5 + 0.3)")
    assert found and not any(found.values())


def test_a_step_that_only_raises_has_the_name_that_later_steps_of_the_function_give():
    found = named("01", "def project(x, w, b=None): return x @ w.T if b is None else x @ w.T + b")
    assert set(map(tuple, found.values())) == {("transposes_the_weights",)}


def test_a_mistake_elsewhere_in_a_function_does_not_silence_a_name():
    """No scale, and a mask that fills with a number: what has no mask still shows the scale."""
    found = named(
        "05",
        """
def attention(q, k, v, mask=None):
    scores = q @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -77.0)
    weights = torch.softmax(scores, -1)
    return weights @ v, weights
""",
    )
    alone = [names for step, names in found.items() if step != "test_nothing_to_attend_to"]
    assert alone and set(map(tuple, alone)) == {("never_scales",)}


def test_two_mistakes_made_together_are_named_together():
    """Scaled by the number of keys, and a softmax over the queries."""
    found = named(
        "05",
        """
def attention(q, k, v, mask=None):
    scores = q @ k.mT * k.shape[-2] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, -2).nan_to_num(0.0)
    return weights @ v, weights
""",
    )
    told = {name for names in found.values() for name in names}
    assert told and all(len(name.split("+")) == 2 for name in told), found


def test_a_stray_tensor_is_not_blamed_on_another_one():
    found = named(
        "01",
        """
def project(x, w, b=None):
    y = x.cpu() @ w.cpu()
    return y if b is None else y + b
""",
    )
    assert found and not any(found.values())


def test_a_wrong_dtype_is_not_told_to_be_another_one():
    found = named(
        "04",
        """
def softmax(x, dim=-1):
    e = (x.double() - x.double().amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
""",
    )
    assert found and "single" not in str(found)


def test_an_exception_alone_names_no_mistake():
    found = named("03", "def apply_mask(scores, mask): raise RuntimeError('no')")
    assert found and not any(found.values())


def test_the_certainty_of_a_diagnosis_follows_from_its_alternatives():
    from grader.diagnose import Diagnosis
    from grader.model import Misconception

    one = (Misconception("03_x.a", "f", "says"),)
    assert Diagnosis().certainty is Certainty.NONE
    assert Diagnosis((one,)).certainty is Certainty.UNIQUE
    assert Diagnosis((one, one)).certainty is Certainty.AMBIGUOUS


ODD = {
    "nothing": "None",
    "a number": "3.5",
    "a text": "'weights'",
    "a list of lists": "[[1.0, 2.0], [3.0]]",
    "a dict": "{'output': torch.ones(2)}",
    "a tuple of odd parts": "(torch.ones(2), None, 'x')",
    "no dimension": "torch.tensor(2.0)",
    "no number": "torch.zeros(0, 3)",
    "complex": "torch.ones(2, 3, dtype=torch.complex64)",
    "on meta": "torch.ones(2, 3, device='meta')",
    "whole numbers": "torch.ones(2, 3, dtype=torch.int64)",
    "booleans": "torch.ones(2, 3, dtype=torch.bool)",
    "eighth precision": "torch.ones(2, 3).to(torch.float8_e5m2)",
    "infinities": "torch.full((2, 3), float('-inf'))",
    "like the first argument, not finite": "args[0] * float('nan') if args[0] is not None else 1",
    "like the first argument, whole": "torch.as_tensor(args[0]).to(torch.int64)",
    "like the first argument, meta": "torch.as_tensor(args[0]).to('meta')",
    "like the first argument, complex": "torch.as_tensor(args[0]) * 1j",
}


@pytest.mark.parametrize(
    "exercise",
    ["02", *(pytest.param(one, marks=pytest.mark.slow) for one in ("01", "03", "04", "05"))],
)
def test_no_answer_however_odd_breaks_the_diagnosis(exercise):
    course = Course.open(ROOT)

    def grade(examiner):
        reference = examiner.paper.atlas.bank.reference(examiner.exercise)
        for value in ODD.values():
            program = dict(reference)
            for name in examiner.exercise.functions:
                exec(f"def {name}(*args, **kwargs): return {value}", program)
            results = examiner.results(examiner.attempt_of_program(program))
            assert not all(result.verdict == "passed" for result in results)
            assert not any(result.verdict == "grader_error" for result in results), value

    terms = Terms(2017, Feedback.PRACTICE, "cpu")
    with_examiner(course, course.exercise(exercise), terms, grade)
