"""What a submission is given while a later function is graded: earlier ones, answered rightly.

The worker sends the name and the arguments; the reference is run here, and only its result
goes back. The arguments are the submission's own, so that what they may cost is bounded.
The objects of a class that is given stay here; the worker has handles for them.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.calls import Answer, Answerer, Call, Raised, Value
from grader.contracts import contract_of, members_of
from grader.programs import gradients_through, in_process
from grader.worker.limits import virtual_memory
from grader.worker.parts import leaves_in, tensors_in
from grader.worker.wire import Handle

MOST_QUESTIONS = 2000  # of one step
MOST_BYTES = 1 << 20  # of the arguments of one question
MOST_KEPT = 64 << 20  # bytes of the arguments of one step, which objects may keep
LARGEST = 4096  # a number, or a tensor's dimension, in a question
ROOM = 512 << 20  # bytes that an answer may need while it is computed
MOST_SECONDS = 5.0  # spent on the answers of one step


@dataclass
class Given:
    """Functions of the reference that a worker may ask for while a call is open."""

    functions: Mapping[str, Callable[..., Any]]
    device: str = "cpu"  # the only one that may be named, beside the CPU
    asked: set[str] = field(default_factory=set)  # since the step began
    # Bytes of memory when the step began, where that is told: what objects keep counts as well.
    _held: int | None = field(default_factory=virtual_memory)
    _questions: int = 0
    _bytes: int = 0
    _seconds: float = 0.0
    _journal: list[Call] = field(default_factory=list)  # of this step, that made or met objects
    _answerer: Answerer | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The functions that are given."""
        return tuple(self.functions)

    @property
    def members(self) -> dict[str, dict[str, bool] | None]:
        """By name the members of what is a class, and nothing of what is a function."""
        return {
            name: members_of(given) if isinstance(given, type) else None
            for name, given in self.functions.items()
        }

    def begin_step(self) -> None:
        """Count anew what is asked, and let go of all objects."""
        self.asked.clear()
        self._questions, self._bytes, self._seconds = 0, 0, 0.0
        self._journal.clear()
        self._answerer = None
        self._held = virtual_memory()

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
        call = self._call(question)
        if call is None:
            return {"refused": "not a function that is given"}
        if not self._is_fit([call.args, call.kwargs, call.cotangent]):
            return {"refused": "arguments that are too large, or on another device"}
        self.asked.add(call.function.partition(".")[0])
        before, started = len(self._journal), time.monotonic()
        with _bounded_memory(self._held), torch.enable_grad():
            if question["mode"] == "gradients":
                answer = self._gradients(call, question.get("at"))
            else:
                answer = self._answer(call)
        self._seconds += time.monotonic() - started
        match answer:
            case Value(value):
                return {"value": value, "at": before}
            case Raised() as raised:
                return {"raised": raised.builtin, "text": raised.text[:2000]}
        raise AssertionError(answer)

    def _gradients(self, call: Call, at: Any) -> Answer:
        """Those of what this call was given, and the calls before it that its objects met."""
        before = self._journal[: at if type(at) is int and at > 0 else 0]
        return gradients_through(dict(self.functions), [*before, call])

    def _answer(self, call: Call) -> Answer:
        """What the reference answers; what concerns an object is noted down."""
        self._answerer = self._answerer or in_process(dict(self.functions))
        answer = self._answerer(call)
        value = answer.value if isinstance(answer, Value) else None
        if any(type(part) is Handle for part in leaves_in([call.args, call.kwargs, value])):
            self._journal.append(call)
        return answer

    def _call(self, question: Any) -> Call | None:
        """The question as a call of something that is given, or None."""
        match question:
            case {
                "function": str(name), "mode": "value" | "gradients",
                "args": tuple(args), "kwargs": dict(kwargs), "cotangent": cotangent,
            } if contract_of(self.functions, name):  # fmt: skip
                owner, dot, member = name.partition(".")
                if dot and not (args and type(args[0]) is Handle):
                    return None  # a method of something else than an object
                members = self.members[owner]
                mode = "attribute" if dot and members and not members[member] else "value"
                return Call(name, args, kwargs, mode, cotangent)
        return None

    def _is_fit(self, part: Any) -> bool:
        """Whether arguments are of a size that a step's are, and name no device but ours."""
        tensors = list(tensors_in(part))
        leaves = list(leaves_in(part))
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self._bytes += size
        return (
            size <= MOST_BYTES
            and self._bytes <= MOST_KEPT
            and all(length <= LARGEST for tensor in tensors for length in tensor.shape)
            and all(abs(leaf) <= LARGEST for leaf in leaves if isinstance(leaf, int))
            and all(
                leaf.partition(":")[0] in ("cpu", self.device)
                for leaf in leaves
                if isinstance(leaf, str) and _names_a_device(leaf)
            )
        )


def _names_a_device(text: str) -> bool:
    try:
        torch.device(text)
    except RuntimeError:
        return False  # the name of something else, as of a sequence
    return True


@contextlib.contextmanager
def _bounded_memory(held: int | None) -> Iterator[None]:
    """The kernel refuses memory beyond some room above what was held, where that is told."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if held is None or before[0] != resource.RLIM_INFINITY:
        yield  # not Linux; or somebody has set a limit, which will do
        return
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
