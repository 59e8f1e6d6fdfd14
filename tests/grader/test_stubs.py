"""A stub is the solution without its bodies, and a learner's file is held against it kindly."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from grader.afresh import restore
from grader.course import Course
from grader.errors import CourseFault, UsageFault
from grader.reference import reference_of
from grader.stubs import Source, derive, drift, untouched

from .tiny_course import COUNTER, DOUBLE, SCALED_SUM

THE_COURSE = Path(__file__).resolve().parents[2]
RULES = "E,F,I,UP,B,SIM,D1"

DOUBLE_STUB = '''\
"""01 · Double

Replace each `raise NotImplementedError` with code of your own. Names, parameters and
docstrings stay as they are; helpers and plain imports are yours to add.

    attn-grade lesson 01    what this is about
    attn-grade check 01     how far you are
    attn-grade hint 01      a nudge, when you are stuck

All numbers are floats.
"""
# ruff: noqa: F401 - the imports are there for your code

from __future__ import annotations

import math
from typing import Any


def double(
    x: float,  # any number
    *,
    sign: float = 1.0,
) -> float:  # twice as much
    """Twice the number.

    x: any number. Returns a float.
    """
    raise NotImplementedError("Write double here.")


def halve(x: float) -> float:
    """Half the number."""
    raise NotImplementedError("Write halve here.")
'''

COUNTER_CLASS = '''\
class Counter:
    """Counts what it is told."""

    def __init__(self, start: int = 0) -> None:
        raise NotImplementedError("Write Counter.__init__ here.")

    def add(self, n: int) -> int:
        """Add n and return the new count."""
        raise NotImplementedError("Write Counter.add here.")

    @property
    def count(self) -> int:
        """The count so far."""
        raise NotImplementedError("Write Counter.count here.")

    def __len__(self) -> int:
        raise NotImplementedError("Write Counter.__len__ here.")
'''


def solution(text: str, id_: str = "01_double") -> Source:
    return Source(id_, text, f"solutions/{id_}.py")


def stub_of(text: str, id_: str = "01_double") -> str:
    return derive(solution(text, id_), "Double")


# -- deriving --------------------------------------------------------------------------


def test_a_stub_keeps_signatures_comments_docstrings_and_imports_and_nothing_else():
    assert stub_of(DOUBLE) == DOUBLE_STUB


def test_a_class_keeps_its_public_methods():
    stub = stub_of(COUNTER, "03_counter")
    assert stub.endswith("\n\n\n" + COUNTER_CLASS)
    assert "_grow" not in stub and "step" not in stub


def test_what_comes_from_other_exercises_is_not_in_the_stub():
    stub = stub_of(SCALED_SUM, "02_scaled_sum")
    assert "solutions" not in stub and "grader" not in stub.replace("attn-grade", "")


def test_a_stub_without_conventions_ends_its_header_after_the_commands():
    assert 'when you are stuck\n"""\n# ruff' in stub_of(SCALED_SUM, "02_scaled_sum")


def test_a_stub_can_be_imported_and_every_function_says_what_to_do():
    names: dict[str, object] = {}
    exec(compile(stub_of(DOUBLE), "stub", "exec"), names)
    with pytest.raises(NotImplementedError, match=r"Write halve here\."):
        names["halve"](1.0)


def test_a_body_on_the_line_of_its_signature_is_left_out():
    stub = stub_of('"""First."""\n\n\ndef f(x: dict[str, int] = {}) -> int: "Says."; return 1\n')
    assert 'def f(x: dict[str, int] = {}) -> int:\n    "Says."\n    raise Not' in stub


def test_quotes_and_backslashes_in_docstrings_stay_as_they_were_written():
    header = 'r"""First.\n\nA \\frac is "quoted".\n"""\n\n\n'
    text = header + 'def f():\n    r"""A \\d."""\n    return 1\n'
    stub = stub_of(text)
    assert stub.startswith('r"""01 · Double\n') and '\nA \\frac is "quoted".\n"""' in stub
    assert '    r"""A \\d."""\n    raise' in stub


@pytest.mark.parametrize(
    "text, says",
    [
        ("def f():\n    'Says.'\n", ":1: the module docstring is missing"),
        ("import math\n", ":1: the module docstring is missing"),
        ("", ":1: the module docstring is missing"),
        ('"""First."""\n\n\ndef f():\n    return 1\n', ":4: f has no docstring"),
        ('"""First."""\nN = 3\n\n\ndef f(n=N):\n    "Says."\n', ":5: the signature of f uses N"),
        (
            '"""First."""\nimport numpy\n\n\ndef f(n: numpy.ndarray):\n    "Says."\n',
            ":5: the signature of f uses numpy",
        ),
        ('"""First.\n', ":1: unterminated"),
    ],
)
def test_a_solution_that_gives_no_stub_is_a_fault_with_its_line(text, says):
    with pytest.raises(CourseFault) as caught:
        stub_of(text)
    assert caught.value.message.startswith(f"solutions/01_double.py{says}")


