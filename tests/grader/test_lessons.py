"""A lesson is a title, something to read, and a ladder of hints for every function."""

from __future__ import annotations

import pytest

from grader.errors import CourseFault
from grader.lessons import check_hints, read

from .tiny_course import DOUBLE_LESSON


def fault(text: str) -> str:
    with pytest.raises(CourseFault) as caught:
        read(text, "lesson.md")
    return caught.value.message


def test_a_lesson_has_a_title_a_body_and_hints():
    lesson = read(DOUBLE_LESSON)
    assert lesson.title == "Double"
    assert lesson.body.startswith("What is twice 21?")
    assert lesson.body.endswith("Two is *two*.")
    assert "Hints" not in lesson.body
    assert [function for function, _ in lesson.hints] == ["double", "halve"]


def test_a_ladder_has_its_hints_in_order_with_all_their_lines():
    lesson = read(DOUBLE_LESSON)
    assert lesson.ladder("double") == (
        "Look at the formula.\nIt is short.",
        "Which operator multiplies?\n\n    x ? 2\n\nThat one.",
    )
    assert lesson.ladder("halve") == ("The other way round.",)


def test_words_are_counted_in_the_body_and_signs_are_none():
    # What is twice 21 Say it before you read on / The formula / 2 x / Two is two
    assert read(DOUBLE_LESSON).words == 10 + 2 + 2 + 3


def test_a_heading_inside_a_fenced_block_is_only_an_example():
    text = "# T\n\n```\n## Hints\n```\n\n## Hints\n\n### f\n\n1. One.\n"
    assert read(text).body == "```\n## Hints\n```"


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm():
    assert read("\ufeff" + DOUBLE_LESSON.replace("\n", "\r\n")) == read(DOUBLE_LESSON)


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ("# Double\n", "Double\n", 1, "# Causal mask"),
        ("# Double\n", "\n# Double\n", 1, "# Causal mask"),
        ("# Double\n", "# \n", 1, "# Causal mask"),
        ("# Double\n", "# Dou\x1bble\n", 1, "# Causal mask"),
        ("### double", "### the double", 13, "a function's name"),
        ("### double", "#### double", 13, "a function's name"),
        ("### halve", "### double", 23, "a second time"),
        ("1. Look", "2. Look", 15, "should be number 1"),
        ("2. Which", "3. Which", 17, "should be number 2"),
        ("2. Which", "1. Which", 17, "should be number 2"),
        ("### double", "", 15, "heading of its function"),
        ("### double\n", "### double\n\nSome words.\n", 15, "belongs to no hint"),
        ("   It is short", "It is short", 16, "belongs to no hint"),
        ("1. Look", "- Look", 15, "belongs to no hint"),
    ],
)
def test_a_malformed_lesson_is_a_fault_with_its_line(old, new, line, says):
    assert old in DOUBLE_LESSON
    message = fault(DOUBLE_LESSON.replace(old, new, 1))
    assert message.startswith(f"lesson.md:{line}: ")
    assert says in message


def test_a_lesson_without_hints_is_a_fault():
    assert fault("# T\n\nRead.\n") == "lesson.md: the section `## Hints` is missing"


def test_a_lesson_with_nothing_to_read_is_a_fault():
    assert "nothing to read" in fault("# T\n\n## Hints\n\n### f\n\n1. One.\n")


def test_a_heading_without_hints_is_a_fault():
    assert "no hints" in fault(DOUBLE_LESSON.replace("1. The other way round.", ""))


def test_the_hints_must_be_for_the_functions_of_the_exercise():
    lesson = read(DOUBLE_LESSON)
    check_hints(lesson, ("double", "halve"))
    check_hints(lesson, ("halve", "double"))
    with pytest.raises(CourseFault, match="did you mean halves"):
        check_hints(lesson, ("double", "halves"))
    with pytest.raises(CourseFault, match="`### third` is missing"):
        check_hints(lesson, ("double", "halve", "third"))
