"""The house keeps its layers: a module imports only from below, and few know pytest or click."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "grader"

# From the bottom up; a module may import from lower lines, or from further left on its own.
LAYERS = (
    ("worker.tensors", "worker.wire", "worker.objects", "worker.parts", "worker.devices",
     "worker.counting", "worker.measure", "worker.limits", "worker.traps",
     "worker.imports", "worker.asking", "worker.serve", "worker.nursery"),
    ("errors", "model", "operations", "words"),
    ("patterns.near", "patterns.places", "patterns.sums", "patterns.gaps", "patterns.amounts",
     "patterns.forms", "patterns.moves", "patterns.shapes", "patterns", "compare", "calls",
     "contracts", "asked", "cost", "suite"),
    ("config", "outline", "lessons", "stubs", "afresh", "shapes", "course", "spread",
     "reference", "bank", "programs", "recall", "submissions", "scopes", "rules", "progress",
     "affinity", "usage", "sandbox", "given", "exchange", "student", "seats", "plainly", "typed",
     "feedback", "catalogue", "reports", "doctor"),
    ("answers", "atlas", "fit", "pairs", "probes.reading", "probes.scale", "probes.visibility",
     "probes.influence", "probes.gradients", "probes.angles", "probes.rotation",
     "probes.magnitude", "probes.chance", "probes.plan", "probes", "diagnose", "plugin",
     "collected", "sitting", "steadiness", "carrying"),
    ("grade", "speed"),
    ("styles", "author", "figures", "trials", "survey", "verify"),
    ("cli.spelling", "cli.screen", "cli.loading", "cli.next_step", "cli.check", "cli.explain",
     "cli.hints", "cli.learn", "cli.speed", "cli.write", "cli", "__main__"),
)  # fmt: skip
ORDER = [name for layer in LAYERS for name in layer]
KNOW_PYTEST = {"plugin", "collected", "suite", "grade"}
KNOW_CLICK = {"cli", "errors"}
FREE_OF_TORCH = {
    "errors", "model", "operations", "config", "outline", "lessons", "stubs", "afresh", "course",
    "submissions", "scopes", "rules", "progress", "reports", "doctor", "affinity", "cli",
}  # fmt: skip


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if name != "__init__":
            found[name] = path
    return found


MODULES = modules()


def place(module: str) -> int:
    """The place in ORDER: a package stands for its modules unless they are named themselves."""
    while module not in ORDER:
        assert "." in module, f"grader.{module} stands in no layer"
        module = module.rpartition(".")[0]
    return ORDER.index(module)


def imports(path: Path, everywhere: bool = True) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def own(names: set[str]) -> set[str]:
    """Modules of the grader among imported names."""
    found = {name.removeprefix("grader.") for name in names if name.startswith("grader.")}
    return {name for name in found if name in MODULES}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_from_below(module):
    top = module.split(".")[0]
    for imported in own(imports(MODULES[module])):
        same_package = imported.split(".")[0] == top and top in ("reports",)
        if imported in ("worker", module) or same_package:
            continue
        assert place(imported) < place(module), f"grader.{module} imports grader.{imported}"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.startswith("worker")))
def test_the_other_process_imports_nothing_of_the_grader_but_the_worker(module):
    assert all(name.startswith("worker") for name in own(imports(MODULES[module])))


@pytest.mark.parametrize(
    "library, knowing", [("pytest", KNOW_PYTEST), ("click", KNOW_CLICK)], ids=["pytest", "click"]
)
def test_few_modules_know_pytest_and_click(library, knowing):
    users = {
        m for m, path in MODULES.items() if library in {n.split(".")[0] for n in imports(path)}
    }
    assert {user.split(".")[0] for user in users} <= knowing


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m.split(".")[0] in FREE_OF_TORCH))
def test_what_computes_no_tensor_does_not_import_torch(module):
    assert not {n.split(".")[0] for n in imports(MODULES[module], False)} & {"torch", "numpy"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_outgrows_its_sentence(module):
    source = MODULES[module].read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(source))


def test_no_module_is_a_drawer_for_odds_and_ends():
    names = {part for module in MODULES for part in module.split(".")}
    assert not names & {"utils", "helpers", "manager", "base", "common", "misc"}
