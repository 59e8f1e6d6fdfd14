"""Steps that share a row are alike, none is lost, and a tighter folding makes no more rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.model import Misconception, Report, Step, StepResult, Verdict
from grader.reports.folding import ALL_ALIKE, FOLDINGS, UNFOLDED, Folding, groups

from .sample_reports import ALIGNS_FIRST, MORE_KEYS, STRICT, report_of, right, wrong

FUNCTIONS = ("first", "second", "third")


def steps_named(*letters: str) -> tuple[StepResult, ...]:
    """Results of one function: p passed, m one mistake, o another, f failed, w waits for step 1."""
    results = []
    for number, letter in enumerate(letters, start=1):
        step = Step(f"test_{number}", "first", f"Step {number}", 1)
        waiting = Step(step.id, "first", step.title, 1, needs=("test_1",))
        results.append(
            {
                "p": right(step),
                "m": answered_wrongly(step, ALIGNS_FIRST),
                "o": answered_wrongly(step, STRICT),
                "f": answered_wrongly(step),
                "w": wrong(waiting, Verdict.SKIPPED),
            }[letter]
        )
    return tuple(results)


def answered_wrongly(step: Step, *mistakes: Misconception) -> StepResult:
    together = tuple((mistake,) for mistake in mistakes)
    return wrong(step, message="Not right.", case=MORE_KEYS, diagnoses=together)


def folded(letters: str, folding: Folding) -> list[list[int]]:
    """The numbers that share rows."""
    found = groups(report_of(*steps_named(*letters)), folding)
    return [[one.number for one in group.steps] for group in found]


@pytest.mark.parametrize(
    "letters, folding, expected",
    [
        ("ppp", UNFOLDED, [[1], [2], [3]]),
        ("ppppp", Folding(), [[1], [2], [3], [4], [5]]),
        ("fpppp", Folding(5), [[1], [2], [3], [4], [5]]),
        ("fppppp", Folding(5), [[1], [2, 3, 4, 5, 6]]),
        ("fpppfpp", Folding(3), [[1], [2, 3, 4], [5], [6], [7]]),
        ("fppfp", Folding(2, 2), [[1], [2, 3], [4], [5]]),
        ("fppfp", Folding(2, 2, ALL_ALIKE), [[1], [2, 3, 5], [4]]),
        ("mwpwp", Folding(2, 2, ALL_ALIKE), [[1], [2, 4], [3, 5]]),
        ("mpmomf", Folding(2, 2, ALL_ALIKE), [[1], [2], [3, 5], [4], [6]]),
    ],
)
def test_the_numbers_that_share_a_row(
    letters: str, folding: Folding, expected: list[list[int]]
) -> None:
    assert folded(letters, folding) == expected


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any results of up to twelve steps of three functions, one function after the other."""
    size = draw(st.integers(1, 12))
    owners = sorted(draw(st.lists(st.sampled_from(FUNCTIONS), min_size=size, max_size=size)))
    results = []
    for number, function in enumerate(owners):
        needs = tuple(draw(st.sets(st.sampled_from([f"test_{n}" for n in range(number)]))
                           if number else st.just(set())))  # fmt: skip
        step = Step(f"test_{number}", function, f"Step {number}", 1, needs=needs)
        verdict = draw(st.sampled_from(list(Verdict)))
        if verdict is Verdict.PASSED:
            results.append(right(step))
            continue
        mistakes = draw(st.sampled_from([(), (ALIGNS_FIRST,), (STRICT,)]))
        results.append(
            wrong(
                step,
                verdict,
                message=draw(st.sampled_from(["", "Not right.", "It stopped."])),
                case=draw(st.sampled_from([None, MORE_KEYS])),
                diagnoses=tuple((mistake,) for mistake in mistakes),
            )
        )
    return report_of(*results)


def on_any_report(test):
    return settings(derandomize=True, deadline=None)(given(report=reports())(test))


@on_any_report
def test_every_folding_shows_every_step_once_and_in_order(report: Report) -> None:
    shown = sorted(one.number for group in groups(report, UNFOLDED) for one in group.steps)
    for folding in FOLDINGS:
        found = groups(report, folding)
        assert sorted(one.number for group in found for one in group.steps) == shown
        for group in found:
            assert all(one.number < other.number for one, other in pairwise(group.steps))


@on_any_report
def test_steps_that_share_a_row_have_one_verdict_and_those_of_no_kind_are_neighbours(
    report: Report,
) -> None:
    for folding in FOLDINGS:
        for group in groups(report, folding):
            assert len({one.result.verdict for one in group.steps}) == 1
            assert group.kind is not None or (group.neighbours and one_function(group.steps))


def one_function(steps: Sequence[object]) -> bool:
    return len({one.result.step.function for one in steps}) == 1


@on_any_report
def test_a_tighter_folding_makes_no_more_rows(report: Report) -> None:
    sizes = [len(groups(report, folding)) for folding in FOLDINGS]
    assert sizes == sorted(sizes, reverse=True)
