"""Who binds which name in a syntax tree, and which code leads to which.

Names belong to scopes as in Python. In what order the statements of a scope run is left
open, so a name may stand for several things. Nothing recurses as deep as the tree does.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

# What a name may stand for, apart from an expression or a dotted name ("torch.nn").
PERHAPS_A_TENSOR = "<perhaps a tensor>"
OWN = "<the learner's own>"  # or something else that is surely no tensor
NOTHING = "<None>"

CONDITIONAL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NAMERS = frozenset(("make_dataclass", "namedtuple", "NamedTuple", "setattr"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(eq=False)
class Region:
    """Code reached as one: a function, a class without its methods, a module's statement."""

    leads_to: set[Name] = field(default_factory=set)
    asks_for: set[str] = field(default_factory=set)  # attributes; "*" for any
    methods: list[tuple[str, Region]] = field(default_factory=list)
    derived: bool = False  # a class whose bases may call any of its methods


class Binding(NamedTuple):
    """One thing a name may stand for."""

    value: str | ast.expr
    region: Region
    line: int


@dataclass(eq=False)
class Name:
    """A name of one scope, and all that it may stand for."""

    bindings: list[Binding] = field(default_factory=list)


@dataclass(eq=False)
class Scope:
    """The names of a module, a class or a function."""

    kind: str  # "module", "class" or "function"
    outer: Scope | None = None
    names: dict[str, Name] = field(default_factory=dict)

    def lookup(self, name: str) -> Name | None:
        """The name as it is seen from here; None where nobody binds it."""
        scope: Scope | None = self
        while scope and name not in scope.names:
            scope = scope.outer
        return scope.names[name] if scope else None

    def within(self, kind: str) -> Scope:
        """A scope that stands in this one; a class's names are not seen from such."""
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
        """Have a name stand for a value, beside whatever else it stands for or instead."""
        bindings = self.scope.names.setdefault(name, Name()).bindings
        if replaces and self.certain:
            bindings.clear()
        bindings.append(Binding(value, self.region, line))


Parts = list[tuple[ast.AST, Place]]


