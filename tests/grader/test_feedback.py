"""What is said of an outcome: what happened, where, and a question, never a traceback."""

from __future__ import annotations

import pytest
import torch

from grader import submissions
from grader.calls import Call, Died, Garbled, Missing, NotSent, Raised, Trapped, Value
from grader.compare import difference
from grader.feedback import case_of, message_of, verdict_of
from grader.model import Verdict
from grader.plainly import MEANINGS, meaning


def softmax(x, dim=-1):
    """The contract."""


FILE = submissions.of_bytes(b"def sofmax(x): pass\ndef softmax(x, axis): pass\n", "mine.py")


def said(answer, function="softmax") -> str:
    return message_of(answer, function, softmax if function else None, FILE)


@pytest.mark.parametrize(
    "answer, verdict",
    [
        (Raised("Odd", "ValueError", "no"), Verdict.RAISED),
        (Raised("E", "MemoryError", ""), Verdict.OUT_OF_MEMORY),
        (Raised("E", "RuntimeError", "can't allocate memory: you tried"), Verdict.OUT_OF_MEMORY),
        (Raised("E", "NotImplementedError", ""), Verdict.NOT_STARTED),
        (Died("timed_out", "x"), Verdict.TIMED_OUT),
        (Died("crashed", "x"), Verdict.CRASHED),
        (NotSent("numpy.ndarray"), Verdict.FAILED),
        (Garbled("x"), Verdict.CRASHED),
        (Missing("softmax"), Verdict.NOT_STARTED),
        (Trapped(("softmax",)), Verdict.FORBIDDEN),
    ],
)
def test_every_answer_that_is_no_value_has_its_verdict(answer, verdict):
    assert verdict_of(answer) is verdict
    assert said(answer)


def test_torch_not_having_an_operation_is_no_stub():
    kind = "NotImplementedError"
    answer = Raised(kind, kind, "\"bmm\" not implemented for 'Bool'")
    assert verdict_of(answer) is Verdict.RAISED
    assert "Which dtype should stand there?" in said(answer)
    assert verdict_of(Raised(kind, kind, "")) is Verdict.NOT_STARTED


def test_a_wrong_signature_is_said_beside_the_one_expected():
    text = said(Raised("TypeError", "TypeError", "got an unexpected keyword argument 'dim'"))
    assert text.endswith("Its parameters are (x, axis); (x, dim) are expected.")


def test_a_misspelt_function_gets_the_nearest_name():
    only = submissions.of_bytes(b"def sofmax(x): pass\n", "mine.py")
    assert message_of(Missing("softmax"), "softmax", softmax, only) == (
        "There is no `softmax` in this file; it has `sofmax`. Is that the one?"
    )


def test_what_fails_while_the_file_is_loaded_is_said_of_the_file():
    assert said(Raised("KeyError", "KeyError", "'x'"), "").startswith("Your file raised KeyError")


@pytest.mark.parametrize("part, plain", MEANINGS, ids=lambda text: text[:20])
def test_a_common_error_is_explained_below_its_own_words(part, plain):
    assert said(Raised("RuntimeError", "RuntimeError", f"a {part} b")).endswith("\n" + plain)


def test_the_explained_errors_are_what_torch_says():
    x = torch.ones(2, 3)
    calls = [
        lambda: bool(x > 0),
        lambda: x @ x,
        lambda: torch.ones(2, 2, 3) @ torch.ones(2, 2, 3),
        lambda: x + torch.ones(4),
        lambda: x - x.max(-1, keepdim=True),
        lambda: x.half().masked_fill(x > 0, -1e9),
        lambda: x.requires_grad_().numpy(),
    ]
    for call in calls:
        with pytest.raises((RuntimeError, TypeError)) as caught:
            call()
        assert meaning(str(caught.value)), caught.value


def test_a_case_shows_the_call_its_small_inputs_and_both_results():
    x, got = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]])
    right = torch.softmax(x, -1)
    case = case_of(
        Call("softmax", (x,), {"dim": -1}), softmax, Value(got), Value(right),
        difference(got, right),
    )  # fmt: skip
    assert case.call == "softmax(x, dim=-1)"
    assert case.inputs == (("x", "1  2"), ("dim", "-1"))
    assert (case.returned, case.expected) == ("0.5  0.5", "0.2689  0.7311")


def test_a_difference_of_shape_shows_no_grids_beside_its_sentence():
    case = case_of(
        Call("softmax", (torch.ones(2),)), softmax, Value(torch.ones(3)), Value(torch.ones(2)),
        difference(torch.ones(3), torch.ones(2)),
    )  # fmt: skip
    assert (case.returned, case.expected) == ("", "") and "shape (3,)" in case.difference
