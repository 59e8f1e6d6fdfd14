"""What an exercise consists of, read from its source by ast alone: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from grader.config import did_you_mean
from grader.errors import CourseFault
from grader.model import Misconception, Step

Definition = ast.FunctionDef | ast.ClassDef
Import = ast.Import | ast.ImportFrom
BUILDS_ON = "solutions."
STEP_OPTIONS = ("points", "needs", "public")


def functions_of(solution_source: str, file: str = "the solution") -> tuple[str, ...]:
    """The exercise's functions and classes: public, at module level, and not wrong on purpose.

    In file order. Raises `CourseFault` where two have one name.
    """
    return tuple(node.name for node in definitions(parsed(solution_source, file), file))


def misconceptions_of(
    solution_source: str, exercise_id: str, file: str = ""
) -> tuple[Misconception, ...]:
    """The wrong programs of a solution, in file order, their ids qualified by the exercise.

    Raises `CourseFault` for one without a diagnosis, a target or a name of its own.
    """
    file = file or f"solutions/{exercise_id}.py"
    tree = parsed(solution_source, file)
    names = [node.name for node in definitions(tree, file)]
    found: list[Misconception] = []
    for node in tree.body:
        mark = wrong_mark(node)
        if mark is None or not isinstance(node, Definition):
            continue
        one = f"{exercise_id}.{node.name}"
        if node.name in names or one in {other.id for other in found}:
            raise fault(file, node, f"there is a second {node.name}")
        said = _said(node, file)
        alike, because = _alike(mark, file)
        other = f"{exercise_id}.{alike}" if alike else ""
        found.append(Misconception(one, _target(mark, names, file), *said, other, because))
    _check_pairs(found, file)
    return tuple(found)


def steps_of(
    suite_source: str, functions: Sequence[str], file: str = "the suite"
) -> tuple[Step, ...]:
    """The steps of a hidden suite, in file order.

    A step grades the latest of `functions` that its body names as `student.<function>`.
    Raises `CourseFault` for a declaration that is not complete, literal and consistent.
    """
    nodes = dict(_declared(parsed(suite_source, file), file))
    steps = {node.name: _step(node, mark, functions, file) for node, mark in nodes.items()}
    for node in nodes:
        _check_needs(steps[node.name], steps, node, file)
    return tuple(steps.values())


def points_of(suite_source: str, file: str = "the suite") -> int:
    """The points of all steps of a hidden suite, whatever they grade: quicker than `steps_of`."""
    declared = _declared(parsed(suite_source, file), file)
    return sum(_points(node, mark, _options(mark, file), file) for node, mark in declared)


def compares(suite_source: str, file: str = "the suite") -> bool:
    """Whether a hidden suite has something to show beside its steps: a `@comparison`."""
    definitions = (n for n in parsed(suite_source, file).body if isinstance(n, Definition))
    return any(_called(mark) == "comparison" for n in definitions for mark in n.decorator_list)


def parsed(source: str, file: str) -> ast.Module:
    """The syntax tree of one of the course's own files; raises `CourseFault`."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CourseFault(f"{file}:{error.lineno}: {error.msg}") from None
    except ValueError as error:  # a null byte
        raise CourseFault(f"{file}: {error}") from None


def definitions(tree: ast.Module, file: str) -> tuple[Definition, ...]:
    """The exercise's own functions and classes in a solution's tree."""
    found: dict[str, Definition] = {}
    for node in tree.body:
        if isinstance(node, Definition) and wrong_mark(node) is None and node.name[0] != "_":
            if node.name in found:
                raise fault(file, node, f"there is a second {node.name}")
            found[node.name] = node
    return tuple(found.values())


def wrong_mark(node: ast.stmt) -> ast.expr | None:
    """The decorator that makes a definition a wrong program, if it has one."""
    if not isinstance(node, Definition):
        return None
    marks = (mark for mark in node.decorator_list if _called(mark) == "misconception")
    return next(marks, None)


def _said(node: Definition, file: str) -> tuple[str, str, str]:
    """A docstring's sentence, its question and the rest, empty where they are missing.

    Raises `CourseFault` where there is no sentence.
    """
    lines = (ast.get_docstring(node) or "").split("\n")
    if not lines[0].strip():
        raise fault(file, node, f"{node.name} has no docstring; its first line is what is read")
    if len(lines) > 1 and lines[1].strip():
        says = f"the sentence of {node.name} must fit one line, with an empty line after it"
        raise fault(file, node, says)
    question, _, rest = "\n".join(lines[2:]).strip().partition("\n\n")
    return lines[0].strip(), " ".join(question.split()), " ".join(rest.split())


def public_methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """The public methods of a class; `__init__`, `__len__` and their like are public."""
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    return [m for m in methods if m.name[0] != "_" or m.name.endswith("__")]


def public_fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    """The public attributes that are declared in a class's body, as in `position: int`."""
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    return [f for f in fields if isinstance(f.target, ast.Name) and f.target.id[0] != "_"]


def names_in(part: ast.AST) -> set[str]:
    """The plain names that a piece of code mentions."""
    return {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}


def bound_by(node: ast.stmt) -> set[str]:
    """The names a statement at module level gives a meaning to; too many rather than too few."""
    if isinstance(node, Definition):
        return {node.name}
    parts = list(ast.walk(node))
    stored = [part for part in parts if isinstance(part, ast.Name)]
    return (
        {name.id for name in stored if isinstance(name.ctx, ast.Store)}
        | {part.name for part in parts if isinstance(part, Definition | ast.AsyncFunctionDef)}
        | {bound_as(part) for part in parts if isinstance(part, ast.alias)}
    )


