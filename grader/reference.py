"""The right way as a learner is shown it: a file that could be handed in."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from grader.config import did_you_mean
from grader.course import Course, Exercise
from grader.errors import CourseFault
from grader.outline import (
    BUILDS_ON,
    Definition,
    Import,
    bound_by,
    fault,
    names_in,
    parsed,
    wrong_mark,
)
from grader.stubs import import_lines


def reference_of(course: Course, exercise: Exercise) -> str:
    """The right functions of an exercise as a file that can be handed in.

    No wrong programs, nothing of the grader; what the functions build on from earlier
    exercises stands before them, under a comment that says whose it is.
    """
    cuts = _cuts(course, exercise)
    nodes = [node for one in cuts.values() for node in one.imports]
    used = {name for one in cuts.values() for name in one.uses}
    title = f'"""{exercise.number} · {exercise.title}: one right way to write it."""'
    sections = []
    for id_, one in sorted(cuts.items()):
        origin = id_ if id_ == exercise.id else f"from {id_}"
        sections += [f"# -- {origin} --"] if len(cuts) > 1 else []
        sections.append(one.text)
    code = "\n\n\n".join(sections)
    gap = "\n\n\n" if code.startswith(("def ", "class ", "@")) else "\n\n"
    return f"{title}\n\n{import_lines(nodes, used)}{gap}{code}\n"


def _cuts(course: Course, exercise: Exercise) -> dict[str, Cut]:
    """By exercise id: what the right functions of `exercise` consist of."""
    needed = {exercise: set(exercise.functions)}
    cuts: dict[str, Cut] = {}
    pending = [exercise]
    while pending:
        one = pending.pop()
        found = cut(one.source.text, needed[one], one.source.file)
        cuts[one.id] = found
        for name, function in found.built_on:
            earlier = _earlier(course, name, one)
            if function not in needed.setdefault(earlier, set()):
                needed[earlier].add(function)
                pending.append(earlier)
    _check_apart(cuts)
    return cuts


def _earlier(course: Course, name: str, by: Exercise) -> Exercise:
    for one in course.exercises:
        if one.name == name:
            return one
    near = did_you_mean(name, [one.name for one in course.exercises])
    says = f"builds on solutions.{name}, which no exercise is called{near}"
    raise CourseFault(f"{by.source.file} {says}")


def _check_apart(cuts: dict[str, Cut]) -> None:
    """Raise `CourseFault` where two solutions that go into one file use a name for two things."""
    owners: dict[str, str] = {}
    for id_, one in sorted(cuts.items()):
        for name in sorted(one.defines):
            if name in owners:
                says = f"both define {name}, and one builds on the other; rename one"
                raise CourseFault(f"solutions {owners[name]} and {id_} {says}")
            owners[name] = id_


@dataclass(frozen=True)
class Cut:
    """The part of a solution that stands behind some of its functions."""

    text: str  # their definitions and those of the private names they use, in file order
    defines: frozenset[str]
    uses: frozenset[str]
    imports: tuple[Import, ...]
    built_on: tuple[tuple[str, str], ...]  # an earlier exercise's name, and its function


def cut(solution_source: str, names: Iterable[str], file: str = "the solution") -> Cut:
    """The part of a solution that `names` need, without wrong programs and comments between.

    Raises `CourseFault` where that part cannot stand without the grader.
    """
    tree = parsed(solution_source, file)
    right = [node for node in tree.body if not isinstance(node, Import) and not wrong_mark(node)]
    kept: list[ast.stmt] = []
    pending = list(names)
    while pending:
        name = pending.pop()
        for node in right:
            if node not in kept and name in bound_by(node):
                kept.append(node)
                pending += sorted(names_in(node))
    kept.sort(key=lambda node: node.lineno)
    uses = frozenset[str]().union(*map(names_in, kept))
    wanted = uses | {"annotations"}  # the names used, and what `from __future__` switches on
    used = [node for node in tree.body if isinstance(node, Import) and bound_by(node) & wanted]
    for node in used:
        if any(module.split(".")[0] == "grader" for module in _modules(node)):
            raise fault(file, node, "right functions must not need the grader")
    return Cut(
        text="\n\n\n".join(_lines_of(node, solution_source) for node in kept),
        defines=frozenset[str]().union(*map(bound_by, kept)),
        uses=uses,
        imports=tuple(node for node in used if not _modules(node)[0].startswith(BUILDS_ON)),
        built_on=tuple(pair for node in used for pair in _built_on(node, uses, file)),
    )


def _modules(node: Import) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names]


def _built_on(node: Import, uses: frozenset[str], file: str) -> list[tuple[str, str]]:
    module = _modules(node)[0]
    if not module.startswith(BUILDS_ON):
        return []
    if isinstance(node, ast.Import) or any(alias.asname for alias in node.names):
        says = f"import earlier functions by their own names: from {module} import …"
        raise fault(file, node, says)
    earlier = module.removeprefix(BUILDS_ON)
    return [(earlier, alias.name) for alias in node.names if alias.name in uses]


def _lines_of(node: ast.stmt, source: str) -> str:
    """A statement's lines, with its decorators and the comment that stands right above it."""
    lines = source.split("\n")
    marks = node.decorator_list if isinstance(node, Definition) else []
    start = min([node.lineno, *(mark.lineno for mark in marks)]) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(lines[start : node.end_lineno])
