"""Forbidden calls and unlisted imports, found in the syntax tree alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from grader.operations import LINEAR, SDPA, SOFTMAX
from grader.rules import PLAIN_IMPORTS, Finding, forbidden_calls

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("softmax", "masked_softmax")
HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


def findings(source, forbidden=SOFTMAX, functions=FUNCTIONS):
    return forbidden_calls(ast.parse(source), forbidden, functions)


def in_function(*lines):
    """A file whose graded function has this body; the body's first line is line 5."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"{HEAD}def softmax(x, dim=-1):\n{body}"


def test_a_finding_says_what_how_where_and_from_where():
    assert findings(in_function("y = x.float()", "return F.softmax(y, dim)")) == (
        Finding("softmax", "F.softmax", 6, ("softmax",)),
    )


FORBIDDEN_LINES = [
    ("torch.softmax(x, dim)", "softmax"),
    ("F.softmax(x, dim, dtype=torch.float32)", "softmax"),
    ("torch.nn.functional.log_softmax(x, dim).exp()", "log_softmax"),
    ("F.softmin(-x, dim)", "softmin"),
    ("F.gumbel_softmax(x)", "gumbel_softmax"),
    ("nn.Softmax(dim=dim)(x)", "softmax"),
    ("nn.Softmax2d()(x)", "softmax"),
    ("torch.special.softmax(x, dim)", "softmax"),
    ("torch.sparse.softmax(x.to_sparse(), dim)", "softmax"),
    ("torch.masked.softmax(x, dim)", "softmax"),
    ("torch._refs.softmax(x, dim)", "softmax"),
    ("torch._C._special.special_softmax(x, dim)", "softmax"),
    ("torch._VF.softmax(x, dim)", "softmax"),
    ("torch.ops.aten._softmax(x, dim, False)", "softmax"),
    ("torch.ops.aten.softmax.int(x, dim)", "softmax"),
    ("(x - torch.logsumexp(x, dim)).exp()", "logsumexp"),
    ("x.logcumsumexp(dim)", "logcumsumexp"),
    ("torch.distributions.Categorical(logits=x).probs", "Categorical"),
    ("F.cross_entropy(x, x)", "cross_entropy"),
    ("nn.AdaptiveLogSoftmaxWithLoss(4, 4, [2])(x)", "log_softmax"),
    ("x.softmax(dim)", "softmax"),
    ("(x * 2).softmax(dim)", "softmax"),
    ("x.float().transpose(0, 1).log_softmax(dim)", "log_softmax"),
    ("x[0].softmax(dim)", "softmax"),
    ("-x.T.softmax(dim)", "softmax"),
    ("torch.stack([x]).softmax(dim)", "softmax"),
    ("torch.Tensor.softmax(x, dim)", "softmax"),
    ("list(map(F.softmax, [x]))", "softmax"),
    ("(lambda f=F.softmax: f(x))()", "softmax"),
    ("[s(x) for s in (F.softmax,)]", "softmax"),
    ("getattr(F, 'softmax')(x, dim)", "softmax"),
    ("getattr(F, 'soft' + 'max')(x, dim)", "softmax"),
    ("getattr(getattr(torch, 'nn'), 'functional').softmax(x)", "softmax"),
    ("getattr(x, 'softmax')(dim)", "softmax"),
    ("F.__dict__['softmax'](x)", "softmax"),
    ("vars(F)['softmax'](x)", "softmax"),
    ("__import__('torch').softmax(x)", "softmax"),
    ("__import__('torch.nn.functional', fromlist=['x']).softmax(x)", "softmax"),
    ("(f := F).softmax(x)", "softmax"),
    ("(x if dim else x + 1).softmax(dim)", "softmax"),
    ("(F if dim else F).softmax(x)", "softmax"),
    ("(F.softmax if dim else torch.exp)(x)", "softmax"),
]


