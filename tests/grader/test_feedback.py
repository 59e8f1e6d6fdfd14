"""What is said of an outcome: what happened, where, and a question, never a traceback."""

from __future__ import annotations

import math

import pytest
import torch

from grader import submissions
from grader.calls import Call, Died, Garbled, Missing, NotSent, Raised, Trapped, Value
from grader.compare import difference
from grader.feedback import case_of, message_of, verdict_of, waits_for
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
        (Raised("E", "MemoryError", "no page is free"), Verdict.RAISED),  # the learner's own
        (Raised("E", "MemoryError", "Unable to allocate 8.00 GiB"), Verdict.OUT_OF_MEMORY),
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


IN_TIME = "Is there a loop that never ends, or work that grows too fast?"
LOADED = 'Is it a check of your own? Under `if __name__ == "__main__":` it is free.'


@pytest.mark.parametrize(
    "answer, function, sentence",
    [
        (Raised("Odd", "ValueError", "no"), "softmax", "`softmax` raised Odd: no"),
        (Raised("Odd", "ValueError", ""), "softmax", "`softmax` raised Odd."),
        (Raised("E", "NotImplementedError", "x"), "softmax",
         "`softmax` came upon a NotImplementedError. What is not written there yet?"),
        (Raised("RecursionError", "RecursionError", "x"), "softmax",
         "`softmax` calls itself without end. What should stop it?"),
        (Raised("SystemExit", "SystemExit", "1"), "",
         "Your file ends the program. What should it do instead, so that others can go on?"),
        (Raised("MemoryError", "MemoryError", ""), "softmax",
         "`softmax` ran out of memory: MemoryError. What grows so large there?"),
        (Raised("RuntimeError", "RuntimeError", "std::bad_alloc"), "",
         "Your file ran out of memory: std::bad_alloc. What grows so large there?"),
        (Died("timed_out", "it computed for more than 4 s"), "softmax",
         f"`softmax` did not come back: it computed for more than 4 s. {IN_TIME}"),
        (Died("out_of_memory", "it held more than 1024 MiB"), "softmax",
         "`softmax` ran out of memory: it held more than 1024 MiB. What grows so large there?"),
        (Died("crashed", "segmentation fault"), "softmax",
         "`softmax` took its whole process down: segmentation fault. "
         "What in it could end Python itself?"),
        (NotSent("numpy.ndarray"), "softmax",
         "`softmax` returned a numpy.ndarray, which cannot be graded. "
         "A plain torch.Tensor (or what the docstring says) is expected."),
        (NotSent("int of more than 1024 bits"), "softmax",
         "`softmax` returned an int of more than 1024 bits, which cannot be graded. "
         "A plain torch.Tensor (or what the docstring says) is expected."),
        (NotSent("a tensor that is not dense"), "softmax",
         "`softmax` returned a tensor that is not dense, which cannot be graded. "
         "A plain torch.Tensor (or what the docstring says) is expected."),
        (Trapped(("torch.softmax", "log_softmax")), "softmax",
         "`softmax` uses `torch.softmax` and torch's own `log_softmax`, "
         "which this exercise asks you to build yourself."),
        (Trapped(("torch.softmax",)), "",
         "Your file uses `torch.softmax`, which this exercise asks you to build yourself. "
         f"{LOADED}"),
        (Garbled("not a frame of this wire"), "",
         "Your file sent back what could not be read: not a frame of this wire."),
        (Missing("masked_fill"), "masked_fill", "There is no `masked_fill` in this file."),
    ],
)  # fmt: skip
def test_what_is_said_of_an_answer_that_is_no_value(answer, function, sentence):
    assert said(answer, function) == sentence


@pytest.mark.parametrize(
    "text, verdict",
    [
        ("DefaultCPUAllocator: can't allocate memory", Verdict.OUT_OF_MEMORY),
        ("CUDA out of memory. Tried to allocate 2 GiB", Verdict.OUT_OF_MEMORY),
        ("std::bad_alloc", Verdict.OUT_OF_MEMORY),
        ("no memory of that", Verdict.RAISED),
    ],
)
def test_torch_says_in_several_ways_that_there_was_no_memory(text, verdict):
    assert verdict_of(Raised("RuntimeError", "RuntimeError", text)) is verdict


