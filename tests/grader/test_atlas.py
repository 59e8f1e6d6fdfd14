"""The atlas knows what every program answers, and what of an answer counts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader.atlas import Atlas, Evidence, Place, places
from grader.bank import Bank
from grader.calls import Call, Earlier, Raised, Recorded, Value
from grader.course import Course

from . import cache_course

COURSE = Course.open(Path(__file__).resolve().parents[2])
EXERCISE = COURSE.exercise("02")
BANK = Bank(COURSE)
KNOWN = {wrong.id.partition(".")[2]: wrong for wrong in BANK.misconceptions(EXERCISE)}
TURNED = KNOWN["puts_the_keys_in_the_rows"]
SINGLE = KNOWN["answers_in_single_precision"]
Q, K = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 9.0]])
SCORES = torch.tensor([[17.0, 25.0], [39.0, 57.0]])


@pytest.fixture
def atlas() -> Atlas:
    """That of the exercise on scores."""
    return Atlas(BANK, EXERCISE)


def place(answer=None, mode="value", case="case", index=0, args=(Q, K)):
    """A call of dot_scores with what was answered."""
    recorded = Recorded(Call("dot_scores", args, mode=mode), answer)
    return Place(case, index, (recorded,) * (index + 1))


def test_the_reference_and_a_wrong_program_answer_for_themselves(atlas):
    assert torch.equal(atlas.reference(place()).value, SCORES)
    assert torch.equal(atlas.of((TURNED,), place()).value, SCORES.mT)
    assert isinstance(atlas.reference(place(case="narrow", args=(Q, K[:, :1]))), Raised)


def test_an_answer_is_computed_once_for_a_place(atlas):
    first = atlas.of((TURNED,), place())
    assert atlas.of((TURNED,), place()) is first
    assert atlas.of((TURNED,), place(index=1)) is not first
    assert atlas.of((TURNED,), place(case="other")) is not first


def test_a_mistake_is_visible_where_it_changes_the_answer(atlas):
    assert atlas.visible((TURNED,), place())
    assert not atlas.visible((TURNED,), place(case="alone", args=(Q[:1], K[:1])))
    assert not atlas.visible((SINGLE,), place())
    assert atlas.visible((SINGLE,), place(case="double", args=(Q.double(), K.double())))
    assert not atlas.visible((), place())


def test_an_atlas_may_do_without_a_mistake_and_keep_its_answers(atlas):
    right = atlas.reference(place())
    less = atlas.without(TURNED)
    assert TURNED in atlas.wrongs()
    assert less.wrongs() == tuple(wrong for wrong in atlas.wrongs() if wrong is not TURNED)
    assert less.reference(place()) is right


def test_evidence_gives_every_call_its_place():
    call = Recorded(Call("dot_scores", (Q, K)), Value(SCORES))
    evidence = Evidence("step", "dot_scores", True, False, {"a": (call, call), "b": (call,)})
    assert [(p.case, p.index) for p in evidence.calls()] == [("a", 0), ("a", 1), ("b", 0)]


def test_of_strays_it_counts_that_there_are_some_and_not_which():
    astray = place(Value(["zeros(2, 2)"]), mode="strays")
    assert astray.is_like(Value(["ones(3, 3)", "arange(2)"]), Value([]))
    assert not astray.is_like(Value([]), Value([]))
    assert place(Value([]), mode="strays").is_like(Value([]), Value([]))


def test_of_arguments_it_counts_which_are_changed_and_not_how():
    changed = place(Value([Q + 1, K]), mode="arguments_after")
    assert changed.is_like(Value([Q * 5, K]), Value([Q, K]))
    assert not changed.is_like(Value([Q, K * 5]), Value([Q, K]))
    assert not changed.is_like(Value([Q, K]), Value([Q, K]))


def test_arguments_in_half_precision_make_comparisons_as_coarse():
    half = place(Value(SCORES.half() / 3), args=(Q.half(), K.half()))
    assert half.is_like(Value(SCORES / 3), Value(SCORES / 3))
    assert not place(Value((SCORES.half() / 3).float())).is_like(Value(SCORES / 3), Value(SCORES))


# -- calls that share an object ------------------------------------------------------


K = torch.tensor([[1.0, 2.0]])


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """An exercise about a cache, and its wrong programs by name."""
    course = Course.open(cache_course.lay_out(tmp_path_factory.mktemp("cache")))
    exercise = course.exercise("01")
    atlas = Atlas(Bank(course), exercise)
    return atlas, {wrong.id.partition(".")[2]: wrong for wrong in atlas.wrongs()}


def trace(*calls):
    """A case that makes a cache first; what a submission answered does not matter."""
    calls = (Call("KVCache"), *calls)
    return tuple(Recorded(call, Value(None)) for call in calls)


def append(number, cache=0):
    return Call("KVCache.append", (Earlier(cache), number * K, number * K))


def keys(answer):
    return answer.value[0][:, 0].tolist()


def test_calls_that_share_an_object_are_answered_in_order(caches):
    atlas, wrong = caches
    _, *appended = places("case", trace(append(1), append(2), append(3)))
    assert [keys(atlas.reference(p)) for p in appended] == [[1], [1, 2], [1, 2, 3]]
    front = (wrong["PutsTheNewOnesFirst"],)
    assert [keys(atlas.of(front, p)) for p in reversed(appended)] == [[3, 2, 1], [2, 1], [1]]
    assert [atlas.visible(front, p) for p in appended] == [False, True, True]


def test_every_case_and_every_program_has_objects_of_its_own(caches):
    atlas, wrong = caches
    for case in ("one", "other"):
        last = list(places(case, trace(append(1), append(2))))[-1]
        for wrongs in ((), (wrong["CountsThePieces"],)):
            assert keys(atlas.of(wrongs, last)) == [1, 2]


def test_two_objects_of_a_case_are_kept_apart(caches):
    atlas, _ = caches
    calls = trace(Call("KVCache"), append(1), append(2, cache=1), append(3))
    *_, second, first = places("two", calls)
    assert (keys(atlas.reference(second)), keys(atlas.reference(first))) == ([2], [1, 3])


def test_a_submission_that_went_further_is_answered_where_another_stopped(caches):
    atlas, _ = caches
    calls = trace(append(1), append(2))
    assert keys(atlas.reference(list(places("long", calls[:2]))[-1])) == [1]
    assert keys(atlas.reference(list(places("long", calls))[-1])) == [1, 2]


def test_what_is_asked_of_an_object_that_never_came_is_an_error(caches):
    atlas, _ = caches
    never = Call("KVCache.append", (Earlier(0, ("part",)), K, K))
    _, failed, after = places("never", trace(never, append(1)))
    assert isinstance(atlas.reference(failed), Raised)
    assert keys(atlas.reference(after)) == [1]
