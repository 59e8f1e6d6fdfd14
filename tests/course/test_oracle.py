"""The references of 01 to 05 against judges who have never seen them.

Each is asked twice, on random shapes with and without batch dimensions: by plain loops
in NumPy's float64, written from the formula, and by what torch ships for the purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from grader.bank import Bank
from grader.course import Course

ROOT = Path(__file__).parents[2]
COVERED = ("01_qkv_projection", "02_scaled_scores", "03_causal_mask", "04_softmax", "05_attention")
DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
FEW = 8  # examples, where each is dear or one is like the other

Array = NDArray[np.float64]
Size = st.integers(1, 6)
Height = st.sampled_from([1.0, 1e5])  # of scores; the second is far beyond what exp can bear
AnyHeight = st.sampled_from([1.0, 1e5, 1e12])  # the third, beyond any number one may hide behind
Yes = st.booleans()


@pytest.fixture(scope="module")
def reference() -> SimpleNamespace:
    """Every function of every reference, by its name."""
    course = Course.open(ROOT)
    bank = Bank(course)
    functions: dict[str, Any] = {}
    for name in COVERED:
        exercise = course.exercise(name)
        namespace = bank.reference(exercise)
        functions |= {f: namespace[f] for f in bank.solution(exercise).functions}
    return SimpleNamespace(**functions)


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


# -- 01 ------------------------------------------------------------------------------


@on_random_shapes(biased=Yes)
def test_project_is_a_linear_layer_with_its_weight_the_other_way_up(
    reference: SimpleNamespace, draw: Drawn, biased: bool
) -> None:
    x, (w, _, _) = draw.tokens(), draw.weights()
    b = draw.normal(draw.d_k) if biased else None
    got = reference.project(x, w, b)
    assert close(got, F.linear(x, w.T, b))
    assert close(got, loop_product(x, w) + (0 if b is None else b.numpy()))
    assert close(reference.project(x, w), loop_product(x, w))


@on_random_shapes()
def test_project_qkv_gives_queries_keys_and_values_in_this_order(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x, weights = draw.tokens(), draw.weights()
    got = reference.project_qkv(x, *weights)
    assert type(got) is tuple and len(got) == 3
    for part, w in zip(got, weights, strict=True):
        assert close(part, F.linear(x, w.T))
        assert close(part, loop_product(x, w))


@on_random_shapes(biased=Yes)
def test_project_packed_is_project_qkv_from_one_matrix(
    reference: SimpleNamespace, draw: Drawn, biased: bool
) -> None:
    d = draw.d_k
    x, w = draw.tokens(), draw.normal(draw.d_model, 3 * d)
    b = draw.normal(3 * d) if biased else None
    got = reference.project_packed(x, w, b)
    assert type(got) is tuple and len(got) == 3
    for i, part in enumerate(got):
        columns = slice(i * d, (i + 1) * d)
        own_bias = None if b is None else b[columns]
        assert close(part, F.linear(x, w[:, columns].T, own_bias))
        shift = 0 if own_bias is None else own_bias.numpy()
        assert close(part, loop_product(x, w[:, columns]) + shift)


@on_random_shapes(FEW)
def test_projections_have_the_gradients_of_a_linear_layer(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    x, w, b = draw.tokens(), draw.normal(draw.d_model, 6), draw.normal(6)
    got = gradients(reference.project, x, w, b)
    packed = gradients(lambda *xwb: torch.cat(reference.project_packed(*xwb), -1), x, w, b)
    expected = gradients(lambda x, w, b: F.linear(x, w.T, b), x, w, b)
    assert all(map(close, got, expected)) and all(map(close, packed, expected))
    inputs = (x, *draw.weights())
    got = gradients(lambda *each: torch.cat(reference.project_qkv(*each), -1), *inputs)
    expected = gradients(lambda x, *ws: torch.cat([F.linear(x, w.T) for w in ws], -1), *inputs)
    assert all(map(close, got, expected))


# -- 02 ------------------------------------------------------------------------------


@on_random_shapes()
def test_scores_are_dot_products_divided_by_the_root_of_the_width(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    q, k, dots = draw.q(), draw.k(), draw.scores()
    assert close(reference.dot_scores(q, k), loop_scores(q, k, 1.0))
    assert close(reference.scaled_scores(q, k), loop_scores(q, k, math.sqrt(draw.d_k)))
    assert close(reference.scale_scores(dots, draw.d_k), dots.numpy() / math.sqrt(draw.d_k))


@on_random_shapes()
def test_scores_are_those_inside_torchs_attention(reference: SimpleNamespace, draw: Drawn) -> None:
    q, k, v = draw.q(), draw.k(), draw.v()
    _, weights = torchs_attention(q, k, v)
    assert close(F.softmax(reference.scaled_scores(q, k), -1), weights)
    _, unscaled = torchs_attention(q, k, v, scale=1.0)
    assert close(F.softmax(reference.dot_scores(q, k), -1), unscaled)


@on_random_shapes(FEW)
def test_scores_have_the_gradients_of_finite_differences(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    q, k, dots = (each.requires_grad_() for each in (draw.q(), draw.k(), draw.scores()))
    assert torch.autograd.gradcheck(reference.dot_scores, (q, k))
    assert torch.autograd.gradcheck(lambda scores: reference.scale_scores(scores, 3), (dots,))
    assert torch.autograd.gradcheck(reference.scaled_scores, (q, k))


# -- 03 ------------------------------------------------------------------------------


@on_random_shapes()
def test_the_causal_mask_obeys_its_inequality(reference: SimpleNamespace, draw: Drawn) -> None:
    got = reference.causal_mask(draw.n_q, draw.n_k)
    assert got.dtype is torch.bool and got.tolist() == loop_causal(draw.n_q, draw.n_k)
    assert reference.causal_mask(draw.n_q).tolist() == loop_causal(draw.n_q, draw.n_q)
    assert reference.causal_mask(draw.n_q, device="meta").device.type == "meta"


@on_random_shapes()
def test_the_causal_mask_is_the_end_of_torchs_square_one(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    n = max(draw.n_q, draw.n_k)
    square = torch.nn.Transformer.generate_square_subsequent_mask(n) == 0
    # The last queries and the last keys; keys before the first token there is are none.
    corner = square[n - draw.n_q :, n - draw.n_k :]
    assert torch.equal(reference.causal_mask(draw.n_q, draw.n_k), corner)


@on_random_shapes(shared=Yes)
def test_a_masked_score_is_minus_infinity_and_any_other_as_it_was(
    reference: SimpleNamespace, draw: Drawn, shared: bool
) -> None:
    scores = draw.scores().round()  # zeros among them
    mask = draw.mask_of_scores(shared)
    got = reference.apply_mask(scores, mask).numpy()
    visible = mask.expand(scores.shape).numpy()
    for index in np.ndindex(*scores.shape):
        assert got[index] == (scores[index].item() if visible[index] else -math.inf)


@on_random_shapes()
def test_masked_scores_make_the_weights_of_torchs_attention(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores = draw.scores()
    mask = draw.mask_without_empty_rows(*scores.shape)
    # Queries that are the scores themselves, and keys that are the axes.
    axes = torch.eye(draw.n_k, dtype=torch.float64).expand(*draw.batch, -1, -1)
    _, expected = torchs_attention(scores, axes, axes, mask, scale=1.0)
    assert close(F.softmax(reference.apply_mask(scores, mask), -1), expected)


@on_random_shapes(FEW)
def test_only_visible_scores_get_a_gradient_and_they_get_all_of_it(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores, mask = draw.scores(), draw.mask_of_scores(shared=True)
    (got,) = gradients(lambda s: reference.apply_mask(s, mask), scores)
    (everywhere,) = gradients(lambda s: 1 * s, scores)
    assert close(got, torch.where(mask, everywhere, 0.0))


# -- 04 ------------------------------------------------------------------------------


@on_random_shapes(FEW, dtype=st.sampled_from(sorted(DTYPES, key=str)))
def test_softmax_is_torchs_along_any_dimension_in_any_dtype(
    reference: SimpleNamespace, draw: Drawn, dtype: torch.dtype
) -> None:
    drawn = draw.normal(*draw.batch, draw.n_k)
    for height in (0.1, 1.0, 1e4):
        x = (height * drawn).to(dtype)
        for dim in range(-x.dim(), x.dim()):
            got = reference.softmax(x, dim)
            assert got.dtype is dtype
            assert close(got, F.softmax(x, dim), DTYPES[dtype])
            assert close(got, loop_softmax(x.double(), everything(*x.shape), dim), DTYPES[dtype])


@on_random_shapes(dim=st.sampled_from([-1, -2]), shared=Yes, height=AnyHeight)
def test_masked_softmax_shares_out_among_what_is_visible(
    reference: SimpleNamespace, draw: Drawn, dim: int, shared: bool, height: float
) -> None:
    scores, mask = height * draw.scores(), draw.mask_of_scores(shared)
    got = reference.masked_softmax(scores, mask, dim)
    assert close(got, loop_softmax(scores, mask, dim))
    assert not got[~mask.expand(got.shape)].any()
    plain = F.softmax(scores.masked_fill(~mask, -math.inf), dim)
    assert close(got, torch.where(mask.any(dim, keepdim=True), plain, 0.0))


@on_random_shapes(data=st.data())
def test_softmax_has_the_gradient_of_torchs(
    reference: SimpleNamespace, draw: Drawn, data: st.DataObject
) -> None:
    x = draw.normal(*draw.batch, draw.n_k)
    dim = data.draw(st.integers(-x.dim(), x.dim() - 1))
    (got,) = gradients(lambda t: reference.softmax(t, dim), x)
    (expected,) = gradients(lambda t: F.softmax(t, dim), x)
    assert close(got, expected)


@on_random_shapes(FEW)
def test_masked_softmax_has_the_gradient_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    scores, mask = draw.scores().requires_grad_(), draw.mask_of_scores(shared=True)
    mask[-1] = False
    assert torch.autograd.gradcheck(lambda s: reference.masked_softmax(s, mask), (scores,))


# -- 05 ------------------------------------------------------------------------------


@on_random_shapes()
def test_weighted_sum_is_the_sum_of_weight_times_value(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    weights, v = draw.scores(), draw.v()
    got = reference.weighted_sum(weights, v)
    assert close(got, loop_product(weights, v))
    assert close(got, torch.einsum("...qk,...kd->...qd", weights, v))


@on_random_shapes(masked=Yes, shared=Yes, height=Height)
def test_attention_is_torchs_and_the_formulas(
    reference: SimpleNamespace, draw: Drawn, masked: bool, shared: bool, height: float
) -> None:
    q, k, v = height * draw.q(), draw.k(), draw.v()
    mask = draw.mask_of_scores(shared) if masked else None
    got = reference.attention(q, k, v, mask)
    assert type(got) is tuple and len(got) == 2
    tolerance = 1e-12 * height  # rounding errors grow with the scores
    visible = everything(draw.n_q, draw.n_k) if mask is None else mask
    for judge in (loop_attention(q, k, v, visible), torchs_attention(q, k, v, mask)):
        for ours, theirs in zip(got, judge, strict=True):
            assert close(ours, theirs, tolerance)


@on_random_shapes(masked=Yes)
def test_attention_has_the_gradients_of_torchs(
    reference: SimpleNamespace, draw: Drawn, masked: bool
) -> None:
    inputs = (draw.q(), draw.k(), draw.v())
    mask = draw.mask_without_empty_rows(draw.n_q, draw.n_k) if masked else None
    got = gradients(lambda q, k, v: reference.attention(q, k, v, mask)[0], *inputs)
    expected = gradients(lambda q, k, v: torchs_attention(q, k, v, mask)[0], *inputs)
    for ours, theirs in zip(got, expected, strict=True):
        assert close(ours, theirs, 1e-10)


@on_random_shapes(FEW)
def test_attention_has_the_gradients_of_finite_differences_in_empty_rows_too(
    reference: SimpleNamespace, draw: Drawn
) -> None:
    inputs = tuple(each.requires_grad_() for each in (draw.q(), draw.k(), draw.v()))
    mask = draw.mask_of_scores(shared=True)
    mask[-1] = False
    assert torch.autograd.gradcheck(lambda *each: reference.attention(*each, mask), inputs)


@on_random_shapes(causal=Yes)
def test_self_attention_is_torchs_on_three_linear_layers(
    reference: SimpleNamespace, draw: Drawn, causal: bool
) -> None:
    x, weights, n = draw.tokens(), draw.weights(), draw.n_q
    got = reference.self_attention(x, *weights, causal=causal)
    q, k, v = (F.linear(x, w.T) for w in weights)
    assert close(got, torchs_attention(q, k, v, is_causal=causal)[0], 1e-10)
    mask = torch.tensor(loop_causal(n, n)) if causal else everything(n, n)
    parts = (torch.from_numpy(loop_product(x, w)) for w in weights)
    assert close(got, loop_attention(*parts, mask)[0], 1e-10)


# -- what holds for all of them ------------------------------------------------------


def arguments(draw: Drawn) -> dict[str, tuple[Any, ...]]:
    """A call of each function that takes tensors, and what it is; masks have an empty row."""
    x, w, b = draw.normal(2, 3, 5), draw.normal(5, 4), draw.normal(4)
    q, k, v = draw.normal(2, 3, 5), draw.normal(2, 4, 5), draw.normal(2, 4, 6)
    scores, mask = draw.normal(2, 3, 4), draw.mask(3, 4)
    mask[1] = False
    return {
        "project": (x, w, b),
        "project without a bias": (x, w),
        "project_qkv": (x, w, w + 1, draw.normal(5, 6)),
        "project_packed": (x, draw.normal(5, 12), draw.normal(12)),
        "dot_scores": (q, k),
        "scale_scores": (scores, 5),
        "scaled_scores": (q, k),
        "apply_mask": (scores, mask),
        "softmax along the rows": (scores, 1),
        "masked_softmax": (scores, mask),
        "weighted_sum": (scores, v),
        "attention": (q, k, v, mask),
        "attention without a mask": (q, k, v),
        "self_attention": (x, w, w + 1, draw.normal(5, 6), True),
    }


def moved(part: Any, to: torch.dtype | str) -> Any:
    """Floating-point tensors in another dtype, or every tensor on another device."""
    if not isinstance(part, Tensor) or (
        isinstance(to, torch.dtype) and not part.is_floating_point()
    ):
        return part
    return part.to(to)


def answers(reference: SimpleNamespace, call: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The tensors that come back; the function is the call's first word."""
    result = getattr(reference, call.split()[0])(*given)
    return result if isinstance(result, tuple) else (result,)


