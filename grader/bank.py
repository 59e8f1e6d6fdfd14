"""The solutions as programs: the reference, and variants with one or two steps gone wrong.

A solution module is executed afresh for every variant and never enters `sys.modules`.
It imports what earlier exercises define as `solutions.<name without number>`; in a
variant those imports come from the variant's own executions, so that a wrong step makes
the wrong wholes that are built on it.
"""

from __future__ import annotations

import ast
import builtins
import types
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from grader.course import Course, Exercise
from grader.errors import CourseFault
from grader.model import Misconception
from grader.outline import Definition, bound_as, names_in, parsed

Program = TypeVar("Program", bound=Callable[..., Any])
Namespace = dict[str, Any]
PACKAGE = "solutions."


def misconception(target: Callable[..., Any], alike: str = "") -> Callable[[Program], Program]:
    """Mark a function (or class) as a wrong program that stands in for `target`.

    Its name is the stable id, the first line of its docstring the diagnosis, the rest of
    the docstring the hint. alike: one above that no call can tell from it, and why, as in
    "adds_the_mask: softmax is shift-invariant"; both are named then. The mark is read in
    the source, where its arguments must be literal.
    """
    return lambda program: program


@dataclass(frozen=True)
class Solution:
    """One solution's source, compiled, with what stands in it and what it builds on."""

    exercise: Exercise
    code: types.CodeType
    functions: tuple[str, ...]
    misconceptions: tuple[Misconception, ...]
    builds_on: tuple[str, ...]  # names without number
    mentions: Mapping[str, frozenset[str]]  # the names each definition or import mentions
    plain: bool  # nothing in it but functions that find each other by name when they are called