def bound_as(alias: ast.alias) -> str:
    """The name an import is used by."""
    return alias.asname or alias.name.split(".")[0]


def _declared(tree: ast.Module, file: str) -> Iterator[tuple[ast.FunctionDef, ast.expr]]:
    """The steps of a suite's tree with their marks."""
    names: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        marks = [mark for mark in node.decorator_list if _called(mark) == "step"]
        if bool(marks) != node.name.startswith("test_"):
            says = "is a step, so its name must begin with test_" if marks else "lacks its @step"
            raise fault(file, node, f"{node.name} {says}")
        if marks and node.name in names:
            raise fault(file, node, f"there is a second {node.name}")
        if marks:
            names.add(node.name)
            yield node, marks[0]


def _points(node: ast.FunctionDef, mark: ast.expr, options: dict[str, Any], file: str) -> int:
    points = options.get("points")
    if type(points) is not int or points < 1:
        raise fault(file, mark, f"{node.name}: points must be a whole number, 1 or more")
    return points


def _step(node: ast.FunctionDef, mark: ast.expr, functions: Sequence[str], file: str) -> Step:
    options = _options(mark, file)
    points = _points(node, mark, options, file)
    needs, public = options.get("needs", ()), options.get("public", False)
    needs = (needs,) if isinstance(needs, str) else needs
    if not isinstance(needs, tuple) or not all(isinstance(need, str) for need in needs):
        raise fault(file, mark, f"{node.name}: needs must be the name of a step, or a tuple")
    if not isinstance(public, bool):
        raise fault(file, mark, f"{node.name}: public must be True or False")
    title, question, _ = _said(node, file)
    return Step(node.name, _graded(node, functions, file), title, points, needs, public, question)


def _options(mark: ast.expr, file: str) -> dict[str, Any]:
    """The literal arguments of a `@step(…)`."""
    if not isinstance(mark, ast.Call):
        raise fault(file, mark, "@step needs its points, as in @step(points=2)")
    given = dict(zip(STEP_OPTIONS, mark.args, strict=False))
    given |= {keyword.arg or "**": keyword.value for keyword in mark.keywords}
    unknown = [name for name in given if name not in STEP_OPTIONS]
    if unknown or len(mark.args) > len(STEP_OPTIONS):
        raise fault(file, mark, f"@step takes {', '.join(STEP_OPTIONS)} and nothing else")
    try:
        return {name: ast.literal_eval(value) for name, value in given.items()}
    except (ValueError, TypeError):
        says = "the arguments of @step must be literal: they are read without running the suite"
        raise fault(file, mark, says) from None


def _graded(node: ast.FunctionDef, functions: Sequence[str], file: str) -> str:
    named = {
        part.attr: part
        for statement in node.body
        for part in ast.walk(statement)
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id == "student"
    }
    graded = [name for name in functions if name in named]
    if not graded:
        near = did_you_mean(next(iter(named)), functions) if named else ""
        says = f"{node.name} calls no function of the exercise as student.<function>"
        raise fault(file, node, f"{says} ({', '.join(functions)}){near}")
    return graded[-1]


def _check_needs(step: Step, steps: dict[str, Step], node: ast.stmt, file: str) -> None:
    """Side steps stand on values steps of the same function, and on nothing else."""
    for need in step.needs:
        if need not in steps:
            others = [name for name in steps if name != step.id]
            near = did_you_mean(need, others)
            raise fault(file, node, f"{step.id} needs {need}, which is no step here{near}")
        wanted = steps[need]
        if wanted.function != step.function:
            says = f"which grades {wanted.function}; only a step of {step.function} can count here"
            raise fault(file, node, f"{step.id} needs {need}, {says}")
        if wanted.needs:
            says = "which needs a step itself; only a values step can be needed"
            raise fault(file, node, f"{step.id} needs {need}, {says}")


def _target(mark: ast.expr, names: Sequence[str], file: str) -> str:
    """The function that a wrong program stands in for."""
    arguments = mark.args if isinstance(mark, ast.Call) else []
    if len(arguments) != 1 or not isinstance(arguments[0], ast.Name):
        raise fault(file, mark, "name the function that goes wrong, as in @misconception(softmax)")
    target = arguments[0].id
    if target not in names:
        says = f"{target} is not a function of this exercise{did_you_mean(target, names)}"
        raise fault(file, mark, says)
    return target


def _alike(mark: ast.expr, file: str) -> tuple[str, str]:
    """Another wrong program that no call can tell from this one, and the reason; or nothing."""
    for keyword in mark.keywords if isinstance(mark, ast.Call) else []:
        text = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        name, colon, reason = text.partition(":") if isinstance(text, str) else ("", "", "")
        if keyword.arg != "alike" or not name.isidentifier() or not reason.strip():
            says = 'say what it is like and why, as in alike="other_name: a shift is nothing"'
            raise fault(file, mark, says)
        return name, reason.strip()
    return "", ""


def _check_pairs(found: Sequence[Misconception], file: str) -> None:
    """A pair is declared once, on the second of the two."""
    for place, wrong in enumerate(found):
        if wrong.alike and wrong.alike not in {earlier.id for earlier in found[:place]}:
            says = f"{wrong.id} is said to be like {wrong.alike}, which does not stand above it"
            raise CourseFault(f"{file}: {says}")


def _called(mark: ast.expr) -> str:
    """The name a decorator goes by, without its module and its arguments."""
    named = mark.func if isinstance(mark, ast.Call) else mark
    return named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")


def fault(file: str, node: Definition | ast.expr | ast.stmt, says: str) -> CourseFault:
    """The course's fault at a place in one of its files."""
    return CourseFault(f"{file}:{node.lineno}: {says}")
