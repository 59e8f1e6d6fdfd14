"""A sequence fed in pieces through a cache, from a submission in a worker to its report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grader.course import Course
from grader.model import Certainty, Feedback, Report, StepResult, Verdict
from grader.probes import chance, plan
from grader.reports.redact import redacted
from grader.styles import Restyled
from grader.verify import verify

from . import cache_course
from .cache_course import DERIVED, DICTS, LISTS
from .in_workers import Graded, grading

CAUSAL = "torch.arange(len(cache)) > own"  # what LISTS hides
NOT_ITSELF = "Fed in pieces, a query sees all keys before its own, but not its own."


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course.open(cache_course.lay_out(tmp_path_factory.mktemp("pieces")))


@pytest.fixture(scope="module")
def graded(course: Course) -> Iterator[Graded]:
    """Grades a source in workers."""
    with grading(course) as grade:
        yield grade


def named(results: list[StepResult]) -> set[str]:
    return {one.id for r in results for together in r.diagnoses for one in together}


def said(report: Report, step: str) -> str:
    """What a step says that knows one mistake."""
    (result,) = (one for one in report.steps if one.step.id == step)
    assert result.certainty is Certainty.UNIQUE, (result.message, result.diagnoses)
    return result.diagnoses[0][0].says


@pytest.mark.parametrize("source", [LISTS, DICTS, DERIVED], ids=["lists", "dicts", "derived"])
def test_right_caches_pass_however_they_are_made(graded, source):
    report = graded(source)
    assert [one.message for one in report.steps if one.verdict is not Verdict.PASSED] == []


@pytest.mark.slow
def test_the_course_of_pieces_keeps_every_promise(course):
    figures = verify(course, course.exercise("01"))
    assert figures.findings == ()
    assert (figures.killed, figures.unique, figures.restyled, figures.misnamed) == (7, 7, 7, 0)


@pytest.mark.parametrize("name", sorted(m.partition("class ")[2].partition("(")[0]
                                        for m in cache_course.SOLUTION.split("@misconception")[1:]
                                        if "class " in m))  # fmt: skip
def test_a_wrong_class_is_named_and_costs_its_own_steps_alone(course, graded, name):
    exercise = course.exercise("01")
    wrong = next(m for m in exercise.misconceptions if m.id.endswith(f".{name}"))
    report = graded(Restyled(exercise).submission(wrong))
    own = [one for one in report.steps if one.step.function == "KVCache"]
    others = [one for one in report.steps if one.step.function == "cached_attention"]
    assert named(own) == {wrong.id}
    assert all(one.verdict is Verdict.PASSED for one in others)
    carried = {one.message for one in others if one.carried_forward}
    assert carried <= {"`cached_attention` is right in itself; it waits for `KVCache`."}
    assert bool(carried) == (name != "WritesOverWhatItGaveOut")  # which nobody else notices


@pytest.mark.parametrize(
    "name", ["lines_up_the_first_tokens", "looks_ahead_in_its_piece", "cuts_off_the_keys"]
)
def test_a_listed_mistake_with_pieces_is_named(course, graded, name):
    exercise = course.exercise("01")
    wrong = next(m for m in exercise.misconceptions if m.id.endswith(f".{name}"))
    report = graded(Restyled(exercise).submission(wrong))
    assert named(list(report.steps)) == {wrong.id}
    assert {one.step.function for one in report.steps if one.diagnoses} == {"cached_attention"}


@pytest.mark.parametrize(
    "hidden, says",
    [
        (f"{CAUSAL} - 1", NOT_ITSELF),
        (f"{CAUSAL} + 1", "Inside a piece a query sees 1 key after its own."),
        (f"({CAUSAL}) | (torch.arange(len(cache)) < own - 2)",
         "A query sees no more than the last 3 keys."),
        ("(torch.arange(len(cache)) > own) | (torch.arange(len(cache)) < start)",
         "Fed in pieces, a query sees only the keys of its own piece: "
         "what came before is forgotten."),
        ("(torch.arange(len(cache)) >= start) & (own >= 0)",
         "Fed in pieces, a query sees what came before its piece, but not its own key."),
    ],
    ids=["not itself", "one too early", "three", "its piece", "what came before"],
)  # fmt: skip
@pytest.mark.parametrize("nothing", ["-inf", "-1e30"])
def test_an_unlisted_plan_is_read_off_the_pieces(graded, hidden, says, nothing):
    report = graded(LISTS.replace(CAUSAL, hidden).replace("-inf", nothing))
    assert named(list(report.steps)) == {"probes.plan"}
    assert said(report, "test_pieces") == says


@pytest.mark.parametrize("result", ["v * torch.nan", "-v", "torch.zeros_like(v)"])
def test_numbers_that_tell_of_no_key_are_no_plan(graded, result):
    report = graded(LISTS.replace("    return torch.softmax", f"    return {result}\n    torch"))
    assert named(list(report.steps)) == set()


def test_in_homework_a_hidden_step_tells_an_unlisted_plan_without_its_number(graded):
    source = LISTS.replace(CAUSAL, f"({CAUSAL}) | (torch.arange(len(cache)) < own - 2)")
    report = graded(source, feedback=Feedback.HOMEWORK)
    assert said(report, "test_pieces") == "A query sees no more than the last 3 keys."
    assert said(redacted(report), "test_pieces") == plan.IN_GENERAL
    law = graded(LISTS.replace(CAUSAL, f"{CAUSAL} - 1"), feedback=Feedback.HOMEWORK)
    assert said(redacted(law), "test_pieces") == NOT_ITSELF  # there is no number in it


def test_a_wrong_class_and_a_wrong_function_are_told_apart(graded):
    both = LISTS.replace("zip(*self.pieces)", "zip(*self.pieces[::-1])").replace(
        "torch.arange(start, len(cache))", "torch.arange(len(q))"
    )
    report = graded(both)
    by_function = {
        function: named([one for one in report.steps if one.step.function == function])
        for function in ("KVCache", "cached_attention")
    }
    assert by_function == {
        "KVCache": {"01_cache.PutsTheNewOnesFirst"},
        "cached_attention": {"01_cache.lines_up_the_first_tokens"},
    }
    (pieces,) = (one for one in report.steps if one.step.id == "test_pieces")
    assert pieces.case is not None
    assert pieces.case.call == "cached_attention(q, k, v, cache) beside a right KVCache"


def test_what_is_wrong_in_the_first_piece_alone_is_not_told_of_every_piece(graded):
    report = graded(LISTS.replace(CAUSAL, f"({CAUSAL}) & bool(start)"))
    assert "01_cache.looks_ahead_in_its_piece" not in named(list(report.steps))


def test_what_only_the_own_class_has_is_no_mistake_of_the_function_that_asks_for_it(graded):
    wrong = LISTS.replace("zip(*self.pieces)", "zip(*self.pieces[::-1])")
    asks = wrong.replace("start = len(cache)", "start = len(cache) if cache.pieces else 0")
    report = graded(asks)
    (pieces,) = (one for one in report.steps if one.step.id == "test_pieces")
    assert pieces.verdict is Verdict.FAILED and named([pieces]) == set()
    assert pieces.message.endswith(
        "\n`cached_attention` asks more of `KVCache` than its contract promises; "
        "make that right first."
    )
    assert "beside" not in pieces.case.call


def test_a_copy_of_a_given_object_is_more_than_its_contract_promises(graded):
    wrong = LISTS.replace("zip(*self.pieces)", "zip(*self.pieces[::-1])")
    tries = wrong.replace("import torch\n", "import copy\nimport torch\n", 1).replace(
        "start = len(cache)", "start = len(copy.deepcopy(cache))"
    )
    (pieces,) = (one for one in graded(tries).steps if one.step.id == "test_pieces")
    assert pieces.verdict is Verdict.FAILED and named([pieces]) == set()
    assert "more of `KVCache` than its contract" in pieces.message


def test_a_misspelt_method_is_an_error_of_the_function_beside_a_wrong_class_too(graded):
    wrong = LISTS.replace("zip(*self.pieces)", "zip(*self.pieces[::-1])")
    report = graded(wrong.replace("cache.append(k, v)", "cache.apend(k, v)"))
    (pieces,) = (one for one in report.steps if one.step.id == "test_pieces")
    assert pieces.verdict is Verdict.RAISED and "`KVCache` has" not in pieces.message


def test_a_property_that_is_a_method_is_told_as_such(graded):
    message = graded(LISTS.replace("    @property\n", "")).steps[0].message
    assert message.startswith("`KVCache.is_empty` is a method in your class")


def test_what_was_kept_is_told_by_what_its_object_has_met(graded):
    overwrites = (
        LISTS.replace(
            "self.pieces.append((k, v))",
            "[old.zero_() for old in getattr(self, 'out', ())]; self.pieces.append((k, v))",
        )
        .replace("return tuple(", "self.out = tuple(")
        .replace("zip(*self.pieces))\n", "zip(*self.pieces))\n        return self.out\n")
    )
    report = graded(overwrites)
    (stays,) = (one for one in report.steps if one.step.id == "test_what_it_gave_out_stays")
    assert stays.case is not None
    assert stays.case.inputs == (("cache", "KVCache(), then append of (3, 5), of (1, 5)"),)


def test_the_failing_case_tells_what_its_object_has_met(graded):
    report = graded(LISTS.replace(CAUSAL, "torch.arange(len(cache)) > own - start"))
    (pieces,) = (one for one in report.steps if one.step.id == "test_pieces")
    assert pieces.case is not None
    assert pieces.case.call == "cached_attention(q, k, v, cache)"
    assert dict(pieces.case.inputs)["cache"] == "KVCache(), then cached_attention of (4, 5)"


def test_chance_is_seen_where_calls_share_an_object(graded):
    report = graded(LISTS.replace("@ values", "@ values + torch.rand(())"))
    assert named(list(report.steps)) == {"probes.chance"}


@pytest.mark.parametrize(
    "shared",
    [
        ("    def __init__(self):\n        self.pieces = []\n", "    pieces = []\n"),
        (
            "__init__(self):\n        self.pieces = []",
            "__init__(self, p=[]):\n        self.pieces = p",
        ),
    ],
    ids=["an attribute of the class", "a default that changes"],
)
def test_what_all_objects_of_a_class_share_is_told_as_such(graded, shared):
    report = graded(LISTS.replace(*shared))
    own = [one for one in report.steps if one.step.function == "KVCache"]
    others = [one for one in report.steps if one.step.function == "cached_attention"]
    assert {together[0].says for one in own for together in one.diagnoses} == {chance.OF_A_CLASS[0]}
    assert all(one.carried_forward for one in others)


def test_a_class_that_is_not_written_yet_holds_up_nothing_that_is_right(graded):
    unwritten = "class KVCache:\n    def append(self, k, v): raise NotImplementedError\n"
    right = LISTS[LISTS.index("def cached_attention") :]
    report = graded(f"import torch\n{unwritten}\n{right}")
    verdicts = {one.step.id: one.verdict for one in report.steps}
    assert verdicts["test_what_it_gave_out_stays"] is Verdict.NOT_STARTED
    assert verdicts["test_pieces"] is Verdict.PASSED
    assert verdicts["test_a_gradient"] is Verdict.PASSED
    assert {one.step.function for one in report.steps if one.carried_forward} == {
        "cached_attention"
    }


def test_a_method_that_is_missing_is_told_with_its_class(graded):
    report = graded(LISTS.replace("def is_empty", "def is_void"))
    message = next(one.message for one in report.steps if one.verdict is not Verdict.PASSED)
    assert message == "An object of your class `KVCache` has no `is_empty`."


def test_a_property_that_raises_is_there_all_the_same(graded):
    report = graded(LISTS.replace("return not self.pieces", "return not self.peaces"))
    assert report.steps[0].verdict is Verdict.RAISED
    assert report.steps[0].message.startswith("`KVCache.is_empty` raised AttributeError")


def test_a_wrong_result_of_a_method_is_shown_at_the_method(graded):
    report = graded(LISTS.replace("zip(*self.pieces)", "zip(*self.pieces[::-1])"))
    assert report.steps[0].line == 1 + LISTS[: LISTS.index("def append")].count("\n")
    assert report.steps[0].case is not None
    assert report.steps[0].case.call == "cache.append(k, v)"


def test_an_error_in_a_method_is_told_with_its_line(graded):
    report = graded(LISTS.replace("self.pieces.append((k, v))", "self.pieces.add((k, v))"))
    first = report.steps[0]
    assert first.message.startswith("`KVCache.append` raised AttributeError")
    assert first.line == 1 + LISTS[: LISTS.index("self.pieces.append")].count("\n")


FORGETS = "self.pieces = [(k, v)]"  # what a wrong class does instead of LISTS's append


def test_gradients_flow_through_all_that_a_given_object_met(graded):
    """One who feeds a right cache token by token keeps every point that is theirs."""
    wrong_class = LISTS.partition("def cached_attention")[0].replace(
        "self.pieces.append((k, v))", FORGETS
    )
    fed = (
        "import math\n"
        + wrong_class
        + "def cached_attention"
        + DICTS.partition("def cached_attention")[2]
    )
    report = graded(fed)
    own = [one for one in report.steps if one.step.function == "cached_attention"]
    assert [one.message for one in own if one.verdict is not Verdict.PASSED] == []
    assert own[-1].step.id == "test_a_gradient" and own[-1].carried_forward


def test_gradients_that_are_cut_off_beside_a_given_object_are_missed(graded):
    wrong_class = LISTS.partition("def cached_attention")[0].replace(
        "self.pieces.append((k, v))", FORGETS
    )
    cut = LISTS.partition("def cached_attention")[2].replace(
        "append(k, v)", "append(k.detach(), v)"
    )
    report = graded(wrong_class + "def cached_attention" + cut)
    assert [one.step.id for one in report.steps if one.verdict is Verdict.FAILED][-1] == (
        "test_a_gradient"
    )
