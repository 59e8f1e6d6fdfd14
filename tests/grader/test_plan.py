"""Of a sequence that is fed in pieces it is told which keys its queries saw, or which are right."""

from __future__ import annotations

from itertools import accumulate
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.atlas import Evidence
from grader.calls import Call, Earlier, Raised, Recorded, Value
from grader.probes import plan

PLANS = ((8,), (4, 1, 1, 1, 1), (3, 3, 2), (1,) * 8)
WIDTH, LENGTH = 5, 8
DRAWN = torch.Generator().manual_seed(2017)
QUERIES, KEYS = (torch.randn(LENGTH, WIDTH, generator=DRAWN) for _ in range(2))
UNITS = torch.eye(LENGTH)  # as values: a row of the result is that query's weights
VALUES = torch.randn(LENGTH, 3, generator=DRAWN)


class Cache:
    """Keys and values in the order in which they came; `starts` are those of its pieces."""

    def __init__(self):
        self.k, self.v, self.starts = torch.empty(0, WIDTH), None, []

    def append(self, k, v):
        self.starts.append(len(self.k))
        self.k = torch.cat([self.k, k])
        self.v = v if self.v is None else torch.cat([self.v, v])
        return self.k, self.v


def attending(sees):
    """Attention through a cache, in which a query sees the keys that `sees` tells.

    sees: from the number of a query, where its piece starts and ends, and where the piece
    before it started.
    """

    def attend(q, k, v, cache):
        k, v = cache.append(k, v)
        start, before = cache.starts[-1], (cache.starts[-2:] or [0])[0]
        mask = torch.zeros(len(q), len(k), dtype=torch.bool)
        for row in range(len(q)):
            mask[row, list(sees(start + row, start, len(k), before))] = True
        scores = (q @ k.mT / WIDTH**0.5).masked_fill(~mask, float("-inf"))
        return torch.softmax(scores, -1) @ v

    return attend


right = attending(lambda own, start, end, before: range(own + 1))


def evidence(attend, plans=PLANS, values=UNITS):
    """A failed step with a case for each plan, and the atlas that knows what is right."""
    cases, known = {}, {}
    for number, lengths in enumerate(plans):
        mine, its, trace = Cache(), Cache(), []
        ends = list(accumulate(lengths))
        for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            parts = [tensor[start:end] for tensor in (QUERIES, KEYS, values)]
            answer = attend(*parts, mine)
            answer = answer if isinstance(answer, Raised) else Value(answer)
            trace.append(Recorded(Call("it", (*parts, Earlier(0))), answer))
            known[f"step[{number}]", index] = Value(right(*parts, its))
        cases[f"step[{number}]"] = tuple(trace)
    atlas = SimpleNamespace(reference=lambda place: known[place.case, place.index])
    return atlas, Evidence("step", "it", True, False, cases)


def says(attend, plans=PLANS, values=UNITS):
    atlas, step = evidence(attend, plans, values)
    found = plan.read(atlas, [step], [step])
    assert all(one.question.endswith("?") and one.why for one in found.values())
    return found["step"].says if found else ""


SEES = {
    "only the keys of its own piece": lambda own, start, end, before: range(start, own + 1),
    "what came before its piece, but not its own key": lambda own, start, end, before: range(start),
    "all keys before its own, but not its own": lambda own, start, end, before: range(own),
    "keys that come after its own": lambda own, start, end, before: range(end),
    "the first query is lined up with the first key": lambda own, start, end, before: range(
        own - start + 1
    ),
    "does not see the piece right before its own": lambda own, start, end, before: {
        *range(before),
        *range(start, own + 1),
    },
}


@pytest.mark.parametrize("law", SEES)
def test_whom_the_queries_of_pieces_see_is_told(law):
    assert law in says(attending(SEES[law]))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SEES)), st.lists(st.integers(1, 4), min_size=3, max_size=5))
def test_it_is_told_whatever_the_lengths_of_the_pieces(law, lengths):
    while sum(lengths) > LENGTH:
        lengths.pop()
    told = says(attending(SEES[law]), plans=[lengths, (2, 1, 2), (1, 2, 1)])
    assert law in told


