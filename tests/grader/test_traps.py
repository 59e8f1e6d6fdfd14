"""Traps on forbidden operations. They last as long as their process, so each has its own.

Run as a program, this file forks a process for every scene from one that has imported
torch and computed nothing, as the grader does, and prints what each came to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path

import pytest

from grader.operations import LINEAR, SDPA, SOFTMAX, doors_of, kernels_of, names_of

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = SDPA | SOFTMAX | LINEAR
GROUPS = {"SDPA": SDPA, "SOFTMAX": SOFTMAX, "LINEAR": LINEAR, "EVERYTHING": EVERYTHING}

# The group that forbids it, and the operation it is.
FORBIDDEN = {
    "torch.softmax(x, -1)": ("SOFTMAX", "softmax"),
    "x.softmax(-1)": ("SOFTMAX", "softmax"),
    "x.half().softmax(-1)": ("SOFTMAX", "softmax"),
    "x.double().softmax(-1, dtype=torch.float64)": ("SOFTMAX", "softmax"),
    "leaf.softmax(-1)": ("SOFTMAX", "softmax"),
    "F.softmax(x, -1)": ("SOFTMAX", "softmax"),
    "F.softmax(leaf, -1)": ("SOFTMAX", "softmax"),
    "torch.softmax(x, -1, out=torch.empty(3, 4))": ("SOFTMAX", "softmax"),
    "torch.special.softmax(x, -1)": ("SOFTMAX", "softmax"),
    "torch.masked.softmax(x, -1, mask=x > 0)": ("SOFTMAX", "softmax"),
    "torch.sparse.softmax(x.to_sparse(), -1)": ("SOFTMAX", "softmax"),
    "torch.nested.nested_tensor([x, x]).softmax(-1)": ("SOFTMAX", "softmax"),
    "torch.ops.aten._softmax(x, -1, False)": ("SOFTMAX", "softmax"),
    "torch.ops.aten.softmax.int(leaf, -1)": ("SOFTMAX", "softmax"),
    "torch.ops.aten._sparse_softmax.int(x.to_sparse(), -1)": ("SOFTMAX", "softmax"),
    "torch._C._VariableFunctions.softmax(x, -1)": ("SOFTMAX", "softmax"),
    "torch.vmap(lambda row: row.softmax(0))(x)": ("SOFTMAX", "softmax"),
    "torch.func.grad(lambda a: a.softmax(0).sum())(x)": ("SOFTMAX", "softmax"),
    "torch._refs.softmax(x, -1)": ("SOFTMAX", "softmax"),
    "torch.log_softmax(x, -1)": ("SOFTMAX", "log_softmax"),
    "F.gumbel_softmax(x)": ("SOFTMAX", "gumbel_softmax"),
    "x.logsumexp(-1)": ("SOFTMAX", "logsumexp"),
    "torch.logsumexp(x, -1, out=torch.empty(3))": ("SOFTMAX", "logsumexp"),
    "torch.logcumsumexp(leaf, -1)": ("SOFTMAX", "logcumsumexp"),
    "F.cross_entropy(leaf, torch.tensor([0, 1, 2]))": ("SOFTMAX", "cross_entropy"),
    "torch.distributions.Categorical(logits=x)": ("SOFTMAX", "Categorical"),
    "torch.distributions.SoftmaxTransform()(x)": ("SOFTMAX", "Categorical"),
    "torch.nn.Softmax(dim=-1)": ("SOFTMAX", "softmax"),
    "F.linear(x, x)": ("LINEAR", "linear"),
    "F.linear(leaf, x, x[:, 0])": ("LINEAR", "linear"),
    "torch.nn.Linear(4, 2)": ("LINEAR", "linear"),
    "torch.ops.aten.linear(leaf, x)": ("LINEAR", "linear"),
    "F.scaled_dot_product_attention(q, q, q)": ("SDPA", "scaled_dot_product_attention"),
    "torch.ops.aten.scaled_dot_product_attention(q.requires_grad_(), q, q)":
        ("SDPA", "scaled_dot_product_attention"),
    "torch._scaled_dot_product_attention_math(q, q, q)": ("SDPA", "scaled_dot_product_attention"),
    "torch.nn.MultiheadAttention(4, 2)": ("SDPA", "MultiheadAttention"),
    "torch.nn.TransformerEncoderLayer(4, 2)": ("SDPA", "Transformer"),
    "torch.nn.Transformer.generate_square_subsequent_mask(3)":
        ("SDPA", "generate_square_subsequent_mask"),
}  # fmt: skip
# What only the function mode can see.
MODE_ONLY = {
    "x.to('meta').softmax(-1)": ("SOFTMAX", "softmax"),
    "F.multi_head_attention_forward(x, x, x, 4, 2, None, None, None, None, False, 0.0, None, None)":
        ("SDPA", "MultiheadAttention"),
}  # fmt: skip
FREE = (
    "x @ x.T", "q @ q.mT", "torch.bmm(q[0], q[0].mT)", "torch.addmm(x[0], x, torch.eye(4))",
    "torch.einsum('bhnd,bhmd->bhnm', q, q)", "torch.tensordot(x, x, 2)", "x.exp() / x.exp().sum()",
    "x - x.amax(-1, keepdim=True)", "x.masked_fill(x > 0, float('-inf'))", "x.sigmoid()",
    "torch.where(x > 0, x, 0.0)", "torch.logaddexp(x, x)", "x.log1p()", "x.cumsum(-1).cummax(-1)",
    "(leaf @ leaf.T).exp().sum().backward()", "F.layer_norm(x, (4,))", "F.gelu(x)", "F.relu(x)",
    "torch.ones(3, 4, dtype=torch.bool).tril()", "torch.triu(torch.full((3, 3), -1.0), 1)",
    "F.bilinear(x, x, torch.ones(2, 4, 4))", "F.nll_loss(x, torch.tensor([0, 1, 2]))",
    "F.embedding(torch.tensor([1]), x)", "torch.baddbmm(q[0, :, :, :1], q[0], q[0].mT)",
    "x.to_sparse().to_dense()", "F.dropout(x, 0.5)", "torch.nn.Parameter(x)", "x.std(-1)",
    "torch.distributions.Bernoulli(logits=x).probs", "torch.vmap(torch.exp)(x)", "repr(x)",
    "torch.func.grad(lambda a: (a @ a.T).exp().sum())(x)", "x.to('meta').exp()",
    "torch.nn.Module()", "torch.nn.LayerNorm(4)(x)", "x.unfold(1, 2, 1)",
    "torch.jit.script(torch.nn.ReLU())(x)", "torch.autograd.grad((leaf * 2).sum(), leaf)",
)  # fmt: skip


# -- scenes: each runs in a process of its own and gives something JSON can say --------


def trapped(group, device="cpu"):
    from grader.worker.traps import install

    return install(kernels_of(GROUPS[group]), names_of(GROUPS[group]), device)


def things():
    import torch
    import torch.nn.functional as F

    torch.manual_seed(3)
    leaf = torch.randn(3, 4, requires_grad=True)
    return {
        "torch": torch, "F": F, "x": torch.randn(3, 4), "leaf": leaf, "q": torch.randn(1, 2, 3, 4)
    }  # fmt: skip


def run(expression, traps, *contexts):
    """Evaluate, and give what fired and the exception's type."""
    names = things()
    raised = None
    try:
        with contexts[0] if contexts else nullcontext():
            eval(expression, names)
    except Exception as error:
        raised = type(error).__name__
    return traps.taken(), raised