@dataclass
class Bank:
    """All solutions of a course, loaded when they are first asked for."""

    course: Course
    _solutions: dict[str, Solution] = field(default_factory=dict)
    _right: dict[str, Namespace] = field(default_factory=dict)  # executions shared by variants
    _wrongs: dict[str, tuple[Misconception, ...]] = field(default_factory=dict)
    _families: dict[str, tuple[Exercise, ...]] = field(default_factory=dict)
    _plain: dict[str, bool] = field(default_factory=dict)
    _reach: dict[tuple[str, str, frozenset[str]], dict[str, int]] = field(default_factory=dict)

    def solution(self, exercise: Exercise) -> Solution:
        """The solution of an exercise; raises `CourseFault` where it cannot be compiled."""
        if exercise.id not in self._solutions:
            self._solutions[exercise.id] = _read(exercise)
        return self._solutions[exercise.id]

    @cached_property
    def _by_name(self) -> dict[str, Exercise]:
        return {exercise.name: exercise for exercise in self.course.exercises}

    def reference(self, exercise: Exercise) -> Namespace:
        """The right functions."""
        return self.variant(exercise, ())

    def misconceptions(self, exercise: Exercise) -> tuple[Misconception, ...]:
        """The wrong programs that can show here: this exercise's own, then those it builds on."""
        if exercise.id not in self._wrongs:
            solutions = map(self.solution, self._family(exercise))
            self._wrongs[exercise.id] = tuple(w for one in solutions for w in one.misconceptions)
        return self._wrongs[exercise.id]

    def variant(self, exercise: Exercise, wrongs: Sequence[Misconception]) -> Namespace:
        """The exercise's functions with each of `wrongs` in the place of what it stands in for."""
        wrong_ones = {wrong.id.partition(".")[0] for wrong in wrongs}
        done = {
            right.id: self._right_namespace(right)
            for right in self._family(exercise)
            if wrong_ones.isdisjoint(one.id for one in self._family(right))
        }
        return dict(self._execute(exercise, wrongs, done))

    def reach(
        self, exercise: Exercise, name: str, without: frozenset[str] = frozenset()
    ) -> Mapping[str, int]:
        """What a function builds on, as "02_scaled_scores.dot_scores", and over how many steps.

        The function itself is there too, at 0. without: what is not to be passed through.
        """
        key = (exercise.id, name, without)
        if key not in self._reach:
            found, waiting = {f"{exercise.id}.{name}": 0}, deque([(exercise, name)])
            while waiting:
                owner, one = waiting.popleft()
                steps = found[f"{owner.id}.{one}"] + 1
                for part in self._parts(owner, one):
                    qualified = f"{part[0].id}.{part[1]}"
                    if qualified not in found and qualified not in without:
                        found[qualified] = steps
                        waiting.append(part)
            self._reach[key] = found
        return self._reach[key]

    def _parts(self, exercise: Exercise, name: str) -> Iterator[tuple[Exercise, str]]:
        """What a definition mentions, where it was defined."""
        solution = self.solution(exercise)
        for mentioned in solution.mentions.get(name, ()):
            owner, dot, original = mentioned.rpartition(".")
            if dot:
                yield self._named(owner), original
            elif mentioned in solution.mentions:
                yield exercise, mentioned

    def _family(self, exercise: Exercise) -> tuple[Exercise, ...]:
        """An exercise and all that it builds on."""
        if exercise.id not in self._families:
            found = {exercise.id: exercise}
            for name in self.solution(exercise).builds_on:
                found |= {one.id: one for one in self._family(self._named(name))}
            self._families[exercise.id] = tuple(found.values())
        return self._families[exercise.id]

    def _right_namespace(self, exercise: Exercise) -> Namespace:
        if exercise.id not in self._right:
            self._execute(exercise, (), self._right)
        return self._right[exercise.id]

    def _named(self, name: str) -> Exercise:
        if name not in self._by_name:
            raise CourseFault(f"a solution builds on solutions.{name}, which no exercise is called")
        return self._by_name[name]

    def _execute(
        self, exercise: Exercise, wrongs: Sequence[Misconception], done: dict[str, Namespace]
    ) -> Namespace:
        if exercise.id in done:
            return done[exercise.id]
        if wrongs and self._is_plain(exercise):
            namespace = self._rebuilt(exercise, wrongs, done)
        else:
            namespace = self._executed(exercise, wrongs, done)
        own = [wrong for wrong in wrongs if wrong.id.partition(".")[0] == exercise.id]
        _rebind(namespace, {wrong.function: wrong.id.rpartition(".")[2] for wrong in own})
        done[exercise.id] = namespace
        return namespace

    def _is_plain(self, exercise: Exercise) -> bool:
        """Whether its functions may be rebuilt one by one, whatever else it builds on."""
        if exercise.id not in self._plain:
            solution, right = self.solution(exercise), self._right_namespace(exercise)
            self._plain[exercise.id] = solution.plain and all(
                isinstance(right[name], types.FunctionType) for name in solution.mentions
            )
        return self._plain[exercise.id]

    def _rebuilt(
        self, exercise: Exercise, wrongs: Sequence[Misconception], done: dict[str, Namespace]
    ) -> Namespace:
        """What an execution would give of a plain solution, in a tenth of its time."""
        right = self._right_namespace(exercise)
        namespace = dict(right)
        solution = self.solution(exercise)
        idle = {m.id for m in solution.misconceptions} - {wrong.id for wrong in wrongs}
        for name, mentioned in solution.mentions.items():
            if f"{exercise.id}.{name}" in idle:
                continue
            if right[name].__globals__ is right:
                namespace[name] = _with_globals(right[name], namespace)
            else:  # it comes from an earlier exercise
                owner, _, original = next(iter(mentioned)).rpartition(".")
                namespace[name] = self._execute(self._named(owner), wrongs, done)[original]
        return namespace

    def _executed(
        self, exercise: Exercise, wrongs: Sequence[Misconception], done: dict[str, Namespace]
    ) -> Namespace:
        def importing(name: str, *rest: Any) -> Any:
            if not name.startswith(PACKAGE):
                return builtins.__import__(name, *rest)
            built_on = self._named(name.removeprefix(PACKAGE))
            return types.SimpleNamespace(**self._execute(built_on, wrongs, done))

        namespace: Namespace = {
            "__name__": PACKAGE + exercise.name,
            "__file__": str(exercise.solution),
            "__builtins__": dict(vars(builtins)) | {"__import__": importing},
        }
        try:
            exec(self.solution(exercise).code, namespace)  # noqa: S102 - the course's own
        except Exception as error:
            says = f"{exercise.source.file}: {type(error).__name__}: {error}"
            raise CourseFault(says) from error
        return namespace


