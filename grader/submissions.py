"""A submission: read once, hashed, decoded and parsed, never imported here."""

from __future__ import annotations

import ast
import codecs
import hashlib
import importlib.util
import io
import os
import stat
import tokenize
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageFault

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MOST_BYTES = 1 << 17  # as many characters as one text on the wire may have
MOST_TEXT = 300  # characters of an error that a message repeats
MOST_LINE = 300  # characters of a line with an error: of a longer one, those about the caret


@dataclass(frozen=True)
class Unreadable:
    """Why a submission's text is no Python, and where."""

    says: str
    line: int | None = None


@dataclass(frozen=True)
class Submission:
    """The bytes handed in, and what can be told of them without running them."""

    path: str
    sha256: str
    source: str  # decoded as Python decodes it, line ends made "\n"; empty where it cannot be
    tree: ast.Module | None
    unreadable: Unreadable | None = None

    def line_of(self, function: str) -> int | None:
        """The line on which a function, class or method is last defined; "KVCache.append"."""
        node = self._definition(function)
        return node.lineno if node else None

    def parameters_of(self, function: str) -> tuple[str, ...] | None:
        """The parameter names of a function or method, None where it is not a plain one."""
        node = self._definition(function)
        if not isinstance(node, ast.FunctionDef) or node.args.vararg or node.args.kwarg:
            return None
        spec = node.args
        return tuple(a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))

    def _definition(self, name: str) -> ast.stmt | None:
        """The last statement that gives a name its meaning; of a method, within its class."""
        owner, dot, member = name.partition(".")
        found = _last_of(owner, self.tree.body if self.tree else ())
        if dot and isinstance(found, ast.ClassDef):
            return _last_of(member, found.body) or found
        return found

    def defines(self) -> tuple[str, ...]:
        """The functions and classes at the top level, in file order."""
        body = self.tree.body if self.tree else ()
        return tuple(node.name for node in body if isinstance(node, DEFINITIONS))


def _last_of(name: str, body: Iterable[ast.stmt]) -> ast.stmt | None:
    """The last of some statements that defines a name, or assigns to it."""
    found = None
    for node in body:
        if isinstance(node, DEFINITIONS):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            continue
        found = node if name in names else found
    return found


def read(path: Path, shown_as: str | None = None) -> Submission:
    """The submission in a file; raises `UsageFault` where there is no file to read."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageFault(f"{path} is no file that can be read twice; save it first")
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageFault(f"there is no file {path}") from None
    except IsADirectoryError:
        raise UsageFault(f"{path} is a folder; give the file inside it") from None
    except OSError as error:
        raise UsageFault(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise UsageFault(f"{path} is larger than 128 KiB; is it the right file?")
    return of_bytes(data, shown_as or str(path))


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever is to write: a pipe with a name has nobody."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def of_bytes(data: bytes, path: str) -> Submission:
    """The submission these bytes are."""
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        named, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(named).name == "punycode":  # takes minutes, and is for names of hosts
            raise LookupError("punycode is no encoding for programs")
        source = importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError, LookupError, ValueError) as error:
        return Submission(path, sha256, "", None, _undecodable(data, error))
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        says = f"Line {line} of this file holds a null byte. Save it as UTF-8 in your editor."
        return Submission(path, sha256, source, None, Unreadable(says, line))
    if source.lstrip().startswith("{") and '"nbformat"' in source:
        says = "This is a notebook. Save its code cells as a .py file and give that one."
        return Submission(path, sha256, source, None, Unreadable(says, 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        return Submission(path, sha256, source, None, _ungrammatical(error))
    except (ValueError, RecursionError, MemoryError) as error:
        why = str(error) or "something in it is nested too deeply"
        says = f"Python cannot read this file: {why}."
        return Submission(path, sha256, source, None, Unreadable(says))
    return Submission(path, sha256, source, tree)


def _undecodable(data: bytes, error: Exception) -> Unreadable:
    bad = _first_bad_byte(data)
    if bad is None:
        why = str(error)[:MOST_TEXT]
        return Unreadable(f"Python cannot decode this file: {why}. Save it as UTF-8.", 1)
    line = data.count(b"\n", 0, bad) + 1
    says = (
        f"This file is not UTF-8: line {line} holds the byte 0x{data[bad]:02x}. "
        "Save it as UTF-8 in your editor."
    )
    return Unreadable(says, line)


def _first_bad_byte(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def _ungrammatical(error: SyntaxError) -> Unreadable:
    """A SyntaxError with its line and caret, as Python itself shows it."""
    said = error.msg.rstrip(".")
    says = f"{type(error).__name__} on line {error.lineno}: {said}{'' if said[-1:] == '?' else '.'}"
    if error.text:
        text = error.text.rstrip("\n")
        indent = len(text) - len(text.lstrip())
        caret = max((error.offset or 1) - 1 - indent, 0)
        start = max(caret - MOST_LINE // 2, 0) if len(text.strip()) > MOST_LINE else 0
        says += f"\n    {text.strip()[start : start + MOST_LINE]}\n    {' ' * (caret - start)}^"
    return Unreadable(says, error.lineno)
