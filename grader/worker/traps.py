"""Traps on forbidden operations, sprung wherever in this process they are run.

Three kinds, since each misses what another sees. Kernels are overridden in torch itself:
that reaches TorchScript, threads and functions that go another's way. A function mode sees
the functions called in Python, whatever the device. What is plain Python in torch, and so
has neither kernel nor mode, is replaced where it stands. What fires is evidence, not
proof: a program that goes out of its way can take its own process apart.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode

# Beside the plain tensors of a device, the layouts that some operations have kernels for.
LAYOUTS = {
    "CPU": ("SparseCPU", "NestedTensorCPU", "MkldnnCPU"),
    "CUDA": ("SparseCUDA", "NestedTensorCUDA"),
}


class ForbiddenOperation(RuntimeError):
    """Raised in the student's code where it runs a forbidden operation."""


@dataclass
class Traps:
    """The traps of one process; the kernels' stay set as long as this object lives."""

    library: Any  # torch.library's, which holds the overridden kernels in place
    refused: dict[Any, str] = field(default_factory=dict)  # function of torch -> its dotted name
    fired: list[str] = field(default_factory=list)  # what was used, as a learner would say it

    def watching(self) -> TorchFunctionMode:
        """A context in which the refused functions of torch cannot be called from Python."""
        return _Watch(self)

    def taken(self) -> list[str]:
        """What has fired since this was last asked, even where the error was swallowed."""
        taken = list(self.fired)
        self.fired.clear()
        return taken

    def refusing(self, name: str) -> Callable[..., NoReturn]:
        """A function that records `name` and raises `ForbiddenOperation`, whatever it is given."""

        def refuse(*args: Any, **kwargs: Any) -> NoReturn:
            if name not in self.fired:
                self.fired.append(name)
            raise ForbiddenOperation(
                f"{name} is not to be used in this exercise. "
                "Which simpler operations is it made of?"
            )

        return refuse


class _Watch(TorchFunctionMode):
    def __init__(self, traps: Traps) -> None:
        super().__init__()
        self.traps = traps

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = self.traps.refused.get(func)
        if name is not None:
            self.traps.refusing(name)()
        return func(*args, **(kwargs or {}))


def install(kernels: Sequence[str], names: Sequence[str], device: str) -> Traps:
    """Set the traps: for the whole process, without a word, in a few milliseconds.

    kernels: aten overloads ("softmax.int"). names: dotted ("torch.nn.functional.softmax"), or
    bare for a method of Tensor; what is not torch's, not in this torch or not loaded is passed
    over. device: "cuda" has its kernels overridden beside the CPU's.
    """
    library: Any = torch.library.Library  # torch does not annotate it
    traps = Traps(library("aten", "IMPL"))
    backends = ("CPU", "CUDA") if device.startswith("cuda") else ("CPU",)
    with warnings.catch_warnings():  # torch says that a kernel is overridden: it is meant to be
        warnings.simplefilter("ignore")
        for kernel in kernels:
            _override(traps, kernel, backends)
    dotted = (name if "." in name else f"torch.Tensor.{name}" for name in names)
    for name in sorted(dotted, key=_plainness):
        _refuse(traps, name)
    return traps


def _override(traps: Traps, kernel: str, backends: Sequence[str]) -> None:
    refuse = traps.refusing(kernel.partition(".")[0].lstrip("_"))
    for backend in backends:
        # A kernel of its own also keeps a composite from being taken apart before it is seen.
        traps.library.impl(kernel, refuse, backend)
        for key in LAYOUTS[backend]:
            if torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{kernel}", key):
                traps.library.impl(kernel, refuse, key)


def _plainness(name: str) -> tuple[bool, int]:
    """Sorts the name a learner would know last, so that of several for one thing it stays."""
    return "._" not in name, -len(name)


def _refuse(traps: Traps, name: str) -> None:
    place, _, attribute = name.rpartition(".")
    owner = _loaded(place)
    known = _loaded(name)
    if isinstance(known, type):
        setattr(known, "__init__", traps.refusing(name))  # noqa: B010
    elif callable(known):
        traps.refused[known] = name
        # Those of `functional` heed the mode, and TorchScript knows them by identity.
        if isinstance(known, types.FunctionType) and owner is not torch.nn.functional:
            setattr(owner, attribute, traps.refusing(name))


def _loaded(name: str) -> Any:
    """What a dotted name stands for, or None; nothing is imported for it."""
    top, *parts = name.split(".")
    found: Any = torch if top == "torch" else None
    for part in parts:
        # getattr on a module may import: torch loads some of its parts when they are asked for.
        module = isinstance(found, types.ModuleType)
        found = vars(found).get(part) if module else getattr(found, part, None)
    return found