def _rebind(namespace: Namespace, wrongs: Mapping[str, str]) -> None:
    """Let wrong programs stand in for their targets.

    Inside itself each sees the right function where its target is named, and the other
    wrong programs where theirs are.
    """
    stand_ins: Namespace = {}
    inside: list[tuple[str, Namespace]] = []
    for target, name in wrongs.items():
        wrong = namespace[name]
        if isinstance(wrong, types.FunctionType):
            own = dict(namespace)
            inside.append((target, own))
            wrong = _with_globals(wrong, own)
        stand_ins[target] = wrong
    for target, own in inside:
        own |= {other: wrong for other, wrong in stand_ins.items() if other != target}
    namespace |= stand_ins


def rebound(namespace: Namespace, names: Namespace) -> Namespace:
    """A program whose functions find these names bound to something else."""
    module = namespace.get("__name__")
    renewed: dict[int, Namespace] = {}  # by the identity of what a function sees

    def renew(seen: Namespace) -> Namespace:
        if id(seen) not in renewed:
            own = renewed[id(seen)] = dict(seen)
            for name, value in seen.items():
                if isinstance(value, types.FunctionType) and value.__module__ == module:
                    own[name] = _with_globals(value, renew(value.__globals__))
            own |= names
        return renewed[id(seen)]

    return renew(namespace)


def _with_globals(function: types.FunctionType, names: Namespace) -> types.FunctionType:
    rebuilt = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    rebuilt.__kwdefaults__ = function.__kwdefaults__
    return rebuilt


def _read(exercise: Exercise) -> Solution:
    tree = parsed(exercise.source.text, exercise.source.file)
    code = compile(tree, str(exercise.solution), "exec", dont_inherit=True)
    mentions = _mentions(tree)
    return Solution(
        exercise, code, exercise.functions, exercise.misconceptions, _bases(tree), mentions,
        all(_is_plain(node, mentions.keys()) for node in tree.body),
    )  # fmt: skip


def _is_plain(node: ast.stmt, names: Collection[str]) -> bool:
    """Whether a statement keeps no function of these in a constant, a default or a decorator."""
    if isinstance(node, ast.FunctionDef):
        marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        return all(ast.unparse(mark) == misconception.__name__ for mark in marks) and not any(
            isinstance(part, ast.Lambda) or names_in(default) & set(names)
            for default in defaults
            for part in ast.walk(default)
        )
    if isinstance(node, ast.Assign | ast.AnnAssign):
        made = isinstance(node.value, ast.expr) and any(
            isinstance(part, ast.Lambda) for part in ast.walk(node.value)
        )
        return not made and not names_in(node) & set(names)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)


def _mentions(tree: ast.Module) -> dict[str, frozenset[str]]:
    """The names that each definition mentions, those from other solutions with their module."""
    found: dict[str, frozenset[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            module = (node.module or "").removeprefix(PACKAGE)
            for alias in node.names:
                found[bound_as(alias)] = frozenset({f"{module}.{alias.name}"})
        elif isinstance(node, Definition):
            found[node.name] = frozenset(n for part in node.body for n in names_in(part))
    return found


def _bases(tree: ast.Module) -> tuple[str, ...]:
    modules = (node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom))
    return tuple(m.removeprefix(PACKAGE) for m in modules if m.startswith(PACKAGE))
