"""Who binds which name in a syntax tree, and what code leads to what other code.

Names are bound as Python binds them, by scope; in which order the statements of one scope
run is left open, so a name may be bound to several things. Nothing recurses with the depth
of the tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

# What a name may be bound to, apart from an expression or a dotted name ("torch.nn").
PERHAPS_A_TENSOR = "<perhaps a tensor>"
OWN = "<the learner's own>"  # or something that is surely no tensor

CONDITIONAL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NAMERS = frozenset("make_dataclass namedtuple NamedTuple setattr".split())

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(eq=False)
class Region:
    """Code reached as one: a function, a class without its methods, a module's statement."""

    leads_to: set[Region] = field(default_factory=set)
    asks_for: set[str] = field(default_factory=set)  # attributes
    methods: list[tuple[str, Region]] = field(default_factory=list)
    derived: bool = False  # a class whose bases may call any of its methods


class Binding(NamedTuple):
    """One thing a name may stand for."""

    value: str | ast.expr
    region: Region
    line: int


@dataclass(eq=False)
class Scope:
    """The names of a module, a class or a function."""

    kind: str  # "module", "class" or "function"
    outer: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)

    def lookup(self, name: str) -> list[Binding]:
        """What a name may be bound to, seen from here; nothing for a builtin."""
        scope: Scope | None = self
        while scope and name not in scope.bindings:
            scope = scope.outer
        return scope.bindings[name] if scope else []

    def within(self, kind: str) -> Scope:
        """A scope that stands in this one; a class's names are not seen from inside others."""
        outer: Scope | None = self
        while outer and outer.kind == "class":
            outer = outer.outer
        return Scope(kind, outer)


class Place(NamedTuple):
    """Where a node stands."""

    scope: Scope
    region: Region
    certain: bool = True  # under no condition

    def bind(self, name: str, value: str | ast.expr, line: int, *, replaces: bool = False) -> None:
        """Bind a name here, instead of what it was bound to or beside it."""
        bindings = self.scope.bindings.setdefault(name, [])
        if replaces and self.certain:
            bindings.clear()
        bindings.append(Binding(value, self.region, line))


Parts = Iterator[tuple[ast.AST, Place]]


class Code:
    """A module as scopes, bindings and regions."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope("module")
        self.stars: list[str] = []  # modules imported whole, in order
        self.attributes: set[str] = set()  # names that objects made here may have of their own
        self.uses: dict[ast.expr, Place] = {}  # names, attributes and calls, outer before inner
        self._given: dict[ast.expr, ast.expr] = {}  # target of an assignment -> its value
        todo: list[tuple[ast.AST, Place]] = [(tree, Place(self.module, Region()))]
        while todo:
            node, place = todo.pop()
            todo += reversed([*self._parts(node, place)])
        for use, place in self.uses.items():
            if isinstance(use, ast.Name):
                place.region.leads_to.update(b.region for b in place.scope.lookup(use.id))

    def reached_from(self, name: str) -> set[Region]:
        """All that may run when the module's `name` is called, or one of its public methods."""
        todo = [binding.region for binding in self.module.lookup(name)]
        asked = {method for region in todo for method, _ in region.methods if method[0] != "_"}
        reached: set[Region] = set()
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

    def _parts(self, node: ast.AST, place: Place) -> Parts:
        """Take note of a node; give what it is made of, each part with its place."""
        if isinstance(node, ast.stmt) and place.scope.kind == "module":
            place = place._replace(region=Region())
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self._definition(node, place)
            case ast.Lambda():
                inner = Place(place.scope.within("function"), place.region)
                _bind_arguments(node.args, inner, PERHAPS_A_TENSOR)
                return _at(place, _defaults(node.args), inner, [node.body])
            case ast.If() if never_runs(node.test):
                apart = Place(place.scope.within("function"), Region())
                return _at(apart, node.body, place, node.orelse)
            case ast.Assign():
                for target in node.targets:
                    self._give(target, node.value)
            case ast.NamedExpr():
                self._give(node.target, node.value)
            case ast.AnnAssign():  # the annotation is passed over: it is no use of anything
                if node.value:
                    self._give(node.target, node.value)
                return _at(place, [part for part in (node.target, node.value) if part])
            case ast.Import() | ast.ImportFrom():
                self._import(node, place)
            case ast.Global() | ast.Nonlocal():
                self._borrow(node, place)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                place.bind(name, PERHAPS_A_TENSOR, node.lineno)
            case ast.Name() | ast.Attribute() | ast.Call():
                self._use(node, place)
        if isinstance(node, CONDITIONAL):
            place = place._replace(certain=False)
        elif isinstance(node, COMPREHENSIONS):
            place = place._replace(scope=Scope("function", place.scope))
        return _at(place, ast.iter_child_nodes(node))

    def _definition(self, node: Definition, place: Place) -> Parts:
        around = place._replace(region=Region())
        around.bind(node.name, OWN, node.lineno, replaces=True)
        if place.scope.kind == "class":
            self.attributes.add(node.name)
            place.region.methods.append((node.name, around.region))
        if isinstance(node, ast.ClassDef):
            inner = Place(place.scope.within("class"), around.region)
            around.region.derived = bool(node.bases or node.keywords)
            outside: Iterable[ast.AST] = [*node.decorator_list, *node.bases, *node.keywords]
        else:
            inner = Place(place.scope.within("function"), around.region)
            static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
            bound = place.scope.kind == "class" and not static
            _bind_arguments(node.args, inner, OWN if bound else PERHAPS_A_TENSOR)
            outside = [*node.decorator_list, *_defaults(node.args)]
        return _at(around, outside, inner, node.body)

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        """Remember what a target is given, tuples part by part."""
        todo = [(target, value)]
        while todo:
            target, value = todo.pop()
            self._given[target] = value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                if len(target.elts) == len(value.elts):
                    todo += zip(target.elts, value.elts, strict=True)

    def _import(self, node: ast.Import | ast.ImportFrom, place: Place) -> None:
        source = source_of(node) + "." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(source[:-1])
                continue
            whole = bool(source or alias.asname)  # `import a.b` binds a, `import a.b as c` a.b
            value = source + (alias.name if whole else alias.name.partition(".")[0])
            name = alias.asname or value.rpartition(".")[2]
            place.bind(name, value, node.lineno, replaces=True)

    def _borrow(self, node: ast.Global | ast.Nonlocal, place: Place) -> None:
        """Let names of this scope be those of another."""
        origin = place.scope.outer if isinstance(node, ast.Nonlocal) else self.module
        for name in node.names:
            if origin:
                place.scope.bindings[name] = origin.bindings.setdefault(name, [])

    def _use(self, node: ast.Name | ast.Attribute | ast.Call, place: Place) -> None:
        match node:
            case ast.Name(ctx=ast.Store()):
                place.bind(node.id, self._given.get(node, PERHAPS_A_TENSOR), node.lineno)
                if place.scope.kind == "class":
                    self.attributes.add(node.id)
                return
            case ast.Attribute(ctx=ast.Store()):
                self.attributes.add(node.attr)
                return
            case ast.Attribute():
                place.region.asks_for.add(node.attr)
            case ast.Call():
                self.attributes.update(word.arg for word in node.keywords if word.arg)
                if _last_name(node.func) in NAMERS:
                    ...
        self.uses[node] = place