def test_a_wrong_signature_is_said_beside_the_one_expected():
    text = said(Raised("TypeError", "TypeError", "got an unexpected keyword argument 'dim'"))
    assert text.endswith("Its parameters are (x, axis); (x, dim) are expected.")


def test_a_right_signature_or_another_error_is_no_word_on_parameters():
    right = submissions.of_bytes(b"def softmax(x, dim): pass\n", "mine.py")
    error = Raised("TypeError", "TypeError", "can only concatenate str")
    assert "expected" not in message_of(error, "softmax", softmax, right)
    assert "expected" not in said(Raised("ValueError", "ValueError", "no"))


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
        lambda: x ^ 0.5,
        lambda: x.half().masked_fill(x > 0, -1e9),
        lambda: x + None,
        lambda: ~None,
        lambda: math.exp(x),
        lambda: torch.sqrt(2),
        lambda: x[: 4 / 2],
        lambda: x.sum(-3),
        lambda: x.requires_grad_().numpy(),
        lambda: torch.ones(2, requires_grad=True).mul_(2),
        lambda: torch.ones(2, 3).mT.view(-1),
    ]
    for call in calls:
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
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


def test_a_measured_call_is_named_with_what_was_measured_and_its_tensors_by_name():
    x = torch.ones(2)
    measured = {
        "gradients": "the gradients of softmax(x, -1)",
        "arguments_after": "the arguments after softmax(x, -1)",
        "strays": "softmax(x, -1)",
    }
    for mode, text in measured.items():
        case = case_of(Call("softmax", (x, -1), mode=mode), softmax, Value(x), Value(x), None)
        assert case.call == text
        # Where a tensor lies is told in words: what it holds says nothing.
        assert bool(case.returned) == (mode != "strays")


def test_only_the_part_of_an_answer_that_differs_is_shown():
    got, right = torch.tensor([0.5]), torch.tensor([0.25])
    found = difference((right, got), (right, right), parts="output weights")
    case = case_of(
        Call("softmax", ([got], None)), softmax, Value((right, got)), Value((right, right)), found
    )
    assert (case.returned, case.expected) == ("0.5", "0.25")
    assert (case.call, [name for name, _ in case.inputs]) == ("softmax(x, None)", ["x"])


def test_what_is_not_finite_is_shown_beside_what_was_expected():
    got, right = torch.tensor([torch.nan, 1.0]), torch.tensor([0.0, 1.0])
    case = case_of(
        Call("softmax", (right,)), softmax, Value(got), Value(right), difference(got, right)
    )
    assert (case.returned, case.expected) == ("nan    1", "0  1")


def test_a_step_that_waits_says_for_which_sentences():
    assert waits_for(["The rows sum to one", "Any mask will do"]) == (
        "This counts once the step it builds on passes: The rows sum to one; Any mask will do."
    )


CLASSES = submissions.of_bytes(
    b"class KVCache:\n    n = 0\n    def append(self, keys): pass\n    size = len\n"
    b"def other(self, k, v): pass\nclass KVCache(KVCache):\n    def drop(self): pass\n"
    b"Alias = KVCache\n",
    "mine.py",
)


@pytest.mark.parametrize(
    "name, line, parameters",
    [
        ("KVCache", 6, None),
        ("KVCache.drop", 7, ("self",)),
        ("KVCache.append", 6, None),  # it is inherited: the class is where to look
        ("Alias.append", 8, None),
        ("other", 5, ("self", "k", "v")),
        ("nobody", None, None),
        ("nobody.append", None, None),
    ],
)
def test_a_method_is_found_in_the_last_class_of_its_name(name, line, parameters):
    assert CLASSES.line_of(name) == line
    assert CLASSES.parameters_of(name) == parameters


class KVCache:
    def append(self, k, v):
        """The contract."""


def test_a_method_that_is_missing_or_takes_other_parameters_is_told_with_its_class():
    first = submissions.of_bytes(b"class KVCache:\n    def append(self, keys): pass\n", "mine.py")
    says = message_of(Missing("KVCache.append"), "KVCache.append", KVCache.append, first)
    assert says == "An object of your class `KVCache` has no `append`."
    odd = Raised("TypeError", "TypeError", "append() takes 2 positional arguments")
    said = message_of(odd, "KVCache.append", KVCache.append, first)
    assert said.startswith("`KVCache.append` raised TypeError")
    assert said.endswith("Its parameters are (self, keys); (self, k, v) are expected.")
