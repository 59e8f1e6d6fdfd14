"""What a submission may import: a courtesy to the learner, not a boundary.

A name beyond the list becomes a placeholder, so that a stray `import matplotlib` costs
nothing until it is used, and then says so in plain words. A program that wants a module
gets at it all the same (through any module it may have): what keeps it from doing harm is
the process it runs in, not this.
"""

from __future__ import annotations

import builtins
import difflib
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

# What using a placeholder can look like, apart from asking it for its parts.
_USES = (
    "__call__", "__getitem__", "__setitem__", "__delitem__", "__iter__", "__next__", "__len__",
    "__contains__", "__enter__", "__exit__", "__await__", "__int__", "__float__", "__index__",
    "__neg__", "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__",
    "__rtruediv__", "__floordiv__", "__pow__", "__rpow__", "__matmul__", "__rmatmul__", "__lt__",
    "__le__", "__gt__", "__ge__", "__array__",
)  # fmt: skip


def restricted_import(allowed: frozenset[str], own_module: str) -> Callable[..., Any]:
    """An `__import__` for a submission's own `__builtins__`.

    allowed: top-level names that are imported as ever, and so is `own_module`, the
    submission's own. Anything else becomes a placeholder; `sys.modules` never sees it.
    """
    real = builtins.__import__

    def import_(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level == 0 and (top in allowed or name == own_module):
            return real(name, globals, locals, fromlist or (), level)
        line = sys._getframe(1).f_lineno
        # As with the real one: `import a.b` binds a, `from a.b import c` asks a.b for c.
        near = difflib.get_close_matches(top, sorted(allowed), 1, 0.75) if level == 0 else []
        advice = f"Did you mean `{near[0]}`?" if near else "Can you do without it here?"
        return _placeholder("." * level + (name if fromlist else top), line, advice)

    return import_


def _placeholder(name: str, line: int, advice: str) -> types.ModuleType:
    """A module that can be imported, aliased and asked for parts, and refuses to be used."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ImportError(
            f"`{name}`, imported in line {line}, is not available while your work is graded. "
            + advice,
            name=name,
        )

    def part(self: types.ModuleType, attribute: str) -> types.ModuleType:
        if attribute.startswith("__"):  # a question of Python's own, whose answer is no
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        return _placeholder(f"{name.rstrip('.')}.{attribute}", line, advice)

    def bases(self: types.ModuleType, listed: tuple[Any, ...]) -> tuple[type, ...]:
        return (type(name.rpartition(".")[2], (), {"__new__": refuse}),)

    kind = type("unavailable", (types.ModuleType,), {
        **dict.fromkeys(_USES, refuse),
        "__getattr__": part,
        "__bool__": lambda self: True,
        "__instancecheck__": lambda self, instance: False,  # nothing here can be one of it
        "__mro_entries__": bases,  # a class built on it may stand there, unused
        "__repr__": lambda self: f"<{name}: not available while your work is graded>",
    })  # fmt: skip
    module: types.ModuleType = kind(name)
    return module
