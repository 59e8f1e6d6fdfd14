"""What a submission is given while a later function is graded: earlier ones, answered rightly.

The worker sends the name and the arguments; the reference is run here, and only its result
goes back. The arguments are the submission's own, so that what they may cost is bounded.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.calls import Call, Raised, Value
from grader.programs import in_process
from grader.worker.limits import virtual_memory
from grader.worker.parts import tensors_in

MOST_QUESTIONS = 2000  # of one step
MOST_BYTES = 1 << 20  # of the arguments of one question
LARGEST = 4096  # a number, or a tensor's dimension, in a question
ROOM = 512 << 20  # bytes that an answer may need while it is computed
MOST_SECONDS = 5.0  # spent on the answers of one step
MODES = ("value", "gradients")


@dataclass
class Given:
    """Functions of the reference that a worker may ask for while a call is open."""

    functions: Mapping[str, Callable[..., Any]]
    device: str = "cpu"  # the only one that may be named, beside the CPU
    asked: set[str] = field(default_factory=set)  # since the step began
    _questions: int = 0
    _seconds: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """The functions that are given."""
        return tuple(self.functions)

    def begin_step(self) -> None:
        """Count anew what is asked."""
        self.asked.clear()
        self._questions, self._seconds = 0, 0.0

    def answering(self, name: str) -> Callable[..., Any]:
        """A given function for programs of this process; it is noted where it is called."""

        def given(*args: Any, **kwargs: Any) -> Any:
            self.asked.add(name)
            return self.functions[name](*args, **kwargs)

        return given

    def answer(self, question: Any) -> dict[str, Any]:
        """The reply to a worker's question: a value, what the reference raised, or a refusal."""
        self._questions += 1
        if self._questions > MOST_QUESTIONS or self._seconds > MOST_SECONDS:
            return {"refused": "too much was asked for in one step"}
        call = _call(question)
        if call is None or call.function not in self.functions:
            return {"refused": "not a function that is given"}
        if not self._is_fit([call.args, call.kwargs, call.cotangent]):
            return {"refused": "arguments that are too large, or on another device"}
        self.asked.add(call.function)
        started = time.monotonic()
        with _bounded_memory(), torch.enable_grad():
            answer = in_process(dict(self.functions))(call)
        self._seconds += time.monotonic() - started
        match answer:
            case Value(value):
                return {"value": value}
            case Raised() as raised:
                return {"raised": raised.builtin, "text": raised.text[:2000]}
        raise AssertionError(answer)

    def _is_fit(self, part: Any) -> bool:
        """Whether arguments are of a size that a step's are, and name no device but ours."""
        tensors = list(tensors_in(part))
        leaves = list(_leaves(part))
        return (
            sum(tensor.numel() * tensor.element_size() for tensor in tensors) <= MOST_BYTES
            and all(size <= LARGEST for tensor in tensors for size in tensor.shape)
            and all(abs(leaf) <= LARGEST for leaf in leaves if isinstance(leaf, int))
            and all(
                leaf.partition(":")[0] in ("cpu", self.device)
                for leaf in leaves
                if isinstance(leaf, str)
            )
        )


def _call(question: Any) -> Call | None:
    match question:
        case {
            "function": str(name), "mode": str(mode), "args": tuple(args),
            "kwargs": dict(kwargs), "cotangent": cotangent,
        } if mode in MODES:  # fmt: skip
            return Call(name, args, kwargs, mode, cotangent)
    return None


def _leaves(part: Any) -> Iterator[Any]:
    """What stands in a value that is no list, tuple or dict."""
    if isinstance(part, (list, tuple)):
        for inner in part:
            yield from _leaves(inner)
    elif isinstance(part, dict):
        yield from _leaves(list(part.values()))
    else:
        yield part


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """The kernel refuses memory beyond some room meanwhile, where it tells how much is held."""
    held = virtual_memory()
    before = resource.getrlimit(resource.RLIMIT_AS)
    if held is None or before[0] != resource.RLIM_INFINITY:
        yield  # not Linux; or somebody has set a limit, which will do
        return
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
