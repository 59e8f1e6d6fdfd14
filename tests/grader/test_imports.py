"""What a submission may import, and what becomes of the rest."""

from __future__ import annotations

import builtins
import sys
import types

import pytest

from grader.worker.imports import restricted_import

ALLOWED = frozenset({"math", "collections", "dataclasses", "typing", "__future__"})


@pytest.fixture
def submission():
    """A function that loads a source as the worker does, and gives its module."""
    name = "submission_of_test_imports"

    def load(source):
        module = types.ModuleType(name)
        imports = restricted_import(ALLOWED, name)
        module.__dict__["__builtins__"] = dict(vars(builtins)) | {"__import__": imports}
        sys.modules[name] = module
        exec(compile(source, "submission.py", "exec", dont_inherit=True), module.__dict__)
        return module

    yield load
    sys.modules.pop(name, None)


def test_what_is_allowed_is_imported_as_ever(submission):
    import collections.abc
    import math

    module = submission(
        "import math, collections.abc as abc\nfrom math import *\nfrom collections import deque\n"
    )
    assert module.math is math
    assert module.abc is collections.abc
    assert module.sqrt(9.0) == 3.0
    assert module.deque is collections.deque


def test_dataclasses_and_annotations_of_the_future_work(submission):
    module = submission(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
    )
    assert module.Point(3).x == 3


def test_a_submission_may_import_itself(submission):
    module = submission("import submission_of_test_imports as me\nvalue = 4\n")
    assert module.me.value == 4


def test_an_allowed_module_that_lacks_a_part_says_so_in_pythons_words(submission):
    with pytest.raises(ImportError, match="cannot import name 'no_such_thing' from 'math'"):
        submission("from math import no_such_thing\n")


@pytest.mark.parametrize(
    "source",
    [
        "import matplotlib",
        "import matplotlib.pyplot",
        "import matplotlib.pyplot as plt",
        "from matplotlib import pyplot as plt, cm",
        "from matplotlib.pyplot import *",
        "from . import helpers",
        "from .helpers import f",
        "import os, sys",
        "import this_is_installed_nowhere",
    ],
)
def test_an_import_beyond_the_list_costs_nothing_unless_it_is_used(submission, source):
    before = set(sys.modules)
    submission(source + "\ndef f():\n    return 1\n").f()
    assert not set(sys.modules) - before - {"submission_of_test_imports"}


@pytest.mark.parametrize(
    "use",
    [
        "plt.plot([1, 2])",
        "plt()",
        "plt.rcParams['x']",
        "plt.rcParams['x'] = 1",
        "list(plt.colours)",
        "len(plt.colours)",
        "1 in plt.colours",
        "2 * plt.golden_ratio",
        "float(plt.golden_ratio)",
        "open_(plt)",
    ],
)
def test_using_it_is_refused_in_friendly_words(submission, use):
    module = submission(
        "import math\n"
        "import matplotlib.pyplot as plt\n"
        "def open_(it):\n"
        "    with it: pass\n"
        f"def f():\n    {use}\n"
    )
    with pytest.raises(ImportError) as caught:
        module.f()
    text = str(caught.value)
    assert text.startswith("`matplotlib.pyplot")
    assert "imported in line 2, is not available while your work is graded" in text
    assert text.endswith("?")


def test_the_refusal_names_what_was_used(submission):
    module = submission("from scipy.special import softmax as soft\n")
    with pytest.raises(ImportError, match=r"`scipy\.special\.softmax`, imported in line 1"):
        module.soft([1.0])


def test_a_relative_import_is_named_as_it_was_written(submission):
    module = submission("from . import helpers\n")
    with pytest.raises(ImportError, match=r"`\.helpers\.run`, imported in line 1"):
        module.helpers.run()


def test_a_class_built_on_it_may_stand_there_but_cannot_be_made(submission):
    module = submission(
        "import unittest\nclass Mine(unittest.TestCase):\n    def test(self): pass\n"
    )
    with pytest.raises(ImportError, match="unittest.TestCase"):
        module.Mine()


def test_nothing_is_an_instance_of_what_is_not_there(submission):
    module = submission("import jax\ndef f(x):\n    return isinstance(x, jax.Array)\n")
    assert module.f(1) is False


def test_asking_whether_it_is_there_answers(submission):
    module = submission("import jax\n")
    assert bool(module.jax)
    assert repr(module.jax) == "<jax: not available while your work is graded>"
    assert not hasattr(module.jax, "__version__")


def test_imports_of_other_modules_are_not_touched(submission):
    submission("import os\n")
    import os

    assert os.sep == "/"
    assert builtins.__import__ is not submission("x = __import__\n").x


def test_a_misspelt_module_gets_the_nearest_name(submission):
    with pytest.raises(ImportError, match="Did you mean `math`"):
        submission("import mtah\nmtah.sqrt(4)\n")
