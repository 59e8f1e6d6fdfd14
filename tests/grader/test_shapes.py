"""Sizes have the names that docstrings give them, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader.bank import Bank
from grader.calls import Call
from grader.collected import with_suite
from grader.course import Course
from grader.plugin import Cast
from grader.programs import in_process
from grader.shapes import sizes, stated_shapes
from grader.student import Player

COURSE = Course.open(Path(__file__).resolve().parents[2])
BANK = Bank(COURSE)

# What each function's docstring says, leading dimensions left out. Of x in softmax no shape is
# said, nor of the masks that may have any shape that broadcasts. `device` has no sizes.
STATED = {
    "project": {"x": ("n", "d_in"), "w": ("d_in", "d_out"), "b": ("d_out",)},
    "project_qkv": {
        "x": ("n", "d_model"), "w_q": ("d_model", "d_k"), "w_k": ("d_model", "d_k"),
        "w_v": ("d_model", "d_v"),
    },
    "project_packed": {"x": ("n", "d_model"), "w_qkv": ("d_model", "3·d"), "b_qkv": ("3·d",)},
    "dot_scores": {"q": ("n_q", "d_k"), "k": ("n_k", "d_k")},
    "scale_scores": {"scores": ("n_q", "n_k")},
    "scaled_scores": {"q": ("n_q", "d_k"), "k": ("n_k", "d_k")},
    "causal_mask": {},
    "apply_mask": {"scores": ("n_q", "n_k"), "mask": ("n_q", "n_k")},
    "softmax": {},
    "masked_softmax": {"scores": ("n_q", "n_k")},
    "weighted_sum": {"weights": ("n_q", "n_k"), "v": ("n_k", "d_v")},
    "attention": {"q": ("n_q", "d_k"), "k": ("n_k", "d_k"), "v": ("n_k", "d_v")},
    "self_attention": {
        "x": ("n", "d_model"), "w_q": ("d_model", "d_k"), "w_k": ("d_model", "d_k"),
        "w_v": ("d_model", "d_v"),
    },
    "padding_mask": {"lengths": ("batch",)},
    "combine_masks": {"causal": ("n_q", "n_k"), "padding": ("batch", "n_k")},
    "padded_attention": {
        "q": ("batch", "n", "d_k"), "k": ("batch", "n", "d_k"), "v": ("batch", "n", "d_v"),
        "lengths": ("batch",),
    },
    "cross_attention": {
        "x": ("n_x", "d_model"), "context": ("n_context", "d_context"), "w_q": ("d_model", "d_k"),
        "w_k": ("d_context", "d_k"), "w_v": ("d_context", "d_v"), "context_mask": ("n_context",),
    },
    "split_heads": {"x": ("n", "d")},
    "merge_heads": {"x": ("n_heads", "n", "d_head")},
    "multi_head_attention": {
        "x": ("n", "d_model"), "w_q": ("d_model", "n_heads·d_k"),
        "w_k": ("d_model", "n_heads·d_k"), "w_v": ("d_model", "n_heads·d_v"),
        "w_o": ("n_heads·d_v", "d_model"),
    },
    "repeat_kv": {"x": ("n_kv", "n", "d")},
    "multi_query_attention": {
        "x": ("n", "d_model"), "w_q": ("d_model", "n_heads·d_k"), "w_k": ("d_model", "d_k"),
        "w_v": ("d_model", "d_v"), "w_o": ("n_heads·d_v", "d_model"),
    },
    "grouped_query_attention": {
        "x": ("n", "d_model"), "w_q": ("d_model", "n_heads·d_k"),
        "w_k": ("d_model", "n_kv_heads·d_k"), "w_v": ("d_model", "n_kv_heads·d_v"),
        "w_o": ("n_heads·d_v", "d_model"),
    },
    "kv_cache_bytes": {},
    "KVCache": {},
    "cached_attention": {"q": ("n_new", "d_k"), "k": ("n_new", "d_k"), "v": ("n_new", "d_v")},
    "decode_step": {
        "x_t": ("1", "d_model"), "w_q": ("d_model", "d_k"), "w_k": ("d_model", "d_k"),
        "w_v": ("d_model", "d_v"),
    },
}  # fmt: skip
FUNCTIONS = [(e, name) for e in COURSE.exercises for name in e.functions]
# Scores of the others may have any shape, and a mask one that broadcasts to it. To make a
# cache takes nothing.
OF_ANY_SHAPE = {"scale_scores", "apply_mask", "masked_softmax", "KVCache"}
OF_FIXED = [(exercise, name) for exercise, name in FUNCTIONS if name not in OF_ANY_SHAPE]


@pytest.fixture(scope="module")
def calls() -> dict[str, list[Call]]:
    """Every call that the hidden suites make, by function."""
    found: dict[str, list[Call]] = {name: [] for _, name in FUNCTIONS}
    for exercise in COURSE.exercises:
        for call in calls_of(exercise):
            if call.function in found:  # and no method of an object
                found[call.function].append(call)
    return found


def calls_of(exercise):
    reference = BANK.reference(exercise)
    contracts = {name: reference[name] for name in exercise.functions}

    def answered(suite):
        made = []
        for step in suite.steps:
            for case in suite.cases(step):
                student = Player("student", contracts, in_process(reference))
                other = Player("reference", contracts, in_process(reference))
                suite.run(step, case, Cast(student, other, 2017, "cpu"))
                made += [recorded.call for recorded in student.recorded]
        return made

    return with_suite(exercise, answered)


@pytest.mark.parametrize("exercise, name", FUNCTIONS, ids=[name for _, name in FUNCTIONS])
def test_a_docstring_states_the_shape_of_every_tensor_that_has_one(exercise, name):
    assert stated_shapes(BANK.reference(exercise)[name]) == STATED.get(name, "not listed here")


@pytest.mark.parametrize("exercise, name", OF_FIXED, ids=[name for _, name in OF_FIXED])
def test_every_call_of_the_suites_has_the_sizes_that_the_docstring_names(exercise, name, calls):
    """No call has two sizes of one name: each that is stated is found."""
    contract, stated = BANK.reference(exercise)[name], STATED[name]
    assert calls[name]
    for call in calls[name]:
        found = sizes(contract, call.args, call.kwargs)
        given = dict(zip(contract.__code__.co_varnames, call.args, strict=False)) | call.kwargs
        for parameter, axes in stated.items():
            if given.get(parameter) is None:
                continue
            shape = given[parameter].shape
            own = dict(zip(axes, shape[len(shape) - len(axes) :], strict=True))
            plain = {axis: size for axis, size in own.items() if axis.replace("_", "").isalpha()}
            assert plain.items() <= found.items()


def weighs(scores, q, w_a, w_b, n_out=1, flag=False, dim=-1, past=None):
    """Weigh something.

    scores: in float16 or float32, any shape at all.
    q: queries of any kind; w_a and w_b: (d_k, d_v).
    past: whatever came before, of any shape.

    Returns a tensor (..., n_q, d_out).
    """


def test_only_what_a_docstring_says_of_a_parameter_is_its_shape():
    assert stated_shapes(weighs) == {
        "w_a": ("d_k", "d_v"),
        "w_b": ("d_k", "d_v"),
    }


def softly(x, dim=-1):
    """Weights.

    x: floating point (float16, bfloat16, float32 or float64), of any shape.
    """


def test_a_list_of_number_types_is_no_shape():
    assert stated_shapes(softly) == {}
    assert sizes(softly, (torch.ones(2, 3, 5),), {}) == {}


def whole(x, w):
    """Whole.

    x: floating point, of any shape.
    w: whatever

    Returns a tensor (n_q, n_k).
    """


def test_the_shape_of_the_result_is_nobodys_argument():
    assert stated_shapes(whole) == {}


@pytest.mark.parametrize(
    "args, kwargs, expected",
    [
        ((torch.ones(3, 5), torch.ones(7, 5)), {}, {"n_q": 3, "n_k": 7, "d_k": 5}),
        ((torch.ones(3, 5),), {"k": torch.ones(7, 5)}, {"n_q": 3, "n_k": 7, "d_k": 5}),
        (
            (torch.ones(2, 3, 5), torch.ones(2, 7, 5)),
            {},
            {"n_q": 3, "n_k": 7, "d_k": 5, "the number of sentences": 2},
        ),
        (
            (torch.ones(2, 4, 3, 5), torch.ones(2, 4, 7, 5)),
            {},
            {"n_q": 3, "n_k": 7, "d_k": 5, "the number of sentences": 2, "the number of heads": 4},
        ),
        ((torch.ones(3, 5), torch.ones(7, 6)), {}, {"n_q": 3, "n_k": 7}),  # two widths: neither
        ((torch.ones(5), torch.ones(7, 5)), {}, {"n_k": 7, "d_k": 5}),
        ((None, [1.0]), {}, {}),
    ],
)
def test_sizes_are_read_from_the_right_with_batch_dimensions_before(args, kwargs, expected):
    contract = BANK.reference(COURSE.exercise("02"))["scaled_scores"]
    assert sizes(contract, args, kwargs) == expected


def test_whole_numbers_that_are_given_are_sizes_and_flags_are_not():
    assert sizes(weighs, (), {"n_out": 4, "flag": True, "dim": -1}) == {"n_out": 4, "dim": -1}
    mask = BANK.reference(COURSE.exercise("03"))["causal_mask"]
    assert sizes(mask, (2, 5), {"device": "cpu"}) == {"n_q": 2, "n_k": 5}
    scale = BANK.reference(COURSE.exercise("02"))["scale_scores"]
    assert sizes(scale, (torch.ones(2, 3), 7), {}) == {"n_q": 2, "n_k": 3, "d_k": 7}
