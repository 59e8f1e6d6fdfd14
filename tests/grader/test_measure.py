"""Functions are measured for gradients, for what they do to arguments, and for stray devices."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy
import pytest
import torch

from grader.compare import Different
from grader.programs import in_process
from grader.student import Player
from grader.suite import leaves_arguments_alone, odd_forms, raises
from grader.worker import measure

X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def test_the_gradient_is_the_vector_jacobian_product():
    found = measure.gradients(lambda x, w: x @ w, (X, X.clone()), {}, torch.eye(2))
    assert torch.equal(found["0"], X.mT) and torch.equal(found["1"], X.mT)


def test_gradients_are_keyed_by_their_path_into_the_arguments():
    def f(x, params, scale=None):
        return (x * params["w"][0] * scale).sum()

    found = measure.gradients(
        f, (X, {"w": [X.clone()], "n": 3}), {"scale": torch.ones(2)}, torch.tensor(1.0)
    )
    assert sorted(found) == ["0", "1.w.0", "scale"]
    assert torch.equal(found["1.w.0"], X)


def test_a_cut_thread_gives_none_for_what_lies_behind_it():
    found = measure.gradients(lambda x, y: x.detach() * y, (X, X.clone()), {}, X)
    assert found["0"] is None and found["1"] is not None
    assert measure.gradients(lambda x: x.detach(), (X,), {}, X) == {"0": None}


def test_a_cotangent_of_none_leaves_a_part_out():
    found = measure.gradients(lambda x: (x, 5 * x), (X,), {}, (torch.ones(2, 2), None))
    assert torch.equal(found["0"], torch.ones(2, 2))


def test_an_infinite_output_with_weight_zero_leaves_the_gradient_finite():
    def f(x):
        return x.masked_fill(torch.tensor([[True, False], [False, False]]), float("-inf"))

    cotangent = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert measure.gradients(f, (X,), {}, cotangent)["0"].tolist() == [[0, 1], [1, 1]]


def test_the_callers_tensors_are_not_touched_by_measuring_gradients():
    x = X.clone()
    measure.gradients(lambda x: x.mul_(1).sum() if not x.requires_grad else x.sum(), (x,), {}, None)
    assert torch.equal(x, X) and not x.requires_grad


@pytest.mark.parametrize("place, name", [(0, "first"), (1, "others"), (2, "others"), (3, "last")])
def test_a_changed_argument_is_named_however_it_was_passed(place, name):
    def contract(first, *others, last):
        return first

    def spoiling(first, *others, last):
        (first, *others, last)[place].add_(1)
        return first

    student = Player("student", {"f": contract}, in_process({"f": spoiling}))
    with pytest.raises(Different, match=f"changes one of its arguments, `{name}`"):
        leaves_arguments_alone(student.f, *(torch.ones(2) for _ in range(3)), last=torch.ones(2))


class Odd(KeyError):
    """An exception of somebody's own."""


@pytest.mark.parametrize(
    "error, found",
    [(ValueError("no"), "ValueError"), (Odd("x"), "KeyError"), (MemoryError(), "MemoryError"),
     (torch.OutOfMemoryError(), "RuntimeError"), (None, None)],
)  # fmt: skip
def test_an_exception_is_told_by_its_nearest_builtin_type(error, found):
    def f(x):
        if error is not None:
            raise error

    assert measure.raised(f, (X,), {}) == found


def test_what_is_not_written_yet_raises_nothing_that_counts():
    def f(x):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        measure.raised(f, (X,), {})


@pytest.mark.parametrize(
    "error, says",
    [
        (KeyError("x"), "A ValueError should be raised here; a KeyError is raised."),
        (None, "A ValueError should be raised here; nothing is raised."),
    ],
)
def test_an_exception_that_should_be_raised_is_asked_for(error, says):
    def refuse(x, limit=0):
        if x.sum() > limit and error is not None:
            raise error
        if error is None and limit:
            raise ValueError("so large")

    student = Player("student", {"f": refuse}, in_process({"f": refuse}))
    with pytest.raises(Different) as caught:
        raises(student.f, ValueError, X)
    assert caught.value.difference.says == says
    if error is None:
        assert raises(student.f, ValueError, X, limit=1)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (0, 3)])
def test_odd_forms_hold_the_same_numbers_as_views_and_with_gradients(shape):
    given = torch.randn(shape), torch.ones(shape, dtype=torch.bool)
    views, learning = odd_forms(*given)
    for form in (views, learning):
        assert all(torch.equal(now, then) for now, then in zip(form, given, strict=True))
    assert all(v.is_contiguous() == (v.numel() == 0) for v in views)
    assert [t.requires_grad for t in (*views, *learning)] == [False, False, True, False]
    assert not given[0].requires_grad


def test_a_changed_argument_shows():
    def f(x, mask=None):
        x.zero_()

    x = X.clone()
    after = measure.arguments_after(f, (x,), {"mask": X})
    assert after[0].sum() == 0 and torch.equal(after[1], X)


