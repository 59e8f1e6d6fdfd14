"""course.toml is read strictly, and every mistake in it is one line that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.config import DEVICES, Limits, Policy, did_you_mean, line_of, settings_of
from grader.errors import CourseFault
from grader.model import Feedback

WHOLE = """\
# our course
title = "Attention"

exercises = [   # in teaching order
    "03_causal_mask",   # the mask
    # "04_softmax" comes next
    "04_softmax",
]

[policy]
feedback = "homework"
seed = 7
device = "cpu"
imports = ["einops", "jaxtyping"]

[limits]
cpu_seconds = 2.5
memory_mib = 512

[exercise.04_softmax]
cpu_seconds = 8
output_kib = 1
"""


def fault(text: str) -> str:
    with pytest.raises(CourseFault) as caught:
        settings_of(text, "course.toml")
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message
    return caught.value.message


def with_line(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_whole_file_becomes_settings():
    settings = settings_of(WHOLE)
    assert settings.title == "Attention"
    assert settings.exercises == ("03_causal_mask", "04_softmax")
    assert settings.policy == Policy(Feedback.HOMEWORK, 7, "cpu", ("einops", "jaxtyping"))
    assert settings.policy.feedback is Feedback.HOMEWORK
    assert settings.limits == Limits(2.5, 60, 512, 64)


def test_an_exercise_overrides_single_limits_and_shares_the_others():
    settings = settings_of(WHOLE)
    assert settings.limits_of("04_softmax") == Limits(8, 60, 512, 1)
    assert settings.limits_of("03_causal_mask") == settings.limits


@pytest.mark.parametrize("says", ["full", "none"])
def test_carry_forward_is_full_or_none(says):
    text = with_line("[policy]", f'[policy]\ncarry_forward = "{says}"')
    assert settings_of(text).policy.carry_forward == says
    assert settings_of(WHOLE).policy.carry_forward == "full"
    assert "full" in fault(with_line("[policy]", '[policy]\ncarry_forward = "half"'))


def test_what_is_left_out_has_a_default():
    settings = settings_of('exercises = ["01_double"]')
    assert settings.title
    assert settings.policy == Policy(Feedback.PRACTICE, 2017, "auto", ())
    assert settings.limits == Limits(4, 60, 1024, 64)


def test_a_course_may_have_no_exercises_yet():
    assert settings_of("exercises = []").exercises == ()


def test_the_course_of_this_project_is_without_mistakes():
    file = Path(__file__).resolve().parents[2] / "course.toml"
    assert settings_of(file.read_text(encoding="utf-8")).exercises[0] == "01_qkv_projection"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm():
    assert settings_of("\ufeff" + WHOLE.replace("\n", "\r\n")) == settings_of(WHOLE)


def test_without_a_list_of_exercises_there_is_no_course():
    assert "exercises" in fault('title = "x"')


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ("seed = 7", "sede = 7", 12, "did you mean seed?"),
        ("[policy]", "[polcy]", 10, "did you mean policy?"),
        ("[limits]", "[limits]\ncpu_second = 1", 17, "did you mean cpu_seconds?"),
        ("output_kib", "output_kb", 22, "did you mean output_kib?"),
        ("[exercise.04_softmax]", "[exercise.04_sofmax]", 20, "did you mean 04_softmax?"),
        ("title =", "titel =", 2, "did you mean title?"),
    ],
)
def test_an_unknown_name_is_shown_with_its_line_and_the_nearest_one(old, new, line, says):
    message = fault(with_line(old, new))
    assert message.startswith(f"course.toml:{line}: ")
    assert says in message


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ('"homework"', '"homwork"', 11, "did you mean homework?"),
        ('"homework"', "true", 11, '"practice" or "homework", not true'),
        ('"cpu"', '"gpu"', 13, '"cpu" or "cuda" or "auto"'),
        ("seed = 7", 'seed = "7"', 12, "whole number"),
        ("seed = 7", "seed = -7", 12, "whole number"),
        ("seed = 7", "seed = true", 12, "whole number"),
        ("seed = 7", "seed = 1.0", 12, "whole number"),
        ("2.5", "-1", 17, "above 0"),
        ("2.5", "0", 17, "above 0"),
        ("2.5", "inf", 17, "above 0"),
        ("2.5", "nan", 17, "above 0"),
        ("2.5", '"2"', 17, "number of seconds"),
        ("2.5", "true", 17, "number of seconds"),
        ("512", "0", 18, "from 1"),
        ("512", "512.5", 18, "whole number"),
        ("512", "99999999999999", 18, "whole number"),
        ("output_kib = 1", "output_kib = -1", 22, "exercise.04_softmax.output_kib"),
        ('["einops", "jaxtyping"]', '"einops"', 14, "list of module names"),
        ('["einops", "jaxtyping"]', '["einops", "../x"]', 14, "'../x' is none"),
        ('"Attention"', "3", 2, "one line of text"),
        ('"Attention"', '"two\\nlines"', 2, "one line of text"),
        ('"Attention"', '" "', 2, "one line of text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_its_line_and_what_it_must_be(old, new, line, says):
    message = fault(with_line(old, new))
    assert message.startswith(f"course.toml:{line}: ")
    assert says in message


@pytest.mark.parametrize(
    "entry, line, says",
    [
        ('"03_causal_mask"', 7, "twice"),
        ('"03_softmax"', 7, "share a number or a name"),
        ('"05_causal_mask"', 7, "share a number or a name"),
        ('"4_softmax"', 7, "two digits"),
        ('"../../etc/passwd"', 7, "two digits"),
        ('"04_softmax\\u0000"', 7, "two digits"),
        ("4", 7, "two digits"),
    ],
)
def test_an_entry_that_cannot_be_an_exercise_is_shown_with_its_own_line(entry, line, says):
    text = with_line('    "04_softmax",', f"    {entry},").partition("[exercise")[0]
    message = fault(text)
    assert message.startswith(f"course.toml:{line}: ")
    assert says in message


@pytest.mark.parametrize(
    "text, line",
    [
        ('exercises = "01_double"', 1),
        ('exercises = []\npolicy = "strict"', 2),
        ("exercises = []\n\n[[limits]]\ncpu_seconds = 1", 3),
        ("exercises = []\nexercise = 3", 2),
    ],
)
def test_a_table_or_list_of_another_kind_is_a_mistake(text, line):
    assert fault(text).startswith(f"course.toml:{line}: ")


def test_a_step_may_not_use_more_than_all_steps_together():
    message = fault("exercises = []\n[limits]\nsubmission_seconds = 3\n")
    assert message.startswith("course.toml:3: ")
    message = fault('exercises = ["01_a"]\n[exercise.01_a]\ncpu_seconds = 61\n')
    assert message.startswith("course.toml:3: ")


@pytest.mark.parametrize(
    "text, line",
    [
        ("title = Attention", 1),
        ('title = "x"\nexercises = [\n"01_a"\n', 3),
        ('title = "x"\ntitle = "y"', 2),
        ("exercises = []\n[policy]\nseed = 1\nseed 2\n", 4),
    ],
)
def test_broken_toml_is_told_in_the_same_form(text, line):
    assert fault(text).startswith(f"course.toml:{line}: ")


def test_nothing_in_a_file_can_make_the_reader_crash():
    for text in ("\0", "a" * 5000, "x = " + "[" * 5000, "x = " + "9" * 5000, "=", "[[[]]]"):
        assert fault(text).startswith("course.toml")


# -- finding the line ------------------------------------------------------------------

TRICKY = '''\
# seed = 1
title = """
seed = 2
[policy]
"""
exercises = [ # seed
  "01_a", "02_b",
  # "03_c"
  '03_c' ]
policy.seed = 4
  [ "exercise" . "01_a" ]   # a table
"cpu_seconds" = 5
limits = { memory_mib = 1,  output_kib = 2 }
'''


@pytest.mark.parametrize(
    "place, line",
    [
        (("title",), 2),
        (("exercises",), 6),
        (("exercises", 0), 7),
        (("exercises", 1), 7),
        (("exercises", 2), 9),
        (("policy", "seed"), 10),
        (("exercise", "01_a"), 11),
        (("exercise", "01_a", "cpu_seconds"), 12),
        (("exercise", "01_a", "limits", "output_kib"), 13),
    ],
)
def test_the_line_is_found_whatever_way_the_key_is_written(place, line):
    assert line_of(TRICKY, place) == line


def test_the_line_of_what_is_not_there_is_the_first():
    assert line_of(TRICKY, ("nowhere",)) == 1


def test_only_a_near_name_is_suggested():
    assert did_you_mean("cuad", DEVICES) == "; did you mean cuda?"
    assert did_you_mean("tensor", DEVICES) == ""