@pytest.mark.parametrize("expression, operation", FORBIDDEN_LINES)
def test_a_forbidden_operation_is_found_by_whatever_door(expression, operation):
    (finding,) = findings(in_function(f"return {expression}"))
    assert (finding.operation, finding.line, finding.functions) == (operation, 5, ("softmax",))


@pytest.mark.parametrize(
    "beginning, call",
    [
        ("import torch.nn.functional", "torch.nn.functional.softmax(x)"),
        ("import torch as t", "t.softmax(x)"),
        ("import torch.nn.functional as G", "G.softmax(x)"),
        ("from torch.nn import functional", "functional.softmax(x)"),
        ("from torch.nn import functional as G, Softmax", "Softmax(-1)(x)"),
        ("from torch import softmax as s", "s(x, -1)"),
        ("from torch.nn.functional import *", "softmax(x, -1)"),
        ("from torch import *\nfrom math import *", "logsumexp(x, -1)"),
        ("from torch import *\n" + "from math import *\n" * 30, "logsumexp(x, -1)"),
        ("import importlib\nG = importlib.import_module('torch.nn.functional')", "G.softmax(x)"),
        ("import sys, torch\nG = sys.modules['torch.nn.functional']", "G.softmax(x)"),
        ("import torch.nn.functional as F\nG = F", "G.softmax(x)"),
        ("import torch.nn.functional as F\nG, n = F, 3", "G.softmax(x)"),
        ("import torch\nnames = 'softmax'", "getattr(torch, names)(x)"),
        ("import torch\nG = None\nif 1:\n    G = torch.nn.functional", "G.softmax(x)"),
        ("import torch\nG = None or torch.nn.functional", "G.softmax(x)"),
        ("try:\n    from torch.nn import functional as G\nexcept ImportError:\n    G = None",
         "G.softmax(x)"),
        ("import scipy.special", "scipy.special.softmax(x)"),
    ],
)  # fmt: skip
def test_aliases_are_followed(beginning, call):
    (finding,) = findings(f"{beginning}\ndef masked_softmax(x):\n    return {call}\n")
    assert finding.line == beginning.count("\n") + 3
    assert finding.functions == ("masked_softmax",)


def test_an_alias_of_the_function_itself_is_blamed_where_it_was_taken():
    assert findings("import torch\nsm = torch.softmax\ndef softmax(x):\n    return sm(x)\n") == (
        Finding("softmax", "torch.softmax", 2, ("softmax",)),
    )


def test_what_is_imported_under_a_graded_name_is_blamed_at_its_import():
    assert findings("from torch.nn.functional import softmax\n") == (
        Finding("softmax", "torch.nn.functional.softmax", 1, ("softmax",)),
    )


def test_a_chain_of_names_is_one_finding_at_the_line_of_its_last():
    source = "import torch\ndef softmax(x):\n    return (torch.nn\n        .functional\n"
    (finding,) = findings(source + "        .softmax(x))\n")
    assert finding.line == 5
    (finding,) = findings(in_function("return (x.float(", "0)", ".softmax(-1))"))
    assert (finding.line, finding.spelling) == (7, "x.float(0).softmax")


def test_a_module_that_is_forbidden_as_a_whole_is_one_finding_by_its_longest_name():
    source = "import torch\ndef attention(q):\n    return torch.nn.attention.sdpa_kernel(q)\n"
    (finding,) = findings(source, SDPA, ["attention"])
    assert finding.spelling == "torch.nn.attention.sdpa_kernel"


def test_a_long_expression_is_spelt_by_its_last_part():
    (finding,) = findings(in_function("return (" + " + ".join(["x"] * 40) + ").softmax(-1)"))
    assert finding.spelling == ".softmax"