@dataclass(frozen=True)
class Taught:
    """A function as somebody might write it, and whether its tensors follow the inputs."""

    name: str
    function: object
    follows: bool


def data_dependent(x):
    out = torch.zeros_like(x)
    if bool((x > 0).all()):
        out = out + torch.ones(2, 2, device=x.device)
    return out


def moved(x):
    return x + torch.ones(2, 2).to(x.device)


def moved_and_data_dependent(x):
    return moved(x) if bool((x > 0).all()) else x


PROGRAMS = [
    Taught("device named", lambda x: x + torch.ones(2, 2, device=x.device), True),
    Taught("like", lambda x: x + torch.ones_like(x) + x.new_ones(2, 2), True),
    Taught("scalar", lambda x: x / torch.sqrt(torch.tensor(2.0)), True),
    Taught("data dependent", data_dependent, True),
    Taught("moved", moved, True),
    Taught("moved, data dependent", moved_and_data_dependent, True),
    Taught("no device", lambda x: x + torch.ones(2, 2), False),
    Taught("mask", lambda x: x.masked_fill(torch.ones(2, 2).triu(1).bool(), 0.0), False),
    Taught("cpu written out", lambda x: x + torch.ones(2, 2, device="cpu"), False),
    Taught("cpu()", lambda x: x.cpu() + 1, False),
    Taught("cpu() and back", lambda x: (x.cpu() + 1).to(x.device), True),
    Taught("cpu() meets its own", lambda x: x.cpu() + x, False),
    Taught("numpy and back", lambda x: torch.from_numpy(x.cpu().numpy() + 1).to(x.device), True),
    Taught("numpy", lambda x: torch.from_numpy(x.numpy() + 1), False),
    Taught("made in numpy", lambda x: x + torch.from_numpy(numpy.ones((2, 2))), False),
    Taught("made in numpy, moved", lambda x: x + torch.from_numpy(numpy.eye(2)).to(x.device), True),
    Taught("returns elsewhere", lambda x: torch.zeros(x.shape), False),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_what_does_not_follow_the_inputs_device_is_found_without_a_gpu(program):
    assert (measure.strays(program.function, (X,), {}) == []) == program.follows


@pytest.mark.parametrize(
    "function, follows",
    [
        (lambda n, device=None: torch.ones(n, n, device=device).tril(), True),
        (lambda n, device=None: torch.ones(n, n).tril().to(device or "cpu"), True),
        (lambda n, device=None: torch.ones(n, n).tril(), False),
        (lambda n, device=None: torch.ones(n, n, device="cpu").tril(), False),
    ],
    ids=["handed on", "moved", "ignored", "written out"],
)
def test_a_device_that_is_asked_for_is_followed(function, follows):
    assert (measure.strays(function, (3,), {"device": "cpu"}) == []) == follows


def index_from_the_cpu(x):
    return x[torch.arange(2)]


def filled_bit_by_bit(x):
    out = torch.zeros(2, 2)
    out[0] = x[0]
    return out


def two_strays_meet(x):
    return x * (torch.ones(2, 2) + torch.arange(2)).to(x.device)


MORE = [
    Taught("index", index_from_the_cpu, True),
    Taught("filled bit by bit", filled_bit_by_bit, False),
    Taught("strays meet, then move", two_strays_meet, True),
    Taught("type_as", lambda x: x + torch.ones(2, 2).type_as(x), True),
    Taught("only the dtype changes", lambda x: x + torch.ones(2, 2).to(torch.float64), False),
    Taught("to the cpu", lambda x: x.to("cpu") + 1, False),
    Taught("like a stray", lambda x: x + torch.zeros_like(torch.ones(2, 2)), False),
    Taught("on meta", lambda x: torch.empty(2, 2, device="meta"), False),
]


@pytest.mark.parametrize("program", MORE, ids=lambda program: program.name)
def test_what_lies_elsewhere_is_followed_through_the_calls(program):
    assert (measure.strays(program.function, (X,), {}) == []) == program.follows


def test_a_stray_is_told_by_the_call_that_made_it():
    assert measure.strays(lambda x: x + torch.ones(2, 2).tril(), (X,), {}) == ["ones(2, 2)"]


def test_an_error_that_is_not_about_devices_is_raised():
    with pytest.raises(ZeroDivisionError):
        measure.strays(lambda x: x / (1 // 0), (X,), {})


def test_measuring_devices_and_gradients_imports_nothing_slow():
    """The first use of meta would import some 800 modules and take a second."""
    code = (
        "import sys, torch\n"
        "from grader.worker import measure\n"
        "before = len(sys.modules)\n"
        "x = torch.ones(2, 2)\n"
        "assert measure.strays(lambda x: x + torch.ones(2, 2), (x,), {})\n"
        "measure.gradients(lambda x: x + torch.ones(2, 2), (x,), {}, x)\n"
        "assert len(sys.modules) - before < 20, len(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