CALLS = sorted(arguments(Drawn()))


def test_no_function_is_forgotten_here(reference: SimpleNamespace) -> None:
    assert {call.split()[0] for call in CALLS} | {"causal_mask"} == set(vars(reference))


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str), ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_results_have_the_dtype_of_the_inputs(
    reference: SimpleNamespace, call: str, dtype: torch.dtype
) -> None:
    given = arguments(Drawn(seed=7))[call]
    exact = answers(reference, call, given)
    rounded = answers(reference, call, tuple(moved(part, dtype) for part in given))
    for ours, wanted in zip(rounded, exact, strict=True):
        assert ours.dtype is dtype
        assert close(ours, wanted, 10 * DTYPES[dtype])


@pytest.mark.parametrize("call", CALLS)
def test_results_are_where_the_inputs_are(reference: SimpleNamespace, call: str) -> None:
    given = arguments(Drawn(seed=7))[call]
    here = answers(reference, call, given)
    there = answers(reference, call, tuple(moved(part, "meta") for part in given))
    assert all(tensor.device.type == "meta" for tensor in there)
    assert [tensor.shape for tensor in there] == [tensor.shape for tensor in here]


@pytest.mark.parametrize("call", CALLS)
def test_arguments_are_left_alone(reference: SimpleNamespace, call: str) -> None:
    given, untouched = arguments(Drawn(seed=7))[call], arguments(Drawn(seed=7))[call]
    answers(reference, call, given)
    for after, before in zip(given, untouched, strict=True):
        assert torch.equal(after, before) if isinstance(after, Tensor) else after == before
