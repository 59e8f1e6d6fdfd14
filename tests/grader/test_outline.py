"""An exercise's functions, steps and wrong programs are read from source, never imported."""

from __future__ import annotations

import ast
import sys

import pytest

from grader.errors import CourseFault
from grader.model import Misconception, Step
from grader.outline import functions_of, misconceptions_of, points_of, steps_of
from grader.reference import cut

from .tiny_course import COUNTER, DOUBLE, DOUBLE_SUITE, SCALED_SUM

SUITE = '''\
from grader.suite import step

@step(points=2)
def test_values(student, reference):
    """The values are right"""
    assert student.double(1.0)
'''


def fault(call, *args) -> str:
    with pytest.raises(CourseFault) as caught:
        call(*args, "the_file.py")
    return caught.value.message


# -- functions -------------------------------------------------------------------------


def test_the_functions_are_what_is_public_and_not_wrong_on_purpose():
    assert functions_of(DOUBLE) == ("double", "halve")
    assert functions_of(COUNTER) == ("Counter",)


def test_a_solution_is_never_executed():
    source = "raise SystemExit\nimport no_such_module\ndef f():\n    'Says.'\n"
    assert functions_of(source) == ("f",)
    assert "no_such_module" not in sys.modules


def test_two_functions_of_one_name_are_a_fault():
    source = "def f(): 'a'\n\n\ndef f(): 'b'\n"
    assert fault(functions_of, source) == "the_file.py:4: there is a second f"


@pytest.mark.parametrize(
    "source, says", [("def f(:\n", "the_file.py:1: "), ("x = 1\n\0", "the_file.py")]
)
def test_a_solution_that_is_not_python_is_a_fault(source, says):
    assert fault(functions_of, source).startswith(says)


# -- wrong programs --------------------------------------------------------------------


def test_a_wrong_program_is_its_name_its_target_and_its_docstring():
    assert misconceptions_of(DOUBLE, "01_double") == (
        Misconception(
            "01_double.squares",
            "double",
            "You squared the number.",
            "What is twice 3?",
            "For 2 that looks right.",
        ),
        Misconception("01_double.divides_by_three", "halve", "You took a third.", ""),
    )


def test_a_class_can_be_a_wrong_program():
    (found,) = misconceptions_of(COUNTER, "03_counter")
    assert (found.id, found.function) == ("03_counter.ForgetsTheStart", "Counter")


WRONG = '''\
import grader.bank as bank
from grader.bank import misconception

def double(x):
    """Twice."""

@misconception(double)
def wrong(x):
    """You went wrong.

    How?
    """
'''


def test_the_mark_may_be_named_with_its_module():
    source = WRONG.replace("@misconception", "@bank.misconception")
    assert functions_of(source) == ("double",)
    assert len(misconceptions_of(source, "01_double")) == 1


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ('    """You went wrong.\n\n    How?\n    """\n', "    pass\n", 8, "no docstring"),
        ("You went wrong.\n\n", "You went\n    wrong.\n", 8, "one line"),
        ("(double)\n", "(duoble)\n", 7, "did you mean double?"),
        ("@misconception(double)", '@misconception("double")', 7, "name the function"),
        ("@misconception(double)", "@misconception", 7, "name the function"),
        ("def wrong(x)", "def double(x)", 8, "second double"),
    ],
)
def test_a_wrong_program_that_says_too_little_is_a_fault(old, new, line, says):
    assert old in WRONG
    message = fault(misconceptions_of, WRONG.replace(old, new), "01_double")
    assert message.startswith(f"the_file.py:{line}: ")
    assert says in message


def test_two_wrong_programs_of_one_name_are_a_fault():
    twice = WRONG + WRONG[WRONG.index("@misconception(") :]
    assert "a second wrong" in fault(misconceptions_of, twice, "01_double")


def test_a_fault_names_the_solution_where_no_file_is_given():
    with pytest.raises(CourseFault, match=r"solutions/01_double\.py:1: "):
        misconceptions_of("def f(:", "01_double")


# -- steps -----------------------------------------------------------------------------


def test_the_steps_are_what_their_decorators_and_docstrings_say():
    assert steps_of(DOUBLE_SUITE, ("double", "halve")) == (
        Step("test_twice_as_much", "double", "The result is twice the number", 2, (), True),
        Step("test_it_is_a_float", "double", "The result is a float", 1, ("test_twice_as_much",)),
        Step("test_back_again", "halve", "Half of the double is the number itself", 3),
    )


def test_the_points_are_told_without_knowing_the_functions():
    assert points_of(DOUBLE_SUITE) == 2 + 1 + 3
    assert points_of(SUITE.replace("student.double", "student.no_such_function")) == 2
    assert "1 or more" in fault(points_of, SUITE.replace("=2", "=0"))