def scene_forbidden_by_kernels():
    found = {}
    for expression, (group, _) in FORBIDDEN.items():
        found[expression] = in_a_process(lambda e=expression, g=group: run(e, trapped(g)))
    return found


def scene_forbidden_under_the_mode():
    def watched(expression, group):
        traps = trapped(group)
        return run(expression, traps, traps.watching())

    cases = (FORBIDDEN | MODE_ONLY).items()
    return {e: in_a_process(lambda e=e, g=g: watched(e, g)) for e, (g, _) in cases}


def scene_forbidden_in_inference():
    import torch

    traps = trapped("EVERYTHING")
    calls = ("x.softmax(-1)", "F.linear(x, x)", "x.logsumexp(-1)", "torch.ops.aten.linear(x, x)",
             "F.scaled_dot_product_attention(q, q, q)")  # fmt: skip
    return {call: run(call, traps, torch.inference_mode()) for call in calls}


def scene_free():
    def everywhere(group):
        traps = trapped(group)
        found = {}
        for expression in FREE:
            found[expression] = [run(expression, traps), run(expression, traps, traps.watching())]
        return found

    return {group: in_a_process(lambda g=group: everywhere(g)) for group in GROUPS}


def scene_others_stay_free():
    traps = trapped("SDPA")
    return run("x.softmax(-1) + F.linear(x, torch.eye(4))", traps, traps.watching())


