"""Who binds which name, and which code leads to which."""

from __future__ import annotations

import ast

import pytest

from grader.scopes import OWN, PERHAPS_A_TENSOR, Code, never_runs, source_of


def code(source):
    return Code(ast.parse(source))


def meanings(source, name):
    """What the last use of a name may stand for: dotted names, words, or lines of values."""
    read = code(source)
    used = [use for use in read.uses if isinstance(use, ast.Name) and use.id == name][-1]
    if used not in read.names:
        return None
    values = [binding.value for binding in read.names[used].bindings]
    return [value if isinstance(value, str) else value.lineno for value in values]


@pytest.mark.parametrize(
    "source, name, expected",
    [
        ("import a.b\na", "a", ["a"]),
        ("import a.b as c\nc", "c", ["a.b"]),
        ("from a.b import c as d\nd", "d", ["a.b.c"]),
        ("from . import c\nc", "c", ["..c"]),
        ("x = 1\nx = 2\nx", "x", [1, 2]),
        ("import x\ndef x(): pass\nx", "x", [OWN]),
        ("def x(): pass\nimport x\nx", "x", ["x"]),
        ("try:\n    import x\nexcept E:\n    x = 1\nx", "x", ["x", 4]),
        ("x = 1\ndef f():\n    return x", "x", [1]),
        ("x = 1\ndef f(x):\n    return x", "x", [PERHAPS_A_TENSOR]),
        ("x = 1\nf = lambda x: x", "x", [PERHAPS_A_TENSOR]),
        ("x = 1\nf = lambda y=x: y", "x", [1]),
        ("x = 1\n[x for x in y]", "x", [PERHAPS_A_TENSOR]),
        ("[x for x in y]\nx", "x", None),
        ("class A:\n    x = 1\n    x", "x", [2]),
        ("class A:\n    x = 1\n    def f(self):\n        return x", "x", None),
        ("class A:\n    x = 1\n    class B:\n        x", "x", None),
        ("class A:\n    def f(self, y):\n        return self", "self", [OWN]),
        ("class A:\n    @staticmethod\n    def f(self):\n        return self", "self",
         [PERHAPS_A_TENSOR]),
        ("def f():\n    global x\n    x = 1\nx", "x", [3]),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    x", "x",
         [2, 5]),
        ("a, (b, c) = 1, (\n2, 3)\nb", "b", [2]),
        ("a, *b = c\nb", "b", [PERHAPS_A_TENSOR]),
        ("if (x := 1): x", "x", [1]),
        ("for x in y: x", "x", [PERHAPS_A_TENSOR]),
        ("with y as x: x", "x", [PERHAPS_A_TENSOR]),
        ("match y:\n    case [x]: x", "x", [PERHAPS_A_TENSOR]),
        ("x: int = 1\nx", "x", [1]),
        ("if __name__ == '__main__':\n    x = 1\nx", "x", None),
        ("print", "print", None),
    ],
)  # fmt: skip
def test_a_name_stands_for_what_python_would_bind_it_to(source, name, expected):
    assert meanings(source, name) == expected


def test_annotations_are_no_uses():
    read = code("x: a = 1\ndef f(y: b, *z: c) -> d:\n    w: e = 2\n")
    assert not [use.id for use in read.uses if isinstance(use, ast.Name)]


def test_uses_are_grouped_by_statement_and_the_outer_come_first():
    read = code("a.b(c)\nif d:\n    e\n")
    words = [[ast.unparse(use) for use in group] for group in read.statements if group]
    assert words == [["a.b(c)", "a.b", "a", "c"], ["d"], ["e"]]


def test_modules_imported_whole_are_kept_in_order():
    assert code("from a import *\nfrom b.c import *\n").stars == ["a", "b.c"]


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def mine(self): pass\n",
        "class A:\n    mine = 1\n",
        "class A:\n    mine: int\n",
        "x.mine = 1\n",
        "f(mine=1)\n",
        "setattr(x, 'mine', 1)\n",
        "namedtuple('A', ['mine', 'b'])\n",
        "collections.namedtuple('A', 'b, mine')\n",
        "NamedTuple('A', [('mine', int)])\n",
    ],
)
def test_attributes_of_the_learners_own_objects_are_known(source):
    assert "mine" in code(source).attributes


def test_a_variable_or_a_word_is_no_attribute():
    assert "mine" not in code("mine = f('mine')\nx.mine(mine['mine'])\ndel x.y\n").attributes


def test_what_a_name_leads_to_is_followed_through_other_names():
    read = code("def a(): b()\ndef b(): c\nc = d\nd = 1\ne = a\n")
    reached = read.reached_from("a")
    regions = {name: read.module.names[name].bindings[0].region for name in "abcde"}
    assert {name for name, region in regions.items() if region in reached} == set("abcd")
    assert read.reached_from("nobody") == set()


@pytest.mark.parametrize(
    "test, expected",
    [
        ("__name__ == '__main__'", True),
        ("'__main__' == __name__", True),
        ("x and __name__ == '__main__'", True),
        ("TYPE_CHECKING", True),
        ("typing.TYPE_CHECKING", True),
        ("__name__ != '__main__'", False),
        ("x or __name__ == '__main__'", False),
        ("__name__ == 'main'", False),
        ("True", False),
    ],
)
def test_what_grading_never_runs_is_known_by_its_condition(test, expected):
    assert never_runs(ast.parse(test, mode="eval").body) is expected


@pytest.mark.parametrize(
    "statement, source",
    [("from a.b import c", "a.b"), ("from . import c", "."), ("from ..a import c", "..a")],
)
def test_the_source_of_an_import_has_its_dots(statement, source):
    assert source_of(ast.parse(statement).body[0]) == source