@pytest.mark.parametrize(
    "call, group, operation",
    [
        ("F.scaled_dot_product_attention(x, x, x)", SDPA, "scaled_dot_product_attention"),
        ("nn.MultiheadAttention(4, 2)(x, x, x)", SDPA, "MultiheadAttention"),
        ("nn.Transformer.generate_square_subsequent_mask(3)", SDPA,
         "generate_square_subsequent_mask"),
        ("nn.TransformerEncoderLayer(4, 2)", SDPA, "Transformer"),
        ("torch.nn.attention.flex_attention.flex_attention(x, x, x)", SDPA, "flex_attention"),
        ("F.linear(x, x)", LINEAR, "linear"),
        ("nn.Linear(3, 4)(x)", LINEAR, "linear"),
        ("torch._C._nn.linear(x, x)", LINEAR, "linear"),
    ],
)  # fmt: skip
def test_each_group_forbids_its_own(call, group, operation):
    source = in_function(f"return {call}")
    (finding,) = findings(source, group)
    assert finding.operation == operation
    assert findings(source, (SDPA | SOFTMAX | LINEAR) - group) == ()
    assert findings(source, frozenset()) == ()


# -- what is not to be blamed -----------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        # the learner's own function of that name, and calls to it
        "def softmax(x):\n    return x.exp()\ndef masked_softmax(x):\n    return softmax(x)\n",
        "def softmax(x, n):\n    return softmax(x, n - 1) if n else x\n",
        "from torch.nn.functional import softmax\ndef softmax(x):\n    return softmax(x.exp())\n",
        "from torch import *\ndef softmax(x):\n    return exp(x)\n"
        "def masked_softmax(x):\n    return softmax(x)\n",
        "softmax = lambda x: x.exp()\ndef masked_softmax(x):\n    return softmax(x)\n",
        "import sys\ndef softmax(x):\n    return sys.modules[__name__].softmax(x)\n",
        # a variable, an argument, a word
        "def softmax(x):\n    softmax = x.exp()\n    return softmax / softmax.sum()\n",
        "def masked_softmax(x, softmax):\n    return softmax(x)\n",
        "def softmax(x):\n    for softmax in x:\n        softmax(x)\n",
        "def softmax(x):\n    return [softmax(x) for softmax in x]\n",
        "def softmax(x):\n    try:\n        pass\n    except E as softmax:\n        softmax(x)\n",
        'def softmax(x):\n    """F.softmax(x)"""\n    return x  # torch.softmax(x)\n',
        "import torch\ndef softmax(x):\n    raise ValueError('torch.softmax ' + 'softmax')\n",
        "import torch\ndef softmax(x: torch.nn.Softmax) -> torch.nn.Softmax:\n    return x\n",
        # the learner's own class
        "class S:\n    def softmax(self, x):\n        return x\n    def go(self, x):\n"
        "        return self.softmax(x)\ndef softmax(x):\n    return S().softmax(x)\n",
        "class S:\n    softmax = 3\ndef softmax(x):\n    return S.softmax\n",
        "class S:\n    softmax: bool\ndef softmax(x, s):\n    return s.softmax\n",
        "class S:\n    def __init__(self, f):\n        self.softmax = f\n"
        "def softmax(x, s):\n    return s.softmax(x)\n",
        "class S:\n    def __getattr__(self, name):\n        return abs\n"
        "def softmax(x):\n    return S().softmax(x)\n",
        "from collections import namedtuple\nS = namedtuple('S', 'softmax other')\n"
        "def softmax(x, s):\n    return s.softmax(x)\n",
        "from types import SimpleNamespace\nS = SimpleNamespace(softmax=abs)\n"
        "def softmax(x):\n    return S.softmax(x)\n",
        "class F:\n    softmax = staticmethod(abs)\ndef softmax(x):\n    return F.softmax(x)\n",
        # another library, another module
        "import other as F\ndef softmax(x):\n    return F.softmax(x)\n",
        "from .other import softmax as s\ndef softmax(x):\n    return s(x)\n",
        "from other import *\ndef masked_softmax(x):\n    return softmax(x)\n",
        # an import alone, a deletion, an assignment over it
        "from torch import softmax as s\ndef softmax(x):\n    return x\n",
        "from torch import softmax as s\ndel s\ndef softmax(x):\n    return x\n",
        "import torch\ndef softmax(x, box):\n    box.softmax = x\n    return x\n",
        # which of the two it is cannot be known
        "import torch\nimport other\nF = torch.nn.functional if input() else other\n"
        "def masked_softmax(x):\n    return F.softmax(x)\n",
        "import a, b\nF = a if input() else b\ndef softmax(x):\n    return F.softmax(x)\n",
        "try:\n    from other import softmax as s\nexcept ImportError:\n"
        "    from torch import softmax as s\ndef softmax(x):\n    return s(x)\n",
        # free neighbours
        "import torch\ndef softmax(x):\n    return torch.logaddexp(x, x) + torch.exp(x) + x @ x\n",
        "import torch.nn.modules.linear as L\ndef softmax(x):\n    return L.Identity()(x)\n",
    ],
)
def test_nobody_is_blamed_wrongly(source):
    assert findings(source, SOFTMAX | SDPA | LINEAR) == ()