def scene_torchscript():
    import torch

    @torch.jit.script
    def scripted(x: torch.Tensor):
        return torch.softmax(x, -1)

    traced = torch.jit.trace(lambda x: x.exp().softmax(-1), torch.ones(3))
    traps = trapped("SOFTMAX")
    fired = []
    for compiled in (scripted, traced):
        with pytest.raises(RuntimeError, match="softmax is not to be used"), traps.watching():
            compiled(torch.ones(3))
        fired.append(traps.taken())
    return fired


def scene_threads():
    import torch

    traps = trapped("SOFTMAX")
    with traps.watching():
        thread = threading.Thread(target=lambda: quietly(lambda: torch.ones(3).softmax(0)))
        thread.start()
        thread.join()
    return traps.taken()


def scene_disabled_modes():
    import torch

    traps = trapped("SOFTMAX")
    with traps.watching(), torch._C.DisableTorchFunction():
        quietly(lambda: torch.ones(3).softmax(0))
    return traps.taken()


def quietly(function):
    try:
        function()
    except Exception:
        return


def scene_swallowed():
    import torch

    traps = trapped("SOFTMAX")
    with traps.watching():
        for _ in range(3):
            quietly(lambda: torch.ones(3).softmax(0))
        quietly(lambda: torch.ones(3).logsumexp(0))
    return traps.taken(), traps.taken()


def scene_words():
    import torch

    from grader.worker.traps import ForbiddenOperation

    traps = trapped("SOFTMAX")
    with pytest.raises(ForbiddenOperation) as kernel:
        torch.ones(3).softmax(0)
    with pytest.raises(ForbiddenOperation) as name, traps.watching():
        torch.ones(3).softmax(0)
    return str(kernel.value), str(name.value)


def scene_silence():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = set(sys.modules)
        trapped("EVERYTHING")
        imported = sorted(set(sys.modules) - before - {"grader.worker", "grader.worker.traps"})
    return [str(warning.message) for warning in caught], imported


def scene_cuda():
    traps = trapped("EVERYTHING", "cuda:0")
    return run("x.softmax(-1)", traps)


def scene_unknown():
    from grader.worker.traps import install

    names = ["softmax", "scipy.special.softmax", "torch.no_such.thing", "torch._inductor.compile"]
    traps = install(["no_such_kernel", "no_such.kernel"], names, "cpu")
    return list(traps.refused.values()), "torch._inductor" in sys.modules


def scene_two_at_once():
    one, other = trapped("SOFTMAX"), trapped("LINEAR")
    return run("x.softmax(-1)", other), one.taken(), run("F.linear(x, x)", one), other.taken()


def in_a_process(scene):
    """Run a scene in a fork; give what it returns, or its traceback."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            result = scene()
        except BaseException:
            result = traceback.format_exc()
        os.write(write, json.dumps(result).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        result = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return result


def main():
    import torch

    torch.set_num_threads(1)
    scenes = {name: scene for name, scene in globals().items() if name.startswith("scene_")}
    print(json.dumps({name: in_a_process(scene) for name, scene in scenes.items()}))


@pytest.fixture(scope="module")
def seen():
    """What every scene came to."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# -- what they must come to ------------------------------------------------------------


