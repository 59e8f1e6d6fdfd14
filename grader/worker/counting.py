"""How often a function multiplies: counted kernel by kernel, matrix and element-wise products.

What is counted is what torch is asked to do in this thread, one multiply-add for every product
of two numbers. Additions, exponentials and copies count for nothing, and neither does what
Python multiplies by itself. It is the process's own word: a submission may hide its work from
it, which is why a suite asks the kernel for the time as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from grader.worker.parts import tensors_in

Sizes = list[torch.Size]

# Matrix products, by the shapes of their tensors in the order of their arguments.
PRODUCTS: dict[str, Callable[[Sizes], int]] = {
    "mm": lambda s: math.prod(s[0]) * s[1][1],
    "bmm": lambda s: math.prod(s[0]) * s[1][2],
    "addmm": lambda s: math.prod(s[1]) * s[2][1],
    "addbmm": lambda s: math.prod(s[1]) * s[2][2],
    "baddbmm": lambda s: math.prod(s[1]) * s[2][2],
    "mv": lambda s: math.prod(s[0]),
    "addmv": lambda s: math.prod(s[1]),
    "dot": lambda s: math.prod(s[0]),
    "vdot": lambda s: math.prod(s[0]),
    "addr": lambda s: math.prod(s[1]) * math.prod(s[2]),
    "_cdist_forward": lambda s: math.prod(s[0]) * s[1][-2],
    # each number of the weight, but for its number of outputs, for each number that comes out
    "convolution": lambda s: math.prod(s[1][1:]) * math.prod(s[-1]),
}
# What multiplies, or divides, number by number.
ELEMENTWISE = frozenset(
    ("mul", "div", "square", "pow", "addcmul", "addcdiv", "lerp", "prod", "cumprod",
     "_foreach_mul", "_foreach_div", "_foreach_addcmul", "_foreach_pow", "_trilinear")
)  # fmt: skip


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds: int = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to keep torch's compiler out would import it, which takes a second."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__.rstrip("_")
        if name not in PRODUCTS and torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        ):  # without autograd, as in inference mode, it comes here before it is taken apart
            with self:
                return func.decompose(*args, **(kwargs or {}))
        result = func(*args, **(kwargs or {}))
        given = [tensor.shape for tensor in tensors_in([args, kwargs])]
        made = [tensor.shape for tensor in tensors_in(result)]
        if name in PRODUCTS:
            self.multiply_adds += PRODUCTS[name]([*given, *made])
        elif name in ELEMENTWISE:
            self.multiply_adds += max(sum(map(math.prod, given[:1])), sum(map(math.prod, made)))
        return result


def multiply_adds(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> int:
    """How many multiply-adds a call of the function takes."""
    counter = _Counter()
    with counter:
        function(*args, **kwargs)
    return counter.multiply_adds