# -- what is reachable from where ---------------------------------------------------


@pytest.mark.parametrize(
    "source, functions",
    [
        ("def helper(x):\n    return F.softmax(x)\ndef softmax(x):\n    return helper(x)\n",
         ("softmax",)),
        ("def softmax(x):\n    return F.softmax(x)\n"
         "def masked_softmax(x):\n    return softmax(x)\n", FUNCTIONS),
        ("def masked_softmax(x):\n    return softmax(x)\n"
         "def softmax(x):\n    return one(x)\ndef one(x):\n    return two(x)\n"
         "def two(x):\n    return F.softmax(x)\n", FUNCTIONS),
        ("def helper(x):\n    return F.softmax(x)\ndef softmax(x):\n    return x\n", ()),
        ("def masked_softmax(x, f=F.softmax):\n    return f(x)\n", ("masked_softmax",)),
        ("def masked_softmax(x, *, f=F.softmax):\n    return f(x)\n", ("masked_softmax",)),
        ("def wrap(f):\n    return lambda g: f\n@wrap(F.softmax)\ndef softmax(x):\n    pass\n",
         ("softmax",)),
        ("softmax = F.softmax\n", ("softmax",)),
        ("import functools\nsoftmax = functools.partial(F.softmax, dim=-1)\n", ("softmax",)),
        ("def softmax(x):\n    return F.softmax(x)\nsoftmax = torch.compile(softmax)\n",
         ("softmax",)),
        ("OPS = {}\nOPS['s'] = F.softmax\ndef softmax(x):\n    return OPS['s'](x)\n",
         ("softmax",)),
        ("OPS = []\nOPS += [F.softmax]\ndef softmax(x):\n    return OPS[0](x)\n", ("softmax",)),
        ("class S:\n    pass\nS.f = F.softmax\ndef softmax(x):\n    return S.f(x)\n",
         ("softmax",)),
        ("for f in [F.softmax]:\n    g = f\ndef softmax(x):\n    return g(x)\n", ("softmax",)),
        ("def setup():\n    global g\n    g = F.softmax\nsetup()\n"
         "def softmax(x):\n    return g(x)\n", ("softmax",)),
        ("print(F.softmax(torch.ones(3), -1))\ndef softmax(x):\n    return x\n", ()),
        ("def softmax(x):\n    return x\nassert softmax(1) == F.softmax(1)\n", ()),
        ("def softmax(x):\n    return x\nif __name__ == '__main__':\n    print(F.softmax(1))\n",
         ()),
        ("def softmax(x):\n    return x\nif '__main__' == __name__ and True:\n"
         "    softmax = F.softmax\n", ()),
        ("def softmax(x):\n    return x\ndef main():\n    print(F.softmax(1))\n"
         "if __name__ == '__main__':\n    main()\n", ()),
        ("if __name__ == '__main__':\n    pass\nelse:\n    g = F.softmax\n"
         "def softmax(x):\n    return g(x)\n", ("softmax",)),
        ("def softmax(x):\n    def inner(y):\n        return F.softmax(y)\n"
         "    return inner(x)\n", ("softmax",)),
        ("def softmax(x):\n    def unused(y):\n        return F.softmax(y)\n    return x\n", ()),
        ("def softmax(x):\n    return F.softmax(x)\ndef softmax(x):\n    return x.exp()\n", ()),
        ("def softmax(x):\n    helper = x\n    return helper\n"
         "def helper(x):\n    return F.softmax(x)\n", ()),
    ],
)  # fmt: skip
def test_a_place_belongs_to_the_graded_functions_that_lead_there(source, functions):
    found = findings("import torch\nimport torch.nn.functional as F\n" + source)
    assert [(f.operation, f.functions) for f in found] == [("softmax", functions)]