def operation_behind(fired: str) -> str | None:
    """The operation that a trap's word belongs to: a kernel's bare name, or a door's."""
    for operation in EVERYTHING:
        if fired in {kernel.partition(".")[0].lstrip("_") for kernel in operation.kernels}:
            return operation.name
    return doors_of(EVERYTHING).get(fired)


@pytest.mark.parametrize("expression", FORBIDDEN)
def test_a_kernel_is_trapped_however_it_is_reached(seen, expression):
    fired, raised = seen["scene_forbidden_by_kernels"][expression]
    assert fired, raised
    assert {operation_behind(name) for name in fired} - {None}
    assert raised in ("ForbiddenOperation", "RuntimeError")


@pytest.mark.parametrize("expression", FORBIDDEN | MODE_ONLY)
def test_a_function_is_refused_by_its_name(seen, expression):
    fired, raised = seen["scene_forbidden_under_the_mode"][expression]
    _, operation = (FORBIDDEN | MODE_ONLY)[expression]
    assert [operation_behind(name) for name in fired] == [operation]
    assert raised in ("ForbiddenOperation", "RuntimeError")


def test_inference_mode_is_no_way_round(seen):
    for expression, (fired, raised) in seen["scene_forbidden_in_inference"].items():
        assert fired and raised == "ForbiddenOperation", expression


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("expression", FREE)
def test_ordinary_operations_stay_free(seen, group, expression):
    assert seen["scene_free"][group][expression] == [[[], None], [[], None]]


def test_what_another_group_forbids_stays_free(seen):
    assert seen["scene_others_stay_free"] == [[], None]


def test_torchscript_is_no_way_round(seen):
    assert seen["scene_torchscript"] == [["softmax"], ["softmax"]]


def test_threads_are_no_way_round(seen):
    assert seen["scene_threads"] == ["softmax"]


def test_switching_the_mode_off_is_no_way_round(seen):
    assert seen["scene_disabled_modes"] == ["softmax"]


def test_a_swallowed_refusal_is_remembered_once_and_given_once(seen):
    assert seen["scene_swallowed"] == [["torch.Tensor.softmax", "torch.Tensor.logsumexp"], []]


def test_the_refusal_names_the_operation_and_asks(seen):
    kernel, name = seen["scene_words"]
    assert kernel.startswith("softmax is not to be used in this exercise.")
    assert name.startswith("torch.Tensor.softmax is not to be used in this exercise.")
    assert kernel.endswith("?")


def test_setting_traps_is_silent_and_imports_nothing(seen):
    assert seen["scene_silence"] == [[], []]


def test_traps_can_be_set_for_cuda_where_there_is_none(seen):
    assert seen["scene_cuda"] == [["softmax"], "ForbiddenOperation"]


def test_what_this_torch_does_not_have_is_passed_over(seen):
    assert seen["scene_unknown"] == [["torch.Tensor.softmax"], False]


def test_traps_share_nothing(seen):
    refused = "ForbiddenOperation"
    assert seen["scene_two_at_once"] == [[[], refused], ["softmax"], [[], refused], ["linear"]]


@pytest.mark.cuda
def test_kernels_on_a_device_are_trapped():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    code = (
        "import torch\n"
        "from grader.operations import SOFTMAX, kernels_of\n"
        "from grader.worker.traps import install\n"
        "traps = install(kernels_of(SOFTMAX), [], 'cuda')\n"
        "x = torch.ones(3, 4, device='cuda')\n"
        "x @ x.T\n"
        "assert traps.taken() == []\n"
        "try: x.softmax(-1)\n"
        "except RuntimeError: pass\n"
        "print(traps.taken())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "['softmax']", done.stderr


if __name__ == "__main__":
    main()
