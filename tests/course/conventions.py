"""What holds of every function: dtype, device, arguments. Each oracle imports these as its tests.

It has `arguments`, calls by their names, of which the first word is the function;
`EXERCISES`, whose functions it covers; and `WITHOUT_TENSORS`, those that make no such call.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.course import Course

from .judges import DTYPES, Drawn, close


def moved(part: Any, to: torch.dtype | str) -> Any:
    """Floating-point tensors in another dtype, or every tensor on another device."""
    if not isinstance(part, Tensor) or (
        isinstance(to, torch.dtype) and not part.is_floating_point()
    ):
        return part
    return part.to(to)


def answers(reference: SimpleNamespace, call: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The tensors that come back."""
    result = getattr(reference, call.split()[0])(*given)
    return result if isinstance(result, tuple) else (result,)


def test_no_function_is_forgotten(
    request: pytest.FixtureRequest, given: dict[str, tuple[Any, ...]], course: Course
) -> None:
    here = request.module
    functions = {f for one in here.EXERCISES for f in course.exercise(one).functions}
    assert {call.split()[0] for call in given} | here.WITHOUT_TENSORS == functions


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str), ids=str)
def test_results_have_the_dtype_of_the_inputs(
    reference: SimpleNamespace, given: dict[str, tuple[Any, ...]], dtype: torch.dtype
) -> None:
    for call, parts in given.items():
        exact = answers(reference, call, parts)
        rounded = answers(reference, call, tuple(moved(part, dtype) for part in parts))
        for ours, wanted in zip(rounded, exact, strict=True):
            assert ours.dtype is (dtype if wanted.is_floating_point() else wanted.dtype), call
            assert close(ours, wanted, 10 * DTYPES[dtype]), call


def test_results_are_where_the_inputs_are(
    reference: SimpleNamespace, given: dict[str, tuple[Any, ...]]
) -> None:
    for call, parts in given.items():
        here = answers(reference, call, parts)
        there = answers(reference, call, tuple(moved(part, "meta") for part in parts))
        assert all(tensor.device.type == "meta" for tensor in there), call
        assert [tensor.shape for tensor in there] == [tensor.shape for tensor in here], call


def test_arguments_are_left_alone(
    request: pytest.FixtureRequest,
    reference: SimpleNamespace,
    given: dict[str, tuple[Any, ...]],
) -> None:
    for call, untouched in request.module.arguments(Drawn(seed=7)).items():
        answers(reference, call, given[call])
        for after, before in zip(given[call], untouched, strict=True):
            same = torch.equal(after, before) if isinstance(after, Tensor) else after == before
            assert same, call