CACHE = """
import torch
class Cache{bases}:
    softly = torch.nn.Softmax
    def __init__(self):
        self._held()
    def append(self, k):
        return k
    def _held(self):
        return torch.log_softmax(1)
    def _check(self):
        return torch.logsumexp(1)
    def seen(self):
        return torch.logcumsumexp(1)
"""


def operations_reached(source, functions):
    return {f.operation for f in findings(source, functions=functions) if f.functions}


def test_a_class_leads_to_the_methods_that_are_asked_for():
    source = CACHE.format(bases="") + "def softmax(x):\n    return Cache().append(x)\n"
    assert operations_reached(source, ["softmax"]) == {"softmax", "log_softmax"}


def test_a_graded_class_leads_to_its_public_methods():
    source = CACHE.format(bases="")
    assert operations_reached(source, ["Cache"]) == {"softmax", "log_softmax", "logcumsumexp"}


def test_a_class_with_bases_leads_to_all_its_methods():
    source = CACHE.format(bases="(torch.nn.Module)") + "def softmax(x):\n    return Cache()(x)\n"
    everything = {"softmax", "log_softmax", "logsumexp", "logcumsumexp"}
    assert operations_reached(source, ["softmax"]) == everything


def test_an_attribute_asked_for_by_a_computed_name_may_be_any():
    source = CACHE.format(bases="") + "def softmax(x, n):\n    return getattr(Cache(), n)(x)\n"
    everything = {"softmax", "log_softmax", "logsumexp", "logcumsumexp"}
    assert operations_reached(source, ["softmax"]) == everything


def test_an_own_function_called_getattr_is_no_door():
    source = in_function("return getattr(F, 'softmax')") + "def getattr(a, b):\n    return a\n"
    assert findings(source) == ()


# -- odd files ----------------------------------------------------------------------


def nested(depth, wrap):
    node = ast.parse("F.softmax", mode="eval").body
    for _ in range(depth):
        node = wrap(node)
    tree = ast.parse(HEAD + "def softmax(x):\n    return 0\n")
    tree.body[-1].body[0].value = node
    return ast.fix_missing_locations(tree) if depth < 500 else located(tree)


