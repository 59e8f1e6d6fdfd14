"""Forbidden calls, found in a submission's syntax tree alone.

Names are followed as Python binds them: through imports, aliases, scopes, and `getattr`
with a literal. What cannot be followed is let go: wrong blame is worse than a miss, since
the traps in the worker see what is really run. Nothing recurses as deep as the tree does.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.operations import Operation, behind, doors_of
from grader.scopes import NOTHING, OWN, PERHAPS_A_TENSOR, Code, Name, Region

PLAIN_IMPORTS: frozenset[str] = frozenset((
    "__future__", "abc", "collections", "copy", "dataclasses", "enum", "functools", "itertools",
    "math", "numpy", "operator", "random", "time", "torch", "typing", "warnings",
))  # fmt: skip
MAX_PASSES = 8
MAX_NESTING = 40  # of literals: nobody who means to be read goes further
MAX_NAME = 200
MOST_STARS = 20  # different modules imported whole; of more, the first are let go
MAX_SPELLING = 60
TENSOR_BUILTINS = frozenset(f"builtins.{name}" for name in ("abs", "max", "min", "next", "sum"))

Use = tuple[str, str, int, Region]  # operation, spelling, line, and the code it stands in


@dataclass(frozen=True)
class Finding:
    """A place where a forbidden operation is used, called or not."""

    operation: str  # as learners say it: "softmax"
    spelling: str  # as it is written there: "F.softmax"
    line: int
    functions: tuple[str, ...]  # the graded ones it can be reached from; none where it is unused


def forbidden_calls(
    tree: ast.Module,
    forbidden: frozenset[Operation],
    functions: Sequence[str],
    given: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Every use of a forbidden operation, in the order of lines.

    given: functions of the module that something else stands in for; they lead nowhere.
    """
    code = Code(tree)
    judge = _Judge(code, doors_of(forbidden), {m for op in forbidden for m in op.methods})
    places = [*judge.uses(), *judge.graded_imports(functions)]
    reached = {name: code.reached_from(name, given) for name in functions}
    found = {
        Finding(operation, spelling, line, tuple(f for f in functions if region in reached[f]))
        for operation, spelling, line, region in places
    }
    return tuple(sorted(found, key=lambda f: (f.line, f.spelling, f.functions)))


def builds_on(tree: ast.Module, function: str, others: Sequence[str]) -> bool:
    """Whether any of these functions of a module can be reached from another one."""
    return bool(building_on(tree, [function], others))


def building_on(tree: ast.Module, functions: Sequence[str], others: Sequence[str]) -> set[str]:
    """The functions of a module from which any of these others can be reached."""
    code = Code(tree)
    names = (code.module.names.get(other, Name()) for other in others)
    regions = {binding.region for name in names for binding in name.bindings}
    return {f for f in functions if not regions.isdisjoint(code.reached_from(f))}


# -- what expressions stand for ---------------------------------------------------


