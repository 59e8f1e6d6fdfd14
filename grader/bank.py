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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from grader.course import Course, Exercise
from grader.errors import CourseFault
from grader.model import Misconception
from grader.outline import parsed

Program = TypeVar("Program", bound=Callable[..., Any])
Namespace = dict[str, Any]
PACKAGE = "solutions."


def misconception(target: Callable[..., Any]) -> Callable[[Program], Program]:
    """Mark a function (or class) as a wrong program that stands in for `target`.

    Its name is the stable id, the first line of its docstring the diagnosis, the rest of
    the docstring the hint. The mark is read in the source, where it must name its target.
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


@dataclass
class Bank:
    """All solutions of a course, loaded when they are first asked for."""

    course: Course
    _solutions: dict[str, Solution] = field(default_factory=dict)

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
        own = self.solution(exercise)
        found = list(own.misconceptions)
        for name in own.builds_on:
            found.extend(m for m in self.misconceptions(self._named(name)) if m not in found)
        return tuple(found)

    def variant(self, exercise: Exercise, wrongs: Sequence[Misconception]) -> Namespace:
        """The exercise's functions with each of `wrongs` in the place of what it stands in for."""
        return self._execute(exercise, wrongs, {})

    def _named(self, name: str) -> Exercise:
        if name not in self._by_name:
            raise CourseFault(f"a solution builds on solutions.{name}, which no exercise is called")
        return self._by_name[name]

    def _execute(
        self, exercise: Exercise, wrongs: Sequence[Misconception], done: dict[str, Namespace]
    ) -> Namespace:
        if exercise.id in done:
            return done[exercise.id]

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
        for wrong in wrongs:
            owner, name = wrong.id.split(".")
            if owner == exercise.id:
                _rebind(namespace, wrong.function, name)
        done[exercise.id] = namespace
        return namespace


def _rebind(namespace: Namespace, target: str, name: str) -> None:
    """Let a wrong program stand in for its target; inside itself it still sees the right one."""
    wrong = namespace[name]
    if isinstance(wrong, types.FunctionType):
        own = dict(namespace)
        rebuilt = types.FunctionType(
            wrong.__code__, own, wrong.__name__, wrong.__defaults__, wrong.__closure__
        )
        rebuilt.__kwdefaults__ = wrong.__kwdefaults__
        wrong = rebuilt
    namespace[target] = wrong


def _read(exercise: Exercise) -> Solution:
    tree = parsed(exercise.source.text, exercise.source.file)
    code = compile(tree, str(exercise.solution), "exec", dont_inherit=True)
    return Solution(exercise, code, exercise.functions, exercise.misconceptions, _bases(tree))


def _bases(tree: ast.Module) -> tuple[str, ...]:
    modules = (node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom))
    return tuple(m.removeprefix(PACKAGE) for m in modules if m.startswith(PACKAGE))