def test_a_step_grades_the_latest_function_it_names_whatever_comes_first_in_it():
    suite = SUITE.replace("student.double(1.0)", "student.halve(student.double(1.0))")
    assert steps_of(suite, ("double", "halve"))[0].function == "halve"
    assert steps_of(suite, ("halve", "double"))[0].function == "double"


def test_a_function_counts_as_named_when_it_is_only_measured():
    suite = SUITE.replace("student.double(1.0)", "alone(student.halve, 1.0)")
    assert steps_of(suite, ("double", "halve"))[0].function == "halve"


def test_needs_may_be_several():
    more = SUITE.replace("test_values", "test_more")
    side = SUITE.replace("test_values", "test_side")
    side = side.replace("=2", "=1, needs=('test_values', 'test_more')")
    suite = SUITE + more + side
    assert steps_of(suite, ("double",))[2].needs == ("test_values", "test_more")


def test_the_arguments_of_a_step_may_come_without_their_names():
    suite = SUITE.replace("points=2", "2, (), True")
    assert steps_of(suite, ("double",)) == (
        Step("test_values", "double", "The values are right", 2, (), True),
    )


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ('    """The values are right"""\n', "", 4, "no docstring"),
        ("are right", "are\n    right", 4, "one line"),
        ("points=2", "points=0", 3, "1 or more"),
        ("points=2", "points=1.5", 3, "1 or more"),
        ("points=2", "points=True", 3, "1 or more"),
        ("points=2", "points=POINTS", 3, "literal"),
        ("points=2", "points=1 + len('x')", 3, "literal"),
        ("points=2", "", 3, "1 or more"),
        ("(points=2)", "", 3, "needs its points"),
        ("points=2", "points=2, need='x'", 3, "nothing else"),
        ("points=2", "**options", 3, "nothing else"),
        ("points=2", "points=2, public=1", 3, "True or False"),
        ("points=2", "points=2, needs=['test_x']", 3, "tuple"),
        ("points=2", "points=2, needs=3", 3, "tuple"),
        ("points=2", "points=2, needs='test_valves'", 4, "no step here"),
        ("points=2", "points=2, needs='test_values'", 4, "only a values step"),
        ("student.double(1.0)", "True", 4, "calls no function"),
        ("student.double(1.0)", "student.duoble(1.0)", 4, "did you mean double?"),
        ("test_values", "values", 4, "must begin with test_"),
        ("@step(points=2)\n", "\n", 4, "lacks its @step"),
    ],
)
def test_a_step_that_is_not_declared_in_full_is_a_fault(old, new, line, says):
    assert old in SUITE
    message = fault(steps_of, SUITE.replace(old, new), ("double", "halve"))
    assert message.startswith(f"the_file.py:{line}: ")
    assert says in message


def test_two_steps_of_one_name_are_a_fault():
    assert "a second test_values" in fault(steps_of, SUITE + SUITE, ("double",))


def test_an_unknown_need_is_shown_with_the_nearest_step():
    side = SUITE.replace("test_values(", "test_side(").replace("=2", "=1, needs='test_valuse'")
    assert "did you mean test_values?" in fault(steps_of, SUITE + side, ("double",))


def test_a_step_can_only_need_one_of_its_own_function():
    side = SUITE.replace("test_values(", "test_side(").replace("double", "halve")
    side = side.replace("=2", "=1, needs='test_values'")
    assert "which grades double" in fault(steps_of, SUITE + side, ("double", "halve"))


# -- what stands behind a function -----------------------------------------------------


def test_a_cut_holds_a_function_and_the_private_names_it_uses_and_nothing_else():
    found = cut(DOUBLE, ["halve"])
    assert found.text == (
        "_TWO = 2.0\n\n\n"
        'def halve(x: float) -> float:\n    """Half the number."""\n    return x / _TWO'
    )
    assert found.defines == {"_TWO", "halve"}


def test_a_cut_keeps_the_comment_right_above_a_function():
    assert "# What it says.\ndef double(" in cut(DOUBLE, ["double"]).text


def test_a_cut_has_only_the_imports_it_uses():
    imports = [ast.unparse(node) for node in cut(DOUBLE, ["double"]).imports]
    assert imports == ["from __future__ import annotations", "import math"]


def test_a_cut_says_what_it_builds_on():
    assert cut(SCALED_SUM, ["scaled_sum"]).built_on == (("double", "double"),)


def test_a_right_function_that_needs_the_grader_is_a_fault():
    source = "from grader.bank import misconception\n\n\ndef f():\n    return misconception\n"
    assert fault(cut, source, ["f"]) == "the_file.py:1: right functions must not need the grader"


@pytest.mark.parametrize(
    "line", ["from solutions.double import double as d", "import solutions.double"]
)
def test_earlier_functions_must_be_imported_by_their_own_names(line):
    used = "solutions" if line.startswith("import") else "d"
    assert "by their own names" in fault(cut, f"{line}\n\n\ndef f():\n    {used}\n", ["f"])