def test_a_title_that_would_break_the_stub_is_a_fault():
    with pytest.raises(CourseFault, match="no stub can be made"):
        derive(solution(DOUBLE), 'A """ title')


def checked_by_ruff(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=100"]
    done = subprocess.run(
        [*command, f"--select={RULES}", "--ignore=D105,D107", "--quiet", "-"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.skipif(not importlib.util.find_spec("ruff"), reason="ruff is not installed")
@pytest.mark.parametrize("exercise", Course.open(THE_COURSE).exercises, ids=lambda one: one.id)
def test_every_stub_and_every_reference_of_the_course_is_clean(exercise):
    assert checked_by_ruff(exercise.fresh_stub) == ""
    assert checked_by_ruff(reference_of(Course.open(THE_COURSE), exercise)) == ""


@pytest.mark.skipif(not importlib.util.find_spec("ruff"), reason="ruff is not installed")
@pytest.mark.parametrize("text", [DOUBLE, SCALED_SUM, COUNTER])
def test_stubs_of_functions_and_classes_are_clean(text):
    assert checked_by_ruff(stub_of(text)) == ""


# -- untouched -------------------------------------------------------------------------

BOTH = ("double", "halve")


def test_in_a_fresh_stub_everything_is_untouched():
    assert untouched(DOUBLE_STUB, BOTH) == {"double", "halve"}
    assert untouched(stub_of(COUNTER, "03_counter"), ["Counter"]) == {"Counter"}


def test_the_reference_leaves_nothing_untouched():
    assert untouched(DOUBLE, BOTH) == frozenset()
    assert untouched(COUNTER, ["Counter"]) == frozenset()


@pytest.mark.parametrize(
    "body",
    ["pass", "...", '"""Mine."""', "raise NotImplementedError", "raise NotImplementedError()",
     '"""Mine."""\n    ...\n    pass\n    raise NotImplementedError("later")'],
)  # fmt: skip
def test_a_body_that_does_nothing_is_untouched(body):
    assert untouched(f"def halve(x):\n    {body}\n", BOTH) == {"halve"}


@pytest.mark.parametrize(
    "source",
    [
        "def halve(x):\n    return x / 2\n",
        "def halve(x):\n    raise ValueError\n",
        "def halve(x):\n    y = x\n    raise NotImplementedError\n",
        "def halve(x):\n    pass\n\nhalve = lambda x: x / 2\n",
        "def halve(x):\n    pass\n\nfrom elsewhere import halve\n",
        "def halve(x):\n    pass\n\nif True:\n    def halve(x):\n        return x / 2\n",
        "def halve(x):\n    pass\n\ndef halve(x):\n    return x / 2\n",
        "@made_from(double)\ndef halve(x):\n    pass\n",
        "async def halve(x):\n    pass\n",
        "halve = None\n",
        "def other(x):\n    pass\n",
        "class Halve:\n    pass\n",
        "",
    ],
)
def test_what_is_begun_made_elsewhere_or_missing_is_not_untouched(source):
    assert untouched(source, BOTH) == frozenset()


def test_the_last_definition_is_the_one_that_counts():
    assert untouched("def halve(x):\n    return 1\n\ndef halve(x):\n    pass\n", BOTH) == {"halve"}


def test_one_written_method_makes_a_class_touched():
    unwritten = 'raise NotImplementedError("Write Counter.add here.")'
    begun = COUNTER_CLASS.replace(unwritten, "return 1")
    assert untouched(begun, ["Counter"]) == frozenset()
    assert untouched(COUNTER_CLASS + "\n    limit = 3\n", ["Counter"]) == frozenset()


@pytest.mark.parametrize("source", ["def halve(x:\n", "x = 1\0", "(" * 10000, "\udc80", "\\"])
def test_what_cannot_be_parsed_has_nothing_untouched(source):
    assert untouched(source, BOTH) == frozenset()


def test_a_learners_odd_escapes_cause_no_warnings(recwarn):
    assert untouched('def halve(x):\n    "\\d"\n', BOTH) == {"halve"}
    assert not recwarn.list


# -- drift -----------------------------------------------------------------------------


def test_a_fresh_stub_has_not_drifted():
    assert drift(DOUBLE_STUB, solution(DOUBLE)) == ()
    assert drift(stub_of(COUNTER), solution(COUNTER)) == ()


@pytest.mark.parametrize(
    "old, new",
    [
        ('raise NotImplementedError("Write halve here.")', "return x / 2"),
        ("import math\n", "import math\nimport itertools\n"),
        ("import math\nfrom typing import Any\n", ""),
        ("def double(", "def helper(y):\n    return y\n\n\ndef double("),
        ("All numbers are floats.", "My notes.\n\nAll numbers are floats."),
        ("x: float,  # any number", "x: float,"),
        ("def halve(x: float) -> float:", "def halve(\n    x: float\n) -> float:"),
    ],
)
def test_what_a_learner_writes_is_no_drift(old, new):
    assert old in DOUBLE_STUB
    assert drift(DOUBLE_STUB.replace(old, new), solution(DOUBLE)) == ()


def test_a_file_that_does_not_parse_just_now_has_not_drifted():
    assert drift(DOUBLE_STUB + "def (", solution(DOUBLE)) == ()


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("def halve", "def half", "halve is missing"),
        ("sign: float = 1.0", "sign: float = 2.0", "the signature of double is another"),
        ("(x: float) -> float", "(x: float) -> int", "the signature of halve is another"),
        ("Half the number.", "Half of it.", "the docstring of halve is another"),
        ("All numbers are floats.", "", "the conventions in its docstring are not those"),
    ],
)
def test_another_name_signature_or_docstring_is_drift(old, new, says):
    assert old in DOUBLE_STUB
    (found,) = drift(DOUBLE_STUB.replace(old, new), solution(DOUBLE))
    assert found.startswith(says)


def test_a_method_can_drift():
    stub = stub_of(COUNTER).replace("n: int", "n: float")
    assert drift(stub, solution(COUNTER)) == ("the signature of Counter.add is another",)
    gone = stub_of(COUNTER).replace("def add", "def _add")
    assert drift(gone, solution(COUNTER)) == ("Counter.add is missing",)


# -- restoring -------------------------------------------------------------------------


def test_a_missing_file_is_written(tmp_path):
    path = tmp_path / "01_double.py"
    assert restore(path, DOUBLE_STUB) is None
    assert path.read_text(encoding="utf-8") == DOUBLE_STUB


def test_a_fresh_stub_is_left_alone(tmp_path):
    path = tmp_path / "01_double.py"
    restore(path, DOUBLE_STUB)
    assert restore(path, DOUBLE_STUB) == path
    assert [file.name for file in tmp_path.iterdir()] == ["01_double.py"]


def test_every_earlier_file_is_kept_byte_for_byte_under_a_name_of_its_own(tmp_path):
    path = tmp_path / "01_double.py"
    earlier = [b"first \xff\x00\r\n", b"", b"third"]
    for number, data in enumerate(earlier, 1):
        path.write_bytes(data)
        assert restore(path, DOUBLE_STUB) == tmp_path / f"01_double.kept-{number}.py"
    kept = [(tmp_path / f"01_double.kept-{number}.py").read_bytes() for number in (1, 2, 3)]
    assert kept == earlier
    assert path.read_text(encoding="utf-8") == DOUBLE_STUB


def test_a_gap_in_the_numbers_is_no_reason_to_overwrite(tmp_path):
    path = tmp_path / "01_double.py"
    (tmp_path / "01_double.kept-2.py").write_text("second")
    for text in ("one", "three"):
        path.write_text(text)
        restore(path, DOUBLE_STUB)
    assert (tmp_path / "01_double.kept-2.py").read_text() == "second"
    assert (tmp_path / "01_double.kept-3.py").read_text() == "three"


def test_a_link_is_moved_and_what_it_leads_to_stays(tmp_path):
    elsewhere = tmp_path / "mine.py"
    elsewhere.write_text("mine")
    path = tmp_path / "01_double.py"
    path.symlink_to(elsewhere)
    kept = restore(path, DOUBLE_STUB)
    assert elsewhere.read_text() == "mine" and kept.is_symlink() and not path.is_symlink()


def test_what_cannot_be_moved_stays_where_it_is(tmp_path):
    path = tmp_path / "01_double.py"
    path.mkdir()
    (path / "notes").write_text("mine")
    with pytest.raises(UsageFault, match="cannot be made afresh"):
        restore(path, DOUBLE_STUB)
    assert [entry.name for entry in tmp_path.iterdir()] == ["01_double.py"]
    assert (path / "notes").read_text() == "mine"


def test_if_the_stub_cannot_be_written_the_message_says_where_the_old_file_is(
    tmp_path, monkeypatch
):
    path = tmp_path / "01_double.py"
    path.write_text("mine")
    real = Path.open

    def full_disk(self, mode="r", *more, **options):
        if self == path and "x" in mode:
            raise OSError(28, "No space left on device")
        return real(self, mode, *more, **options)

    monkeypatch.setattr(Path, "open", full_disk)
    with pytest.raises(UsageFault, match=r"No space left.*kept-1\.py"):
        restore(path, DOUBLE_STUB)
    assert (tmp_path / "01_double.kept-1.py").read_text() == "mine"


DECLARED = '''\
"""01 · Counter."""

from __future__ import annotations


class Counter:
    """It counts."""

    position: int  # what it has counted
    _own: int

    def count(self) -> None:
        """Count one."""
        self.position += 1
'''


def test_declared_attributes_stand_in_the_stub_and_count_as_nothing_written():
    source = Source("01_counter", DECLARED, "counter.py")
    stub = derive(source, "Counter")
    assert "\n    position: int  # what it has counted\n" in stub and "_own" not in stub
    assert untouched(stub, ["Counter"]) == {"Counter"}
    assert drift(stub, source) == ()
    assert drift(stub.replace("position: int", "pos: int"), source) == (
        "Counter does not declare position: int",
    )
