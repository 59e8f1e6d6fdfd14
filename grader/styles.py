"""Wrong programs in a second style, to see that a mistake is known and not one spelling of it.

A file of `tests/submissions/restyled/` holds, under the names of an exercise's wrong
programs, the same mistakes as somebody else would write them. Each is made into a whole
submission: a right one, with the restyled function in the place of the one it stands for.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.course import Exercise, source_of
from grader.errors import CourseFault
from grader.model import Misconception
from grader.outline import parsed

SUBMISSIONS = Path("tests", "submissions")
Function = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Restyled:
    """The wrong programs of one exercise, written once more."""

    exercise: Exercise

    @property
    def path(self) -> Path:
        """Where they stand."""
        return self.exercise.root / SUBMISSIONS / "restyled" / f"{self.exercise.id}.py"

    @cached_property
    def _tree(self) -> ast.Module:
        if not self.path.exists():
            return ast.Module([], [])
        return parsed(source_of(self.path), str(self.path))

    @cached_property
    def programs(self) -> dict[str, Function]:
        """The restyled functions (or classes) by name."""
        nodes = (n for n in self._tree.body if isinstance(n, Function) and n.name[0] != "_")
        return {node.name: node for node in nodes}

    def submission(self, wrong: Misconception) -> str:
        """The source of a submission that makes this mistake and is right otherwise."""
        name = wrong.id.rpartition(".")[2]
        shared = [node for node in self._tree.body if self._is_shared(node)]
        text = ast.unparse(ast.Module([*shared, self.programs[name]], []))
        return f"{self._right_one}\n\n{text}\n\n\n{wrong.function} = {name}\n"

    def _is_shared(self, node: ast.stmt) -> bool:
        """Whether a statement serves them all: an import, a constant, a private function."""
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return False  # it could only stand first
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return not docstring and getattr(node, "name", "_")[0] == "_"

    @cached_property
    def _right_one(self) -> str:
        found = right_ones(self.exercise)
        if not found:
            raise CourseFault(f"{SUBMISSIONS / 'right'}: there is none for {self.exercise.id}")
        return source_of(found[0])


def right_ones(exercise: Exercise) -> list[Path]:
    """The right submissions in other styles, by name."""
    return sorted((exercise.root / SUBMISSIONS / "right").glob(f"{exercise.number}_*.py"))


def shared_statements(one: Function, other: Function, methods: Collection[str] = ()) -> list[str]:
    """The statements that two functions have in common, once their names are changed.

    Statements that do nothing (`return scores`, `x = y`) are not counted, nor what there is
    no other way to say: `cache.append(k, v)`, where `append` is one of the methods.
    """
    theirs = dict(_statements(other, methods))
    return [text for shape, text in _statements(one, methods) if shape in theirs]


def _statements(function: Function, methods: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each statement's shape, without the names a writer chooses, and its text."""
    for node in ast.walk(function):
        for part in _parts(node):
            does = any(isinstance(inner, _DOES) for inner in ast.walk(part))
            if does and not _only_asks(part, methods):
                yield _shape(part), ast.unparse(part)


_DOES = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Subscript, ast.BoolOp)


def _only_asks(part: ast.AST, methods: Collection[str]) -> bool:
    """Whether all that a statement does is to call one of these methods with plain names."""
    return (
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in methods
        and all(isinstance(inner, ast.Name) for inner in [part.func.value, *part.args])
        and not part.keywords
    )


def _parts(node: ast.AST) -> list[ast.AST]:
    """What is compared of a node: a simple statement, or the head of one that holds others."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.If | ast.While):
        return [node.test]
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return):
        return [node.value] if node.value else []
    return [node.value] if isinstance(node, ast.Expr) else []


def _shape(part: ast.AST) -> str:
    """The syntax tree with plain names numbered in the order of their appearance."""
    numbers: dict[str, str] = {}
    renamed = _Renamed(numbers).visit(ast.parse(ast.unparse(part), mode="eval"))
    return ast.dump(renamed)


class _Renamed(ast.NodeTransformer):
    def __init__(self, numbers: dict[str, str]) -> None:
        self._numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.Name:
        name = self._numbers.setdefault(node.id, f"v{len(self._numbers)}")
        return ast.Name(name, ast.Load())
