"""Right, wrong and clumsy programs, through the real thing: workers, wire, verdicts, views."""

from __future__ import annotations

from .checks import (  # noqa: F401 - they are tests of this file's programs
    test_every_step_gets_a_verdict_that_it_may_have,
    test_every_view_shows_it_on_one_screen_and_without_harm,
    test_it_says_what_it_must,
    test_no_process_is_left_behind,
    test_the_mistakes_that_are_known_are_named_and_no_others,
    test_the_score_is_what_passed_of_a_fixed_maximum,
)
from .programs import HONEST, of_folders

PROGRAMS = of_folders(*HONEST)
