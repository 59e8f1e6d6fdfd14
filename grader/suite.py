"""What a hidden suite is written with: steps, drawn numbers, and checks that say what is wrong."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import torch

from grader import words
from grader.asked import Asked
from grader.compare import Difference, Different, difference, same, same_values
from grader.cost import grows_no_faster, seconds_of_attention, takes_less_than
from grader.operations import LINEAR, SDPA, SOFTMAX

__all__ = [
    "LINEAR", "SDPA", "SOFTMAX", "Comparison", "Draw", "comparison", "follows_device",
    "grows_no_faster", "leaves_arguments_alone", "odd_forms", "raises", "same", "same_values",
    "seconds_of_attention", "step", "takes_less_than",
]  # fmt: skip

Test = TypeVar("Test", bound=Callable[..., object])


def step(
    points: int, needs: str | tuple[str, ...] = (), public: bool = False
) -> Callable[[Test], Test]:
    """Make a pytest function a graded step; its docstring is the sentence the student reads.

    needs: the values step (or steps) of the same function without which a side step, such
    as one on dtype, says nothing. public: whether students may see it.
    """
    wanted = (needs,) if isinstance(needs, str) else tuple(needs)
    mark = pytest.mark.step(points=points, needs=wanted, public=public)
    return mark


@dataclass(frozen=True)
class Comparison:
    """What `attn-grade speed` shows of an exercise: the seconds of several ways, at several sizes.

    It is no step: it grades nothing, and what it shows is what the student's process says.
    """

    along: str  # what the sizes are: "tokens held"
    sizes: tuple[int, ...]
    measured: Callable[..., Mapping[str, float]]

    @property
    def title(self) -> str:
        """What is compared: the first line of its docstring."""
        return (self.measured.__doc__ or "").strip().partition("\n")[0]


def comparison(along: str, sizes: tuple[int, ...]) -> Callable[[Callable[..., Any]], Comparison]:
    """Make a function `f(student, draw, size)` the comparison of its suite.

    It returns seconds by the name of the way that took them, the slower way last.
    """
    return lambda measured: Comparison(along, sizes, measured)


@dataclass(frozen=True)
class Draw:
    """Seeded numbers on the graded device; the same on every device and machine."""

    generator: torch.Generator  # on the CPU
    device: str = "cpu"

    @classmethod
    def seeded(cls, seed: int, name: str, device: str = "cpu") -> Draw:
        """The numbers of one step's case, apart from those of every other."""
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return cls(generator, device)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Standard normal numbers, drawn in float64 and rounded to `dtype`."""
        drawn = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        return drawn.to(dtype).to(self.device)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Uniform numbers of [low, high)."""
        drawn = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return (low + (high - low) * drawn).to(dtype).to(self.device)

    def integers(self, low: int, high: int, shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Whole numbers of [low, high), int64."""
        return torch.randint(low, high, shape, generator=self.generator).to(self.device)

    def mask(self, *shape: int) -> torch.Tensor:
        """A boolean mask whose rows each hold a True, and a False where they are long enough."""
        drawn = torch.rand(shape, generator=self.generator) < 0.6
        columns = shape[-1]
        places = torch.rand(shape, generator=self.generator).argsort(-1)
        drawn.scatter_(-1, places[..., :1], True)
        if columns > 1:
            drawn.scatter_(-1, places[..., 1:2], False)
        return drawn.to(self.device)


def odd_forms(*tensors: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """The same tensors as one meets them more seldom: as views, and as they gather gradients.

    As views their entries lie elsewhere in memory than the shape would have it: by columns,
    and of one axis with gaps between them. No form stands for one number of another.
    """
    yield [t.mT.contiguous().mT if t.dim() > 1 else torch.stack([t, t], 1)[:, 0] for t in tensors]
    yield [t.detach().clone().requires_grad_(t.is_floating_point()) for t in tensors]


def leaves_arguments_alone(function: Asked, *args: Any, **kwargs: Any) -> bool:
    """Whether the arguments are as they were after the call; raises `Different`."""
    before = [function.as_it_is(part) for part in (*args, *kwargs.values())]
    after = function.arguments_after(*args, **kwargs)
    if type(after) is not list or len(after) != len(before):
        return same(after, before)  # a worker may say anything
    names = function.names_of(*args, **kwargs)
    for name, now, then in zip(names, after, before, strict=True):
        found = difference(now, then)
        if found:
            says = (
                f"Your function changes one of its arguments, `{name}`: "
                "the caller's tensor is not as it was."
            )
            raise Different(Difference("argument", says, found.got, found.expected, found.look))
    return True


def raises(function: Asked, kind: type[Exception], *args: Any, **kwargs: Any) -> bool:
    """Whether it raises an exception of this builtin type, or of one derived from it.

    Raises `Different`.
    """
    name = function.raised(*args, **kwargs)
    found = vars(builtins).get(name) if type(name) is str else None  # a worker may say anything
    came = found if isinstance(found, type) else None
    if came is not None and issubclass(came, kind):
        return True
    said = f"{words.with_article(came.__name__)} is raised" if came else "nothing is raised"
    wanted = words.with_article(kind.__name__)
    says = f"{wanted[0].upper()}{wanted[1:]} should be raised here; {said}."
    raise Different(Difference("exception", says, name, kind.__name__))


def follows_device(function: Asked, *args: Any, **kwargs: Any) -> bool:
    """Whether every tensor it makes is where the inputs (or `device`) are; raises `Different`."""
    strays = function.strays(*args, **kwargs)
    if strays == []:
        return True
    wanted = "the device you are given" if "device" in kwargs else "the device of its inputs"
    calls = strays if type(strays) is list else []  # a worker may say anything
    names = dict.fromkeys(str(call).partition("(")[0] for call in calls[:3])
    says = f"A tensor in your function does not follow {wanted}"
    says += f": look at {', '.join(f'`{name}`' for name in names)}." if names else "."
    raise Different(Difference("device", says))
