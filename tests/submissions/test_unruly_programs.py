"""Slow and hostile programs: after each of them a right one must still be graded in full."""

from __future__ import annotations

import time

import pytest

from .checks import (  # noqa: F401 - they are tests of this file's programs
    test_every_step_gets_a_verdict_that_it_may_have,
    test_every_view_shows_it_on_one_screen_and_without_harm,
    test_it_says_what_it_must,
    test_no_process_is_left_behind,
    test_the_mistakes_that_are_known_are_named_and_no_others,
    test_the_score_is_what_passed_of_a_fixed_maximum,
)
from .exam import Attempts, Hung, patience
from .programs import UP_TO_SOMETHING, Program, of_folders

PROGRAMS = of_folders(*UP_TO_SOMETHING)


def test_a_right_program_is_graded_in_full_right_afterwards(
    program: Program, attempts: Attempts
) -> None:
    afterwards = attempts.of(program).afterwards
    assert afterwards is not None, repr(attempts.of(program).error)
    assert afterwards.passed


def test_a_clock_is_running() -> None:
    """That a grader which hangs is noticed at all."""
    with pytest.raises(Hung), patience(0.05):
        time.sleep(5)
