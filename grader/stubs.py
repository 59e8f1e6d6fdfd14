"""Stubs: cut from the solution's own text, and compared with what became of them.

Signatures and docstrings stay letter for letter what the author wrote.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.errors import CourseFault
from grader.outline import (
    Definition,
    Import,
    bound_as,
    bound_by,
    definitions,
    names_in,
    parsed,
    public_fields,
    public_methods,
)

STAYS = frozenset(sys.stdlib_module_names) | {"torch"}  # modules a stub may import
FORMS = ("property", "staticmethod", "classmethod")  # decorators that say how to call a method
QUOTED = re.compile(r"""([rRuU]?)(\"{3}|'{3}|"|')(.*)\2""", re.DOTALL)
OPENING = """\
{number} · {title}

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson {number}    what this is about
    attn-grade check {number}     how far you are
    attn-grade hint {number}      a nudge, when you are stuck
"""
QUIET = "# ruff: noqa: F401 - the imports are there for your code"


@dataclass(frozen=True)
class Source:
    """One solution's text, and whose it is."""

    id: str  # "05_attention"
    text: str
    file: str  # as messages name it


# -- the stub ----------------------------------------------------------------------


def derive(solution: Source, title: str) -> str:
    """The stub of an exercise: the solution's signatures and docstrings without its bodies.

    Raises `CourseFault` where that would not be a module that can be imported.
    """
    tree = parsed(solution.text, solution.file)
    own = definitions(tree, solution.file)
    imports = [node for node in tree.body if isinstance(node, Import) and _may_stay(node)]
    known = {name for node in [*imports, *own] for name in bound_by(node)} | set(dir(builtins))
    for node in own:
        _check_signature(node, known, solution)
    lines = [_header(tree, solution, title), QUIET, "", import_lines(imports)]
    text = "\n".join([*lines, *(f"\n\n{_stub_of(node, solution)}" for node in own)]) + "\n"
    try:
        compile(text, "stub", "exec")
    except SyntaxError as error:
        says = f"no stub can be made of this: {error.msg} in `{(error.text or '').strip()}`"
        raise CourseFault(f"{solution.file}: {says}") from None
    return text


def _header(tree: ast.Module, solution: Source, title: str) -> str:
    """The module docstring: what to type, then the author's conventions, verbatim."""
    first = tree.body[0] if tree.body else None
    quoted = QUOTED.fullmatch(_segment(solution, first) if first else "")
    if quoted is None:
        says = "the module docstring is missing; below its first line stand the conventions"
        raise CourseFault(f"{solution.file}:1: {says}")
    quotes = quoted[2] if len(quoted[2]) == 3 else '"""'
    conventions = quoted[3].partition("\n")[2].strip("\n ")
    opening = OPENING.format(number=solution.id[:2], title=title)
    below = f"\n{conventions}\n" if conventions else ""
    return f"{quoted[1]}{quotes}{opening}{below}{quotes}"


def _stub_of(node: Definition, solution: Source, owner: str = "") -> str:
    """One definition without its body; `owner` is the class that a method belongs to."""
    margin = " " * (node.col_offset + 4)
    parts = [*_forms(node), _opening(node, solution)]
    if ast.get_docstring(node) is not None:
        parts.append(margin + _segment(solution, node.body[0]))
    elif not owner:
        says = f"{node.name} has no docstring, and a learner nothing to go by"
        raise CourseFault(f"{solution.file}:{node.lineno}: {says}")
    if isinstance(node, ast.ClassDef):
        fields = [f"{margin}{_line_of(one, solution)}" for one in public_fields(node)]
        methods = [_stub_of(method, solution, node.name + ".") for method in public_methods(node)]
        return "\n".join([*parts, *([""] if fields else []), *fields, *(f"\n{m}" for m in methods)])
    body = f'{margin}raise NotImplementedError("Write {owner}{node.name} here.")'
    return "\n".join([*parts, body])


def _line_of(node: ast.AnnAssign, solution: Source) -> str:
    """An attribute as it is declared, without its value, with the comment behind it."""
    line = solution.text.split("\n")[(node.end_lineno or node.lineno) - 1]
    _, hash_, comment = line.encode()[node.end_col_offset or 0 :].decode().partition("#")
    return _declared(node) + (f"  # {comment.strip()}" if hash_ else "")


def _forms(node: Definition) -> Iterator[str]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Name) and mark.id in FORMS:
            yield " " * node.col_offset + f"@{mark.id}"


def _opening(node: Definition, solution: Source) -> str:
    """`def f(…) -> Tensor:` as it stands in the source, a comment behind it included."""
    text = "\n".join(solution.text.split("\n")[node.lineno - 1 :])
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    depth = 0
    for token in tokens:
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if token.string == ":" and not depth:
            break
    behind = next(tokens)
    row, column = behind.end if behind.type == tokenize.COMMENT else token.end
    lines = text.split("\n")[:row]
    return "\n".join([*lines[:-1], lines[-1][:column]])


