"""Products are counted whatever they are written with: by hand, x @ y takes 3·4·5·6 = 360."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from grader.worker.counting import multiply_adds

X, Y, W = torch.ones(3, 4, 5), torch.ones(3, 5, 6), torch.ones(5, 7)
A, B = torch.ones(5), torch.ones(6)


def counted(function) -> int:
    return multiply_adds(function, (), {})


@pytest.mark.parametrize(
    "product",
    [
        lambda: X @ Y,
        lambda: torch.einsum("bij,bjk->bik", X, Y),
        lambda: torch.bmm(X, Y),
        lambda: torch.baddbmm(torch.zeros(3, 4, 6), X, Y),
        lambda: torch.stack([x @ y for x, y in zip(X, Y, strict=True)]),
        lambda: (X.unsqueeze(-1) * Y.unsqueeze(-3)).sum(-2),
        lambda: torch.vmap(torch.matmul)(X, Y),
        lambda: torch.matmul(X, Y),
    ],
    ids=["@", "einsum", "bmm", "baddbmm", "loop", "element-wise", "vmap", "matmul"],
)
def test_one_matrix_product_counts_the_same_however_it_is_written(product):
    assert counted(product) == 360


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda: X @ W, 3 * 4 * 5 * 7),
        (lambda: F.linear(X, W.mT, torch.ones(7)), 3 * 4 * 5 * 7),
        (lambda: X * X, 60),
        (lambda: X / 2, 60),
        (lambda: X.square(), 60),
        (lambda: X.clone().mul_(2), 60),
        (lambda: X[0, 0] * torch.tensor(2.0), 5),
        (lambda: A @ A, 5),
        (lambda: Y[0].mT @ A, 30),
        (lambda: torch.outer(A, B), 30),
        (lambda: torch.addr(torch.zeros(5, 6), A, B), 30),
        (lambda: torch.addcmul(X, X, X), 60),
        (lambda: torch.tensordot(X, Y, dims=([2], [1])), 12 * 5 * 18),
        (lambda: torch.cdist(X, X), 3 * 4 * 4 * 5),
        (lambda: torch.prod(A), 5),
        # 2 samples, 3 channels out, 7 places: at each 4 channels in times 3 of a window
        (lambda: F.conv1d(torch.ones(2, 4, 9), torch.ones(3, 4, 3)), 2 * 3 * 7 * 4 * 3),
    ],
)
def test_every_product_of_two_numbers_counts_one(function, expected):
    assert counted(function) == expected


def test_what_multiplies_nothing_counts_nothing():
    for function in (
        lambda: X + X,
        lambda: X.exp(),
        lambda: torch.cat([X, X]),
        lambda: X.softmax(-1),
        lambda: X.masked_fill(X > 0, 1.0),
        lambda: sum(a * b for a, b in zip(A.tolist(), A.tolist(), strict=True)),
    ):
        assert counted(function) == 0


def test_modes_of_autograd_make_no_difference():
    counts = []
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            counts.append((counted(lambda: X @ W), counted(lambda: F.linear(X, W.mT))))
    leaf = X.clone().requires_grad_()
    counts.append((counted(lambda: leaf @ W), counted(lambda: F.linear(leaf, W.mT))))
    assert set(counts) == {(420, 420)}


def test_an_error_ends_the_count_and_is_passed_on():
    with pytest.raises(RuntimeError):
        counted(lambda: X @ torch.ones(9, 9))
    assert counted(lambda: A @ A) == 5


def test_counting_imports_no_compiler():
    code = (
        "import sys, torch; from grader.worker.counting import multiply_adds\n"
        "x = torch.ones(3, 3)\n"
        "assert multiply_adds(lambda: x @ x, (), {}) == 27\n"
        "print([m for m in sys.modules if m.startswith(('torch._dynamo', 'sympy'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