@pytest.mark.parametrize("window, keys", [(1, "1 key"), (3, "3 keys"), (5, "5 keys")])
def test_a_cache_that_keeps_only_the_last_keys_is_told_with_their_number(window, keys):
    kept = attending(lambda own, start, end, before: range(max(0, own + 1 - window), own + 1))
    assert says(kept) == f"A query sees no more than the last {keys}."


@pytest.mark.parametrize("ahead, told", [(1, "1 key after"), (2, "2 keys after")])
def test_keys_that_come_too_early_are_counted(ahead, told):
    early = attending(lambda own, start, end, before: range(min(own + 1 + ahead, end)))
    assert says(early) == f"Inside a piece a query sees {told} its own."


def test_a_right_function_is_told_nothing():
    assert says(right) == ""


def test_another_mistake_than_whom_a_query_sees_is_left_to_others():
    assert says(lambda *parts: right(*parts) ** 2) == ""


@pytest.mark.parametrize(
    "row",
    [lambda v: v * float("nan"), lambda v: v * 0, lambda v: v * 0 + 1 / LENGTH, torch.ones_like],
    ids=["NaN", "zeros", "a mean", "ones"],
)
def test_rows_that_tell_of_no_key_at_all_are_told_nothing(row):
    assert says(lambda q, k, v, cache: row(v)) == ""


def test_of_cases_that_ended_at_their_first_wrong_piece_no_law_is_told_that_others_fit_too():
    ends = [(8,), (4, 1), (3, 3), (1, 1)]
    assert says(attending(SEES["only the keys of its own piece"]), plans=ends) == ""
    assert says(attending(SEES["does not see the piece right before its own"]), plans=ends) == ""
    forgets = attending(SEES["only the keys of its own piece"])
    assert says(forgets, plans=ends, values=VALUES) == ""


def test_it_is_told_where_only_single_tokens_after_others_are_wrong():
    own = attending(SEES["only the keys of its own piece"])

    def alone(q, k, v, cache):
        return (own if len(q) == 1 else right)(q, k, v, cache)

    assert says(alone) == (
        "Several tokens at once after others are right; a single one after others is not."
    )


def test_one_plan_that_fits_no_law_silences_all():
    own = attending(SEES["only the keys of its own piece"])

    def either(q, k, v, cache):
        return (own if len(q) > 1 else right)(q, k, v, cache)

    assert "sees" not in says(either)


def test_where_values_are_no_unit_vectors_it_is_told_which_pieces_are_right():
    forgets = attending(SEES["only the keys of its own piece"])
    assert says(forgets, values=VALUES) == (
        "Fed in one piece your result is right; in several, all but the first are wrong."
    )
    looks_ahead = attending(lambda own, start, end, before: range(end if start else own + 1))
    assert says(looks_ahead, values=VALUES) == (
        "A single token after others is right; several at once after others are not."
    )


def test_what_is_wrong_in_the_first_piece_already_is_no_matter_of_pieces():
    assert says(attending(SEES["keys that come after its own"]), values=VALUES) == ""


def test_calls_that_share_nothing_are_no_pieces_of_one_sequence():
    atlas, step = evidence(attending(SEES["only the keys of its own piece"]))
    alone = {
        case: tuple(
            Recorded(Call("it", (*recorded.call.args[:3], Earlier(index))), recorded.answer)
            for index, recorded in enumerate(trace)
        )
        for case, trace in step.cases.items()
    }
    apart = Evidence("step", "it", True, False, alone)
    assert plan.read(atlas, [apart], [apart]) == {}


def test_of_a_plan_in_which_a_piece_raised_nothing_is_read():
    forgets = attending(SEES["only the keys of its own piece"])

    def raises_on_one(q, k, v, cache):
        return Raised("IndexError", "IndexError", "") if len(q) == 1 else forgets(q, k, v, cache)

    assert "only the keys of its own piece" in says(raises_on_one)  # by 3+3+2
    assert says(raises_on_one, plans=[(4, 1, 3), (1,) * 8]) == ""


def test_a_side_step_is_told_nothing_of_pieces():
    atlas, step = evidence(attending(SEES["only the keys of its own piece"]))
    side = Evidence("step", "it", False, False, step.cases)
    assert plan.read(atlas, [side], [side]) == {}