class Code:
    """A module as scopes, names and regions."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope("module")
        self.stars: list[str] = []  # modules imported whole, in order
        self.attributes: set[str] = set()  # what objects made here may have of their own
        self.uses: dict[ast.expr, Place] = {}  # names, attributes and so on, outer before inner
        self.names: dict[ast.expr, Name] = {}  # those of the uses that are bound names
        self.statements: list[list[ast.expr]] = [[]]  # the uses, statement by statement
        self._given: dict[ast.expr, ast.expr] = {}  # a name on the left -> what is on the right
        todo: list[tuple[ast.AST, Place]] = [(tree, Place(self.module, Region()))]
        while todo:
            todo += reversed(self._parts(*todo.pop()))
        for use, place in self.uses.items():
            if isinstance(use, ast.Name) and (name := place.scope.lookup(use.id)):
                self.names[use] = name
                place.region.leads_to.add(name)

    def reached_from(self, name: str, without: Iterable[str] = ()) -> set[Region]:
        """All that may run when the module's `name`, or a public method of it, is called."""
        graded = self.module.names.get(name, Name())
        asked = {m for b in graded.bindings for m, _ in b.region.methods if not m.startswith("_")}
        names, regions = {graded, *map(self.module.names.get, without)}, set[Region]()
        waiting: defaultdict[str, list[Region]] = defaultdict(list)  # methods by name
        todo = [binding.region for binding in graded.bindings]
        while todo:
            region = todo.pop()
            if region in regions:
                continue
            regions.add(region)
            todo += [b.region for found in region.leads_to - names for b in found.bindings]
            names |= region.leads_to
            asked |= region.asks_for
            for called, method in region.methods:
                always = region.derived or called.startswith("__")
                (todo if always else waiting[called]).append(method)
            for called in list(waiting) if "*" in asked else waiting.keys() & asked:
                todo += waiting.pop(called)
        return regions

    def _parts(self, node: ast.AST, place: Place) -> Parts:
        """Take note of a node; give what it is made of, each part with its place."""
        if isinstance(node, ast.stmt):
            self.statements.append([])
            if place.scope.kind == "module":
                place = place._replace(region=Region())
        match node:  # the frequent first
            case ast.Name():
                self._name(node, place)
                return []
            case ast.Attribute() | ast.Subscript() | ast.Call():
                self._use(node, place)
            case ast.IfExp() | ast.BoolOp():
                self._note(node, place)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self._definition(node, place)
            case ast.Lambda():
                inner = place._replace(scope=place.scope.within("function"))
                _bind_arguments(node.args, inner, PERHAPS_A_TENSOR)
                return _at(place, _defaults(node.args)) + _at(inner, [node.body])
            case ast.If() if never_runs(node.test):
                apart = Place(place.scope.within("function"), Region())
                return _at(apart, node.body) + _at(place, node.orelse)
            case ast.Assign():
                self._give(node.targets, node.value, place)
            case ast.AnnAssign() | ast.NamedExpr():  # an annotation is passed over: it uses nothing
                self._give([node.target], node.value, place)
                return _at(place, [part for part in (node.target, node.value) if part])
            case ast.Import() | ast.ImportFrom():
                self._import(node, place)
            case ast.Global() | ast.Nonlocal():
                self._borrow(node, place)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                place.bind(name, PERHAPS_A_TENSOR, node.lineno)
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
        outside: list[ast.AST] = [*node.decorator_list]
        if isinstance(node, ast.ClassDef):
            inner = Place(place.scope.within("class"), around.region)
            around.region.derived = bool(node.bases or node.keywords)
            outside += [*node.bases, *node.keywords]
        else:
            inner = Place(place.scope.within("function"), around.region)
            method = place.scope.kind == "class" and not any(map(_is_static, node.decorator_list))
            _bind_arguments(node.args, inner, OWN if method else PERHAPS_A_TENSOR)
            outside += _defaults(node.args)
        return _at(around, outside) + _at(inner, node.body)

    def _give(self, targets: list[ast.expr], value: ast.expr | None, place: Place) -> None:
        """Remember what names are given, tuples part by part."""
        todo = [(target, value) for target in targets if value]
        while todo:
            target, given = todo.pop()
            match target, given:
                case ast.Name(), ast.expr():
                    self._given[target] = given
                case ast.Tuple(lefts), ast.Tuple(rights) if len(lefts) == len(rights):
                    todo += zip(lefts, rights, strict=True)
                case ((ast.Attribute() | ast.Subscript()), _) if place.scope.kind == "module":
                    while isinstance(target, (ast.Attribute, ast.Subscript)):
                        target = target.value
                    if isinstance(target, ast.Name):  # what it holds now leads here as well
                        place.bind(target.id, NOTHING, target.lineno)

    def _import(self, node: ast.Import | ast.ImportFrom, place: Place) -> None:
        source = source_of(node) + "." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(source[:-1])
                continue
            top = alias.name if source or alias.asname else alias.name.partition(".")[0]
            place.bind(alias.asname or top, source + top, node.lineno, replaces=True)

    def _borrow(self, node: ast.Global | ast.Nonlocal, place: Place) -> None:
        """Make names of this scope those of another."""
        origin = (isinstance(node, ast.Nonlocal) and place.scope.outer) or self.module
        for name in node.names:
            place.scope.names[name] = origin.names.setdefault(name, Name())

    def _name(self, node: ast.Name, place: Place) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(node, place)
        elif isinstance(node.ctx, ast.Store):
            place.bind(node.id, self._given.get(node, PERHAPS_A_TENSOR), node.lineno)
            if place.scope.kind == "class":
                self.attributes.add(node.id)

    def _use(self, node: ast.Attribute | ast.Subscript | ast.Call, place: Place) -> None:
        if isinstance(node, ast.Call):
            self.attributes.update(_names_made(node))
        elif not isinstance(node.ctx, ast.Load):
            if isinstance(node, ast.Attribute):
                self.attributes.add(node.attr)
            return
        elif isinstance(node, ast.Attribute):
            place.region.asks_for.add(node.attr)
        self._note(node, place)

    def _note(self, node: ast.expr, place: Place) -> None:
        self.uses[node] = place
        self.statements[-1].append(node)


def source_of(node: ast.ImportFrom) -> str:
    """The module that names are imported from, dots of a relative one included."""
    return "." * node.level + (node.module or "")


def never_runs(test: ast.expr) -> bool:
    """Whether this is the condition of code that grading does not run: `__main__` and such."""
    match test:
        case ast.BoolOp(ast.And(), parts):
            return any(_says_not_now(part) for part in parts)
    return _says_not_now(test)


def _says_not_now(test: ast.expr) -> bool:
    match test:
        case ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
        case ast.Compare(ast.Constant("__main__"), [ast.Eq()], [ast.Name("__name__")]):
            return True
    return False


def _at(place: Place, parts: Iterable[ast.AST]) -> Parts:
    return [(part, place) for part in parts if part._fields]  # not the Load of every name


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *filter(None, arguments.kw_defaults)]


def _bind_arguments(arguments: ast.arguments, place: Place, first: str) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    others = [*arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
    for argument in positional + others:
        value = first if positional and argument is positional[0] else PERHAPS_A_TENSOR
        place.bind(argument.arg, value, argument.lineno)


def _is_static(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == "staticmethod"


def _names_made(call: ast.Call) -> Iterator[str]:
    """Attributes that a call may give an object: its keywords, and the words for a namer."""
    yield from (keyword.arg for keyword in call.keywords if keyword.arg)
    called = getattr(call.func, "id", getattr(call.func, "attr", ""))
    for part in chain.from_iterable(map(ast.walk, call.args if called in NAMERS else ())):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from part.value.replace(",", " ").split()