def _check_signature(node: Definition, known: set[str], solution: Source) -> None:
    """Raise `CourseFault` for a name that the signature uses and the stub will not have."""
    functions = public_methods(node) if isinstance(node, ast.ClassDef) else [node]
    parts: list[ast.AST] = []
    if isinstance(node, ast.ClassDef):
        parts += [*node.bases, *(field.annotation for field in public_fields(node))]
    for function in functions:
        parts += [function.args, *([function.returns] if function.returns else [])]
    for name in sorted(set().union(*map(names_in, parts)) - known):
        says = f"the signature of {node.name} uses {name}, which a stub does not import"
        raise CourseFault(f"{solution.file}:{node.lineno}: {says}")


def _may_stay(node: Import) -> bool:
    if isinstance(node, ast.ImportFrom):
        return not node.level and (node.module or "").split(".")[0] in STAYS
    return all(alias.name.split(".")[0] in STAYS for alias in node.names)


def import_lines(nodes: Iterable[Import], used: set[str] | None = None) -> str:
    """Import statements in sorted groups, each thing once; where given, only what is `used`."""
    found: dict[tuple[int, bool, str], dict[str, None]] = {}
    for node in nodes:
        for alias in node.names:
            if used is not None and bound_as(alias) not in used and not _is_future(node):
                continue
            module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
            rank = 0 if _is_future(node) else 2 if module.split(".")[0] == "torch" else 1
            key = (rank, isinstance(node, ast.ImportFrom), module)
            found.setdefault(key, {})[ast.unparse(alias)] = None
    groups: dict[int, list[str]] = {}
    for (rank, is_from, module), names in sorted(found.items()):
        joined = ", ".join(names)
        line = f"from {module} import {joined}" if is_from else f"import {joined}"
        groups.setdefault(rank, []).append(line)
    return "\n\n".join("\n".join(lines) for lines in groups.values())


def _is_future(node: Import) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _segment(solution: Source, node: ast.AST) -> str:
    return ast.get_source_segment(solution.text, node) or ""


# -- a learner's file --------------------------------------------------------------


def untouched(source: str, functions: Iterable[str]) -> frozenset[str]:
    """Those of `functions` that a learner's source still leaves as the stub has them.

    Such a body is a docstring and nothing but `raise NotImplementedError`, `pass` or `...`.
    What cannot be parsed has no untouched function: that is a matter for whoever grades it.
    """
    last: dict[str, ast.stmt] = {}
    for node in (_learners(source) or ast.Module([], [])).body:
        for name in bound_by(node):
            last[name] = node
    return frozenset(name for name in functions if name in last and _is_empty(last[name]))


def drift(stub: str, solution: Source) -> tuple[str, ...]:
    """How a stub on disk has parted from its solution, a sentence each; () where it has not.

    Only names, signatures and docstrings count: bodies, helpers and imports are the
    learner's, and so is a file that does not parse while they write in it.
    """
    tree = _learners(stub)
    if tree is None:
        return ()
    wanted = parsed(solution.text, solution.file)
    there = {node.name: node for node in tree.body if isinstance(node, Definition)}
    found = [
        says
        for node in definitions(wanted, solution.file)
        for says in _parted(there.get(node.name), node, node.name)
    ]
    conventions = (ast.get_docstring(wanted) or "").partition("\n")[2].strip()
    if conventions not in (ast.get_docstring(tree) or ""):
        found.append("the conventions in its docstring are not those of the solution")
    return tuple(found)


def _parted(there: Definition | None, wanted: Definition, name: str) -> Iterator[str]:
    if type(there) is not type(wanted):
        yield f"{name} is missing"
        return
    if ast.get_docstring(there) != ast.get_docstring(wanted):
        yield f"the docstring of {name} is another"
    if isinstance(wanted, ast.ClassDef) and isinstance(there, ast.ClassDef):
        fields = {_declared(field) for field in public_fields(there)}
        for field in public_fields(wanted):
            if _declared(field) not in fields:
                yield f"{name} does not declare {_declared(field)}"
        methods = {method.name: method for method in public_methods(there)}
        for method in public_methods(wanted):
            yield from _parted(methods.get(method.name), method, f"{name}.{method.name}")
    elif _signature(there) != _signature(wanted):
        yield f"the signature of {name} is another"


def _declared(field: ast.AnnAssign) -> str:
    return f"{ast.unparse(field.target)}: {ast.unparse(field.annotation)}"


def _signature(node: Definition) -> str:
    if isinstance(node, ast.ClassDef):
        return ""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return ast.unparse(node.args) + returns


def _learners(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_empty(node: ast.stmt) -> bool:
    """Whether a definition does nothing yet; a decorated one may be made into anything."""
    if isinstance(node, ast.ClassDef):
        inner = [part for part in node.body if not isinstance(part, ast.FunctionDef)]
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        bodies = [inner, *(method.body for method in methods)]
    elif isinstance(node, ast.FunctionDef) and not node.decorator_list:
        bodies = [node.body]
    else:
        return False
    return all(_does_nothing(statement) for body in bodies for statement in body)


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.AnnAssign(value=None):
            return True
        case ast.Pass() | ast.Expr(ast.Constant(str() | builtins.Ellipsis)):
            return True
        case ast.Raise(ast.Name("NotImplementedError") | ast.Call(ast.Name("NotImplementedError"))):
            return True
    return False
