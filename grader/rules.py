"""Forbidden calls, and imports beyond the list, found in a submission's syntax tree alone.

Names are followed as Python binds them: through imports, aliases, scopes, and `getattr`
with a literal. What cannot be followed is let go: wrong blame is worse than a miss, since
the traps in the worker see what is really run. Nothing recurses as deep as the tree does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from grader.operations import Operation, behind, doors_of

PLAIN_IMPORTS: frozenset[str] = frozenset(
    "__future__ abc collections copy dataclasses enum functools itertools math numpy operator"
    " random time torch typing warnings".split()
)
# What an expression may stand for, apart from a dotted name from elsewhere ("torch.nn").
PERHAPS_A_TENSOR, OWN, NOTHING = "<perhaps a tensor>", "<the learner's own>", "<None>"
MAX_HOPS = 40  # from name to assignment to name: nobody who means to be read goes further
TENSOR_BUILTINS = frozenset(f"builtins.{name}" for name in ("abs", "max", "min", "next", "sum"))
NAMERS = frozenset("make_dataclass namedtuple NamedTuple setattr".split())
CONDITIONAL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Finding:
    """A place where a forbidden operation is used, called or not."""

    operation: str  # as learners say it: "softmax"
    spelling: str  # as it is written there: "F.softmax"
    line: int
    functions: tuple[str, ...]  # the graded ones it can be reached from; none where it is unused


@dataclass(frozen=True)
class Import:
    """An import of what is not on the list."""

    name: str  # "matplotlib.pyplot"
    line: int


def forbidden_calls(
    tree: ast.Module, forbidden: frozenset[Operation], functions: Sequence[str]
) -> tuple[Finding, ...]:
    """Every use of a forbidden operation, in the order of lines."""
    code = _Code(tree)
    judge = _Judge(code, doors_of(forbidden), {m for op in forbidden for m in op.methods})
    places = [*judge.uses(), *judge.graded_imports(functions)]
    reached = {name: code.reached_from(name) for name in functions}
    found = {
        Finding(operation, spelling, line, tuple(f for f in functions if region in reached[f]))
        for operation, spelling, line, region in places
    }
    return tuple(sorted(found, key=lambda f: (f.line, f.spelling, f.functions)))


def unlisted_imports(tree: ast.Module, allowed: frozenset[str]) -> tuple[Import, ...]:
    """Imports whose top-level name is not allowed, in the order of lines.

    Those that never run while grading (under `__main__` or `TYPE_CHECKING`) do not count.
    """
    found: set[Import] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found.update(Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(Import(_source_of(node), node.lineno))
        if isinstance(node, ast.If) and _never_runs(node.test):
            todo += node.orelse
        elif not isinstance(node, ast.expr):
            todo += ast.iter_child_nodes(node)
    unlisted = (found for found in found if found.name.partition(".")[0] not in allowed)
    return tuple(sorted(unlisted, key=lambda found: (found.line, found.name)))


def _source_of(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


def _never_runs(test: ast.expr) -> bool:
    """Whether this is the condition of code that grading does not run."""
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    for part in parts:
        match part:
            case ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                return True
            case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
                return True
            case ast.Compare(ast.Constant("__main__"), [ast.Eq()], [ast.Name("__name__")]):
                return True
    return False


# -- who binds which name, and what leads where --------------------------------------


@dataclass(eq=False)
class _Region:
    """Code reached as one: a function, a class without its methods, a module's statement."""

    leads_to: set[_Region] = field(default_factory=set)
    asks_for: set[str] = field(default_factory=set)  # attributes
    methods: list[tuple[str, _Region]] = field(default_factory=list)
    derived: bool = False  # a class whose bases may call any of its methods


@dataclass(eq=False)
class _Scope:
    kind: str  # module, class or function
    outer: _Scope | None = None
    bindings: dict[str, list[_Binding]] = field(default_factory=dict)

    def lookup(self, name: str) -> list[_Binding]:
        """What a name may be bound to, seen from here."""
        scope: _Scope | None = self
        while scope and name not in scope.bindings:
            scope = scope.outer
        return scope.bindings[name] if scope else []

    def body(self) -> _Scope:
        """The scope of a function that stands here; a class's names are not seen from it."""
        outer: _Scope | None = self
        while outer and outer.kind == "class":
            outer = outer.outer
        return _Scope("function", outer)


class _Binding(NamedTuple):
    value: str | ast.expr
    region: _Region
    line: int


class _Place(NamedTuple):
    scope: _Scope
    region: _Region
    certain: bool = True  # not under a condition

    def bind(self, name: str, value: str | ast.expr, line: int, replaces: bool = False) -> None:
        bindings = self.scope.bindings.setdefault(name, [])
        if replaces and self.certain:
            bindings.clear()
        bindings.append(_Binding(value, self.region, line))


class _Code:
    """A submission as scopes, bindings and regions."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = _Scope("module")
        self.stars: list[str] = []
        self.own_attributes: set[str] = set()  # what the learner's own objects may have
        self.uses: dict[ast.expr, _Place] = {}  # names, attributes and calls
        self._given: dict[ast.expr, ast.expr] = {}  # what an assignment gives to a target
        todo: list[tuple[ast.AST, _Place]] = [(tree, _Place(self.module, _Region()))]
        while todo:
            node, place = todo.pop()
            todo += reversed([*self._parts(node, place)])
        for node, place in self.uses.items():
            if isinstance(node, ast.Name):
                place.region.leads_to.update(b.region for b in place.scope.lookup(node.id))

    def reached_from(self, name: str) -> set[_Region]:
        """All that may run when the module's `name` is called, or its public methods are."""
        todo = [binding.region for binding in self.module.lookup(name)]
        asked = {method for region in todo for method, _ in region.methods if method[0] != "_"}
        reached: set[_Region] = set()
        while todo:
            region = todo.pop()
            if region not in reached:
                reached.add(region)
                asked |= region.asks_for
                todo += region.leads_to
            todo = todo or [
                inner for outer in reached for method, inner in outer.methods
                if inner not in reached and (outer.derived or method in asked or method[:2] == "__")
            ]  # fmt: skip
        return reached

    def _parts(self, node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, _Place]]:
        """Take note of a node; what it is made of, each part with its place."""
        if isinstance(node, ast.stmt) and place.scope.kind == "module":
            place = place._replace(region=_Region())
        parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                return self._definition(node, place)
            case ast.If() if _never_runs(node.test):
                apart = _Place(place.scope.body(), _Region())
                return ((n, apart if n in node.body else place) for n in node.body + node.orelse)
            case ast.Assign():
                for target in node.targets:
                    self._give(target, node.value)
            case ast.AnnAssign() | ast.NamedExpr() if node.value:
                self._give(node.target, node.value)
                parts = (node.value, node.target)  # an annotation is no use
            case ast.Import() | ast.ImportFrom():
                self._import(node, place)
            case ast.Global() | ast.Nonlocal():
                origin = place.scope.outer if isinstance(node, ast.Nonlocal) else self.module
                for name in node.names:
                    place.scope.bindings[name] = (origin or self.module).bindings.setdefault(name, [])
            case ast.Name() | ast.Attribute() | ast.Call():
                self._note(node, place)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                place.bind(name, PERHAPS_A_TENSOR, node.lineno)
        if isinstance(node, CONDITIONAL):
            place = place._replace(certain=False)
        return ((part, place) for part in parts)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda, place: _Place) -> ...:
