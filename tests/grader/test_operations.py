"""Operations that may be forbidden: their names are torch's own, and none is left out."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grader.operations import (
    LINEAR,
    SDPA,
    SOFTMAX,
    TENSOR_CLASSES,
    VERSION_DEPENDENT,
    behind,
    doors_of,
    kernels_of,
    names_of,
)

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = SDPA | SOFTMAX | LINEAR
TORCH_DOORS = sorted(door for door in doors_of(EVERYTHING) if door.startswith("torch."))


def resolved(name):
    """The object of a dotted name, importing as much of it as is a module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


@pytest.mark.parametrize("door", TORCH_DOORS)
def test_every_door_into_torch_is_there(door):
    try:
        found = resolved(door)
    except (ImportError, AttributeError):
        assert door in VERSION_DEPENDENT
    else:
        assert callable(found) or isinstance(found, type(sys))


def test_only_doors_of_an_operation_are_marked_as_depending_on_the_version():
    assert set(TORCH_DOORS) >= VERSION_DEPENDENT


@pytest.mark.parametrize("kernel", kernels_of(EVERYTHING))
def test_every_kernel_is_one_of_torchs(kernel):
    import torch

    assert f"aten::{kernel}" in torch._C._dispatch_get_all_op_names()


@pytest.mark.parametrize("method", sorted(m for op in EVERYTHING for m in op.methods))
def test_every_method_is_one_of_tensors(method):
    import torch

    assert callable(getattr(torch.Tensor, method))


PUBLIC = (
    "torch", "torch.nn", "torch.nn.functional", "torch.special", "torch.sparse", "torch.masked",
    "torch.distributions", "torch.Tensor", "torch.nn.modules.activation",
)  # fmt: skip


@pytest.mark.parametrize("place", PUBLIC)
def test_no_public_name_that_says_softmax_or_attention_is_left_out(place):
    says = re.compile(
        r"softmax|softmin|logsumexp|logcumsumexp|attention|subsequent_mask|^Transformer", re.I
    )
    doors = doors_of(EVERYTHING)
    names = [name for name in dir(resolved(place)) if says.search(name) and "backward" not in name]
    missing = {f"{place}.{n}" for n in names if n[0] != "_" and not behind(f"{place}.{n}", doors)}
    assert missing == set()


def test_no_kernel_that_computes_a_softmax_forwards_is_left_out():
    import torch

    computing = {
        name.removeprefix("aten::").partition(".")[0]
        for name in torch._C._dispatch_get_all_op_names()
        if re.match(r"aten::.*(softmax|logsumexp|logcumsumexp)", name) and "backward" not in name
    }
    assert computing == {
        kernel.partition(".")[0]
        for kernel in kernels_of(SOFTMAX)
        if not kernel.startswith("cross_entropy")
    }


def test_groups_are_joined_with_a_bar():
    names = {operation.name for operation in SDPA | LINEAR}
    assert {"scaled_dot_product_attention", "MultiheadAttention", "linear"} <= names
    assert "softmax" not in names


FREE_IN_ALL = (
    "torch.matmul", "torch.addmm", "torch.bmm", "torch.einsum", "torch.logaddexp", "torch.exp",
    "torch.nn.Bilinear", "torch.nn.functional.nll_loss", "torch.Tensor.amax", "torch.nn.Module",
    "torch.nn.modules.linear", "torch.nn.functional.layer_norm", "torch.distributions.Normal",
)  # fmt: skip


@pytest.mark.parametrize("name", FREE_IN_ALL)
def test_what_no_exercise_forbids_is_behind_no_door(name):
    resolved(name)
    assert behind(name, doors_of(EVERYTHING)) is None


@pytest.mark.parametrize(
    "name, operation",
    [
        ("torch.softmax", "softmax"),
        ("torch.nn.Softmax.forward", "softmax"),
        ("torch.Tensor.log_softmax", "log_softmax"),
        ("torch.ops.aten._softmax", "softmax"),
        ("torch.ops.aten.softmax.int", "softmax"),
        ("scipy.special.logsumexp", "logsumexp"),
        ("torch.nn.attention.bias.causal_lower_right", "scaled_dot_product_attention"),
        ("torch.nn.attention.flex_attention.flex_attention", "flex_attention"),
        ("torch.nn.TransformerEncoder", "Transformer"),
        ("torch.nn.Transformer.generate_square_subsequent_mask", "generate_square_subsequent_mask"),
        ("torch.nn.functional.cross_entropy", "cross_entropy"),
    ],
)
def test_a_dotted_name_leads_to_its_operation(name, operation):
    assert behind(name, doors_of(EVERYTHING)) == operation


def test_a_method_is_reached_through_each_name_of_tensors_class():
    doors = doors_of(SOFTMAX)
    assert [doors[f"{place}.softmax"] for place in TENSOR_CLASSES] == ["softmax"] * 3


def test_what_is_watched_at_run_time_is_torchs_only():
    assert all(name.startswith("torch.") for name in names_of(SOFTMAX))
    assert "torch.nn.functional.softmax" in names_of(SOFTMAX)
    assert "torch.Tensor.softmax" in names_of(SOFTMAX)


def test_naming_operations_imports_no_torch():
    code = "import sys, grader.operations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
