"""What the tests of the references share: random tensors, torch's answers, plain loops.

A reference is asked twice, on random shapes with and without batch dimensions: by loops in
NumPy's float64, written from the formula, and by what torch ships for the purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
FEW = 8  # examples, where each is dear or one is like the other

Array = NDArray[np.float64]
Size = st.integers(1, 6)
Height = st.sampled_from([1.0, 1e5])  # of scores; the second is far beyond what exp can bear
AnyHeight = st.sampled_from([1.0, 1e5, 1e12])  # the third, beyond any number one may hide behind
Yes = st.booleans()


@dataclass
class Drawn:
    """Sizes, and tensors of these sizes with random numbers, one after the other."""

    batch: tuple[int, ...] = ()
    n_q: int = 1
    n_k: int = 1
    d_k: int = 1
    d_v: int = 1
    d_model: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, dtype=torch.float64)

    def tokens(self) -> Tensor:
        return self.normal(*self.batch, self.n_q, self.d_model)

    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """The matrices that make queries, keys and values."""
        widths = (self.d_k, self.d_k, self.d_v)
        w_q, w_k, w_v = (self.normal(self.d_model, width) for width in widths)
        return w_q, w_k, w_v

    def q(self) -> Tensor:
        return self.normal(*self.batch, self.n_q, self.d_k)

    def k(self) -> Tensor:
        return self.normal(*self.batch, self.n_k, self.d_k)

    def v(self) -> Tensor:
        return self.normal(*self.batch, self.n_k, self.d_v)

    def scores(self) -> Tensor:
        return self.normal(*self.batch, self.n_q, self.n_k)

    def mask(self, *shape: int) -> Tensor:
        """A mask of any kind: full, empty and broken rows."""
        density = torch.rand((*shape[:-1], 1), generator=self._generator).round(decimals=1)
        return torch.rand(shape, generator=self._generator) < density

    def mask_of_scores(self, shared: bool) -> Tensor:
        """One for all, or one for each sample."""
        return self.mask(*(() if shared else self.batch), self.n_q, self.n_k)

    def mask_without_empty_rows(self, *shape: int) -> Tensor:
        return self.mask(*shape) | (torch.arange(shape[-1]) == 0)


DRAWN = st.builds(
    Drawn,
    batch=st.lists(st.integers(1, 3), max_size=2).map(tuple),  # no dimension, one or two
    n_q=Size, n_k=Size, d_k=Size, d_v=Size, d_model=Size, seed=st.integers(0, 2**32 - 1),
)  # fmt: skip


def on_random_shapes(examples: int = 30, **more: st.SearchStrategy[Any]) -> Callable[..., Any]:
    """A test of `draw`, and of what else it asks for.

    The same examples every time: a course does not pass on one day and fail on the next.
    """
    same = settings(derandomize=True, database=None, deadline=None, max_examples=examples)
    return lambda test: same(given(draw=DRAWN, **more)(test))


def close(got: Tensor, expected: Tensor | Array, tolerance: float = 1e-12) -> bool:
    """Whether two results agree in shape and value; NaN agrees with nothing."""
    wanted = torch.as_tensor(expected)
    assert got.shape == wanted.shape
    return torch.allclose(got.double(), wanted.double(), rtol=tolerance, atol=tolerance)


def torchs_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, **options: Any
) -> tuple[Tensor, Tensor]:
    """Output and weights: the weights are the output where the values are the axes."""
    axes = torch.eye(k.shape[-2], dtype=k.dtype).expand(*k.shape[:-2], -1, -1)
    attend = F.scaled_dot_product_attention
    return attend(q, k, v, mask, **options), attend(q, k, axes, mask, **options)


# -- the formulas, number by number ------------------------------------------------


def matrices(*tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """For each place in the batch its index, then the matrix of each tensor there."""
    arrays = [t.detach().numpy() for t in tensors]
    for index in np.ndindex(*arrays[0].shape[:-2]):
        yield (index, *(array[index] for array in arrays))


def loop_product(left: Tensor, right: Tensor) -> Array:
    """Σ_m left[i, m] · right[m, j], for each place in the batch."""
    result = np.zeros((*left.shape[:-1], right.shape[-1]))
    for index, a, b in matrices(left, right.expand(*left.shape[:-2], *right.shape[-2:])):
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                result[(*index, i, j)] = sum(a[i, m] * b[m, j] for m in range(a.shape[1]))
    return result


def loop_scores(q: Tensor, k: Tensor, divisor: float) -> Array:
    """Σ_m q[i, m] · k[j, m] / divisor."""
    result = np.zeros((*q.shape[:-1], k.shape[-2]))
    for index, a, b in matrices(q, k):
        for i in range(a.shape[0]):
            for j in range(b.shape[0]):
                products = [a[i, m] * b[j, m] for m in range(a.shape[1])]
                result[(*index, i, j)] = math.fsum(products) / divisor
    return result


def loop_shares(scores: list[float], visible: list[bool]) -> list[float]:
    """exp(score) over the sum of all visible ones; 0 for a hidden score."""
    seen = [score for score, here in zip(scores, visible, strict=True) if here]
    if not seen:
        return [0.0] * len(scores)
    pairs = zip(scores, visible, strict=True)
    powers = [math.exp(score - max(seen)) if here else 0.0 for score, here in pairs]
    return [power / math.fsum(powers) for power in powers]


def loop_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Array:
    """The shares of every line along `dim`."""
    rows = scores.movedim(dim, -1)
    visible = mask.expand(scores.shape).movedim(dim, -1)
    result = np.zeros(rows.shape)
    for index in np.ndindex(*rows.shape[:-1]):
        result[index] = loop_shares(rows[index].tolist(), visible[index].tolist())
    return np.moveaxis(result, -1, dim)


def loop_causal(n_q: int, n_k: int) -> list[list[bool]]:
    """j ≤ i + (n_k − n_q)."""
    return [[j <= i + (n_k - n_q) for j in range(n_k)] for i in range(n_q)]


def loop_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> tuple[Array, Array]:
    """Output and weights."""
    scores = torch.from_numpy(loop_scores(q, k, math.sqrt(q.shape[-1])))
    weights = loop_softmax(scores, mask)
    return loop_product(torch.from_numpy(weights), v), weights


def everything(*shape: int) -> Tensor:
    """A mask that hides nothing."""
    return torch.ones(shape, dtype=torch.bool)


def gradients(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    """Those of a sum in which every entry of the result has a weight of its own."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    result = function(*leaves)
    unlike = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    return torch.autograd.grad(result, leaves, unlike)