class _Judge:
    """Knows what the expressions of a module stand for, and which of that is forbidden."""

    def __init__(self, code: Code, doors: dict[str, str], methods: set[str]) -> None:
        self._code = code
        self._doors = doors
        # A name that the learner's own objects may have says nothing about tensors.
        self._methods = set() if "__getattr__" in code.attributes else methods - code.attributes
        self._known: dict[ast.expr, str] = {}
        self._joined: dict[Name, str] = {}
        self._imported: dict[Name, bool] = {}
        self._stars = list(dict.fromkeys(reversed(code.stars)))[:MOST_STARS]  # the last first
        self._settle()

    def _settle(self) -> None:
        """Go through the code until nothing new is learnt: what uses a name may stand above it."""
        for _ in range(MAX_PASSES):
            changed: dict[ast.expr, str] = {}
            self._joined.clear()
            for statement in self._code.statements:
                for node in reversed(statement):  # inner before outer
                    meaning = self._meaning(node)
                    if self._known.get(node) != meaning:
                        self._known[node] = changed[node] = meaning
            if not changed:
                return
        self._known.update(dict.fromkeys(changed, OWN))

    def uses(self) -> Iterator[Use]:
        """The uses of forbidden operations; of a dotted name only the whole of it."""
        inside: set[ast.expr] = set()
        for node, place in self._code.uses.items():
            operation, part = self._operation(node), self._part(node)
            if operation and node not in inside:
                line = node.end_lineno if isinstance(node, ast.Attribute) else None
                yield operation, _spelling(node), line or node.lineno, place.region
            if part and (operation or node in inside):
                inside.add(part[0])
            if isinstance(node, ast.Call) and self._is_getattr(node.func):
                place.region.asks_for.add(part[1] if part else "*")

    def graded_imports(self, functions: Sequence[str]) -> Iterator[Use]:
        """What is imported under a graded function's name, and so handed in as it is."""
        for function in functions:
            for value, region, line in self._code.module.names.get(function, Name()).bindings:
                operation = behind(value, self._doors) if isinstance(value, str) else None
                if operation:
                    yield operation, str(value), line, region

    def _operation(self, node: ast.expr) -> str | None:
        """The forbidden operation that an expression is, if it is one and not another's alias."""
        part = self._part(node)
        if part and part[1] in self._methods and self._of(part[0]) == PERHAPS_A_TENSOR:
            return self._doors[f"torch.Tensor.{part[1]}"]
        operation = behind(self._of(node), self._doors)
        if operation is None or isinstance(node, (ast.IfExp, ast.BoolOp)):
            return None
        name = self._code.names.get(node)  # a variable was given it elsewhere: that is the use
        return operation if name is None or self._is_imported(name) else None

    def _is_imported(self, name: Name) -> bool:
        """Whether an import, or a definition, is among what a name may stand for."""
        if name not in self._imported:
            self._imported[name] = any(isinstance(b.value, str) for b in name.bindings)
        return self._imported[name]

    def _of(self, node: ast.expr) -> str:
        """The dotted name an expression stands for, or one of the three words for the rest."""
        while isinstance(node, ast.NamedExpr):
            node = node.value
        if node in self._code.uses:
            return self._known.get(node, NOTHING)
        match node:
            case ast.Constant(None):
                return NOTHING
            case ast.Constant() | ast.JoinedStr() | ast.Lambda() | ast.Dict() | ast.Set():
                return OWN
        return PERHAPS_A_TENSOR

    def _meaning(self, node: ast.expr) -> str:
        """What a use stands for, by what is known of its parts."""
        part = self._part(node)
        if part:
            return _attribute(self._of(part[0]), part[1])
        match node:
            case ast.Name(identifier):
                name = self._code.names.get(node)
                return self._name(name) if name and name.bindings else self._unbound(identifier)
            case ast.Subscript(container, key):
                return self._item(self._of(container), key)
            case ast.Call(called):
                return self._result(node, self._of(called))
            case ast.IfExp(_, first, second):
                return self._agreed([first, second])
            case ast.BoolOp(_, parts):
                return self._agreed(parts)
        return OWN

    def _part(self, node: ast.expr) -> tuple[ast.expr, str] | None:
        """The x and the y of `x.y` and of `getattr(x, "y")`."""
        match node:
            case ast.Attribute(value, attribute):
                return value, attribute
            case ast.Call(called, [value, literal, *_]) if self._is_getattr(called):
                text = self._text(literal)
                return (value, text) if text else None
        return None

    def _is_getattr(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == "getattr" and node not in self._code.names

    def _name(self, name: Name) -> str:
        if name not in self._joined:
            self._joined[name] = self._agreed([binding.value for binding in name.bindings])
        return self._joined[name]

    def _agreed(self, values: Sequence[str | ast.expr]) -> str:
        """What all of these stand for alike; None, or a name's own earlier self, adds nothing."""
        meanings = {v if isinstance(v, str) else self._of(v) for v in values} - {NOTHING}
        single = meanings.pop() if meanings else NOTHING
        return OWN if meanings else single

    def _unbound(self, name: str) -> str:
        """A builtin, or what `from ... import *` brought."""
        for module in self._stars:
            if behind(f"{module}.{name}", self._doors):
                return f"{module}.{name}"
            if module.partition(".")[0] not in PLAIN_IMPORTS:
                return OWN  # it may bring anything
        return f"builtins.{name}"

    def _item(self, container: str, key: ast.expr) -> str:
        """What stands in a container under a key."""
        module, _, last = container.rpartition(".")
        text = self._text(key)
        if container in (PERHAPS_A_TENSOR, NOTHING):
            return container
        if text and container == "sys.modules":
            return text
        return f"{module}.{text}" if text and last == "__dict__" else OWN

    def _result(self, call: ast.Call, called: str) -> str:
        """What a call gives."""
        first = call.args[0] if call.args else ast.Constant(None)
        match called:
            case "importlib.import_module":
                return self._text(first) or OWN
            case "builtins.__import__":
                name = self._text(first) or OWN
                return name if len(call.args) > 3 or call.keywords else name.partition(".")[0]
            case "builtins.vars":
                return _attribute(self._of(first), "__dict__")
            case _ if called in TENSOR_BUILTINS or called.partition(".")[0] == "torch":
                return PERHAPS_A_TENSOR
        # A function of the learner's own gives what it likes; one from elsewhere no tensor.
        return {OWN: PERHAPS_A_TENSOR, PERHAPS_A_TENSOR: called, NOTHING: called}.get(called, OWN)

    def _text(self, node: ast.expr, depth: int = 0) -> str | None:
        """The string that a literal says, whole or in pieces or by a name."""
        match node:
            case ast.Constant(str(text)):
                return text
            case ast.BinOp(left, ast.Add(), right) if depth < MAX_NESTING:
                first, second = self._text(left, depth + 1), self._text(right, depth + 1)
                return None if first is None or second is None else first + second
            case ast.Name() if node in self._code.names:
                match self._code.names[node].bindings:
                    case [(ast.Constant(str(text)), _, _)]:
                        return text
        return None


def _attribute(meaning: str, attribute: str) -> str:
    if meaning in (PERHAPS_A_TENSOR, OWN, NOTHING):
        return meaning
    dotted = f"{meaning}.{attribute}"
    return dotted if len(dotted) < MAX_NAME else OWN


def _spelling(node: ast.expr) -> str:
    """How a use is written, if that is short; else its last part."""
    part = f".{node.attr}" if isinstance(node, ast.Attribute) else ""
    if sum(1 for _ in itertools.islice(ast.walk(node), MAX_SPELLING)) == MAX_SPELLING:
        return part or "…"  # a long chain would be written out again for each of its links
    try:
        written = ast.unparse(node)
    except RecursionError:
        written = ""
    if written and len(written) <= MAX_SPELLING and "\n" not in written:
        return written
    return part or written[:MAX_SPELLING] + "…"