def located(tree):
    """What ast.fix_missing_locations does, for trees too deep for it."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.expr, ast.stmt)) and not hasattr(node, "lineno"):
            node.lineno = node.end_lineno = 5
            node.col_offset = node.end_col_offset = 0
        todo += ast.iter_child_nodes(node)
    return tree


@pytest.mark.parametrize(
    "wrap",
    [
        lambda node: ast.Call(node, [], []),
        lambda node: ast.Call(ast.Name("g", ast.Load()), [node], []),
        lambda node: ast.Attribute(node, "a", ast.Load()),
        lambda node: ast.UnaryOp(ast.USub(), node),
        lambda node: ast.BinOp(node, ast.Add(), ast.Constant("a")),
        lambda node: ast.Subscript(node, ast.Constant(0), ast.Load()),
        lambda node: ast.Lambda(
            ast.arguments([], [], None, [], [], None, []), node
        ),
        lambda node: ast.NamedExpr(ast.Name("g", ast.Store()), node),
        lambda node: ast.IfExp(ast.Constant(1), ast.Constant(2), node),
    ],
    ids=["call", "argument", "attribute", "minus", "plus", "item", "lambda", "walrus", "ternary"],
)  # fmt: skip
def test_a_tree_of_any_depth_is_read(wrap):
    shallow, deep = nested(3, wrap), nested(20_000, wrap)
    assert [f.operation for f in forbidden_calls(shallow, SOFTMAX, FUNCTIONS)] == ["softmax"]
    assert [f.operation for f in forbidden_calls(deep, SOFTMAX, FUNCTIONS)] == ["softmax"]


def test_names_that_turn_in_circles_are_read():
    circle = "a = b\nb = a\nc = c.c\nd = [d for d in d]\ndef f():\n    return f\n"
    source = circle + "def softmax(x):\n    x = x.T\n    return a.softmax(x) + x.softmax(-1)\n"
    assert [f.spelling for f in findings(source)] == ["x.softmax"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "'''only words'''",
        "from torch.nn.functional import *\nfrom . import *\n",
        "async def softmax(x):\n    async with x as y, x:\n        await y\n",
        "match 1:\n    case {'a': [*b], **c} | (b, c) as d:\n        pass\n",
        "try:\n    pass\nexcept* E:\n    pass\n",
        "def softmax(*, a, b=1, **k):\n    c = a\n    def f():\n        nonlocal c\n",
        "class A(metaclass=B, **k):\n    x: int\n    (y, [z, *w]), v.u = 1, 2\n",
        "a.b[c].d = e = f = [g for (h, i) in j if k]\n",
        "softmax(*a, **b).c[d:e, ...] += 1\n",
        "global x\nx = 1\ndel x, y.z, w[0]\n",
        "getattr()\ngetattr(a)\ngetattr(*a)\n__import__()\nvars()\nimport_module()\n",
    ],
)
def test_odd_but_lawful_files_are_read(source):
    assert findings(source, SOFTMAX | SDPA | LINEAR) == ()


def test_names_written_in_other_letters_are_the_same_names():
    (finding,) = findings(in_function("return F.𝐬𝐨𝐟𝐭𝐦𝐚𝐱(x)"))
    assert finding.operation == "softmax"


def test_findings_come_in_the_order_of_lines_and_each_once():
    source = in_function("return F.softmax(x) + F.softmax(x)") + (
        "def masked_softmax(x):\n    return x.log_softmax(-1)\n"
    )
    assert [(f.line, f.spelling) for f in findings(source)] == [
        (5, "F.softmax"),
        (7, "x.log_softmax"),
    ]


# -- imports ------------------------------------------------------------------------


def test_the_plain_list_is_the_courses():
    named = {"torch", "math", "numpy", "typing", "dataclasses", "functools", "itertools"}
    assert named < PLAIN_IMPORTS
    assert not {"os", "sys", "subprocess", "socket", "importlib"} & PLAIN_IMPORTS
    assert PLAIN_IMPORTS - {"torch", "numpy"} <= sys.stdlib_module_names


def test_reading_a_submission_imports_no_torch():
    code = (
        "import ast, sys; from grader import operations, rules\n"
        "tree = ast.parse('import torch\\ntorch.softmax(1)')\n"
        "assert len(rules.forbidden_calls(tree, operations.SOFTMAX, ['f'])) == 1\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_link_far_along_a_chain_is_told_by_its_last_part():
    source = "import torch\ndef softmax(x):\n    return x" + ".softmax(0)" * 250 + "\n"
    found = findings(source)
    assert found and {finding.spelling for finding in found} >= {".softmax"}
