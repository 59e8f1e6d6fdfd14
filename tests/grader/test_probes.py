"""A probe says what it measured, in words, and nothing where the numbers do not bear it out."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.atlas import Atlas, Evidence
from grader.bank import Bank
from grader.calls import Call, Raised, Recorded, Value
from grader.course import Course
from grader.grade import Terms, with_examiner
from grader.model import Feedback, Misconception
from grader.probes import (
    PROBES,
    chance,
    gradients,
    influence,
    magnitude,
    measured,
    scale,
    visibility,
)
from grader.probes.scale import Law, Reading, fitted
from grader.programs import in_process

COURSE = Course.open(Path(__file__).resolve().parents[2])
RIGHT = {
    name: function
    for exercise in COURSE.exercises
    for name, function in Bank(COURSE).reference(exercise).items()
    if name in exercise.functions
}
DRAWN = torch.Generator().manual_seed(2017)


def normal(*shape):
    return torch.randn(shape, generator=DRAWN)


def atlas_of(contract, scales=None):
    """What is known of one function, which the suite calls `it`."""
    right = {"it": contract}
    bank = SimpleNamespace(reference=lambda exercise: right, variant=lambda exercise, wrongs: right)
    return Atlas(bank, None, scales or {})


def step(ours, *cases, name="step", mode="value", values=True, cotangent=None):
    """A step that failed, in which `ours` was called, case by case, with these arguments."""
    traces = {}
    for number, arguments in enumerate(cases):
        made = []
        for args in arguments:
            named = type(args[-1]) is dict
            args, kwargs = (args[:-1], args[-1]) if named else (args, {})
            call = Call("it", args, kwargs, mode, cotangent)
            made.append(Recorded(call, in_process({"it": ours})(call)))
        traces[f"{name}[{number}]"] = tuple(made)
    return Evidence(name, "it", values, False, traces)


def says(probe, contract, *steps, scales=None, of=0):
    """What a probe says of one of these steps; nothing if it says nothing."""
    found = probe.read(atlas_of(contract, scales), steps, steps)
    one = found.get(steps[of].step)
    return one.says if one else ""


# -- a factor on the scores ----------------------------------------------------

WIDTHS = [(3, 4, 5), (4, 6, 7), (2, 5, 3)]  # n_q, n_k, d_k
OF_WIDTH = {"it": "d_k"}


def queries_and_keys(sizes=WIDTHS):
    return [[(normal(n_q, d_k), normal(n_k, d_k))] for n_q, n_k, d_k in sizes]


def scores_with(factor):
    """Scores with a factor of one's own, by the two matrices' sizes."""

    def it(q, k):
        return q @ k.mT * factor(d_k=q.shape[-1], n_q=q.shape[-2], n_k=k.shape[-2])

    return it


@pytest.mark.parametrize(
    "factor, words",
    [
        (lambda d_k, **_: 1.0, "Nothing divides your scores, where √d_k should."),
        (lambda d_k, **_: 1 / d_k, "You divide the scores by d_k, where √d_k should stand."),
        (lambda n_k, **_: n_k**-0.5, "You divide the scores by √n_k, where √d_k should stand."),
        (lambda n_q, **_: n_q**-1.0, "You divide the scores by n_q, where √d_k should stand."),
        (lambda d_k, **_: d_k**-0.25, "You divide the scores by ∜d_k, where √d_k should stand."),
        (lambda d_k, **_: 0.5 * d_k**-0.5,
         "You divide the scores by 2·√d_k, where √d_k should stand."),
        (lambda d_k, **_: 1 / 8, "You divide the scores by 8, where √d_k should stand."),
        (lambda d_k, **_: 8**-0.5, "You divide the scores by √8, where √d_k should stand."),
        (lambda d_k, n_k, **_: (d_k * n_k) ** -0.5,
         "You divide the scores by √n_k·√d_k, where √d_k should stand."),
        (lambda d_k, **_: d_k**0.5,
         "You multiply the scores by √d_k, where they should be divided by √d_k."),
        (lambda d_k, **_: 3.0,
         "You multiply the scores by 3, where they should be divided by √d_k."),
        (lambda d_k, n_k, **_: n_k / d_k,
         "You multiply the scores by n_k/d_k, where they should be divided by √d_k."),
        (lambda d_k, **_: 1.3 * d_k**-0.5,
         "You multiply the scores by 1.3/√d_k, where they should be divided by √d_k."),
    ],
)  # fmt: skip
def test_a_wrong_scale_is_told_as_a_power_of_a_size(factor, words):
    wrong = step(scores_with(factor), *queries_and_keys())
    assert says(scale, RIGHT["scaled_scores"], wrong, scales=OF_WIDTH) == words


def test_where_no_scale_is_declared_the_result_itself_is_told_of():
    wrong = step(scores_with(lambda d_k, **_: 1.0), *queries_and_keys())
    expected = "Your result is √d_k times what it should be."
    assert says(scale, RIGHT["scaled_scores"], wrong) == expected


@pytest.mark.parametrize(
    "ours",
    [
        scores_with(lambda d_k, **_: 1 / (d_k**0.5 + 0.3)),  # of no power
        scores_with(lambda d_k, **_: -(d_k**-0.5)),
        scores_with(lambda d_k, **_: 0.0),
        scores_with(lambda d_k, **_: math.nan),
        scores_with(lambda d_k, **_: 2 * d_k**-0.5 if d_k == 5 else d_k**-0.5),
        scores_with(lambda d_k, **_: d_k**-0.5),  # right
        scores_with(lambda d_k, n_k, **_: torch.arange(1.0, n_k + 1)),  # another for each key
        lambda q, k: q @ k.mT * torch.arange(1.0, len(q) + 1)[:, None],  # and for each query
        lambda q, k: q @ k.mT + 0.5,
        lambda q, k: k @ q.mT,
        lambda q, k: (q @ k.mT).tolist(),
        lambda q, k: (q @ k.mT).to("meta"),
        lambda q, k: q @ k.mT if len(q) == 3 else 1 / 0,  # raises in a call
        lambda q, k: q @ k.mT if len(q) == 3 else normal(len(q), len(k)),
    ],
)
def test_no_scale_is_told_where_no_law_holds_in_all_calls(ours):
    wrong = step(ours, *queries_and_keys())
    assert says(scale, RIGHT["scaled_scores"], wrong, scales=OF_WIDTH) == ""


def test_a_call_of_another_step_that_does_not_fit_is_enough_to_say_nothing():
    plain = scores_with(lambda d_k, **_: 1.0)
    steps = step(plain, *queries_and_keys()), step(RIGHT["dot_scores"], *queries_and_keys())
    odd = step(lambda q, k: q @ k.mT + 1, *queries_and_keys(), name="odd")
    assert says(scale, RIGHT["scaled_scores"], steps[0], scales=OF_WIDTH)
    assert says(scale, RIGHT["scaled_scores"], steps[0], odd, scales=OF_WIDTH) == ""


@pytest.mark.parametrize(
    "sizes, factor",
    [
        ([(3, 4, 4), (5, 7, 4)], lambda d_k, **_: 1.0),  # at d_k = 4: no division, or a 2
        ([(4, 4, 4), (9, 9, 9)], lambda n_k, **_: n_k**-1.0),  # d_k, n_k and n_q alike
        ([(3, 4, 16), (5, 2, 4)], lambda d_k, **_: d_k**-1.0),  # √d_k is n_k in both
        ([(2, 3, 5), (3, 2, 7)], lambda d_k, n_q, **_: 0.7 * n_q / d_k),  # too few calls
    ],
)
def test_a_law_that_these_sizes_cannot_tell_from_another_is_not_told(sizes, factor):
    wrong = step(scores_with(factor), *queries_and_keys(sizes))
    assert says(scale, RIGHT["scaled_scores"], wrong, scales=OF_WIDTH) == ""


def test_a_step_on_something_else_than_values_is_not_told_a_scale():
    plain = scores_with(lambda d_k, **_: 1.0)
    side = step(plain, *queries_and_keys(), name="side", values=False)
    assert says(scale, RIGHT["scaled_scores"], side, scales=OF_WIDTH) == ""


def attends(scores_of, fill=-math.inf, after=lambda weights: weights):
    """Attention by scores of one's own, hidden ones filled so, with something done afterwards."""

    def it(q, k, v, mask=None):
        scores = scores_of(q, k)
        if mask is not None:
            scores = scores.masked_fill(~mask, fill)
        weights = after(torch.softmax(scores, -1).nan_to_num(0.0))
        return weights @ v, weights

    return it


def triples(sizes=WIDTHS, times=1.0):
    return [
        [(times * normal(n_q, d_k), normal(n_k, d_k), normal(n_k, 2))] for n_q, n_k, d_k in sizes
    ]


def scaled(q, k):
    return q @ k.mT * q.shape[-1] ** -0.5


def twice_too_large(q, k):
    return 2 * scaled(q, k)


def test_a_factor_on_the_scores_is_read_off_the_weights():
    wrong = step(attends(lambda q, k: q @ k.mT), *triples())
    expected = "Nothing divides your scores, where √d_k should."
    assert says(scale, RIGHT["attention"], wrong, scales=OF_WIDTH) == expected


def test_of_weights_it_is_not_said_that_the_result_is_a_multiple():
    """They sum to one in any case: what is larger are the scores behind them."""
    wrong = step(attends(twice_too_large), *triples())
    expected = "The scores behind your weights are 2 times what they should be."
    assert says(scale, RIGHT["attention"], wrong) == expected


def test_keys_that_are_hidden_do_not_disturb_a_scale():
    asked = [[(q, k, v, torch.ones(len(q), len(k)).tril().bool())] for ((q, k, v),) in triples()]
    wrong = step(attends(lambda q, k: q @ k.mT), *asked)
    expected = "Nothing divides your scores, where √d_k should."
    assert says(scale, RIGHT["attention"], wrong, scales=OF_WIDTH) == expected


@pytest.mark.parametrize(
    "ours, times",
    [
        (attends(twice_too_large), 1e6),  # every weight is 0 or 1, whatever the scale
        (attends(twice_too_large), 300.0),  # some underflow
        (attends(twice_too_large, after=lambda w: 3 * w), 1.0),
        (attends(lambda q, k: scaled(q, k) * torch.arange(1.0, len(q) + 1)[:, None]), 1.0),
        (attends(lambda q, k: scaled(q, k) + scaled(q, k) ** 2), 1.0),
        (attends(lambda q, k: -scaled(q, k)), 1.0),
        (attends(lambda q, k: 0 * q @ k.mT), 1.0),
        (attends(lambda q, k: (2 if len(q) == 3 else 1) * scaled(q, k)), 1.0),
    ],
)
def test_no_scale_is_read_off_weights_that_do_not_bear_it_out(ours, times):
    wrong = step(ours, *triples(times=times))
    assert says(scale, RIGHT["attention"], wrong) == ""


def test_a_place_such_as_dim_is_no_size():
    wrong = step(lambda x, dim: torch.softmax(2 * x, dim), [(normal(3, 5), -1), (normal(4, 7), -1)])
    expected = "The scores behind your weights are 2 times what they should be."
    assert says(scale, RIGHT["softmax"], wrong) == expected


def test_a_size_has_no_name_that_is_a_number_type():
    """The docstring of softmax says no shape of x."""
    asked = [[(normal(n, 5, 7), -1)] for n in (3, 2, 4)], [[(normal(3, n, 7), -1)] for n in (3, 2)]
    wrong = step(lambda x, dim: torch.softmax(x * x.shape[-2], dim), *asked[0], *asked[1])
    assert says(scale, RIGHT["softmax"], wrong) == ""


@pytest.mark.parametrize(
    "law, words",
    [
        (Law(1.0, ()), "1"),
        (Law(2.0, ()), "2"),
        (Law(0.125, ()), "1/8"),
        (Law(1.0, (("d_k", Fraction(1)),)), "d_k"),
        (Law(1.0, (("d_k", Fraction(2)),)), "d_k^2"),
        (Law(1.0, (("d_k", Fraction(2, 3)),)), "d_k^(2/3)"),
        (Law(1.0, (("d_k", Fraction(-1, 3)),)), "1/∛d_k"),
        (Law(0.5, (("d_k", Fraction(-1, 2)),)), "1/(2·√d_k)"),
        (Law(3.0, (("d_k", Fraction(-1, 2)), ("n_k", Fraction(1)))), "3·n_k/√d_k"),
        (Law(1.0, (("the number of heads", Fraction(1, 2)),)), "√(the number of heads)"),
    ],
)
def test_a_law_is_written_as_one_writes_it(law, words):
    assert str(law) == words


POWERS = [Fraction(n, d) for n, d in [(1, 2), (-1, 2), (1, 1), (-1, 1), (1, 3), (-3, 2), (2, 1)]]
CONSTANTS = [0.125, 0.5, 1.0, 1.7, 2.0, 10.0]


@st.composite
def three_sizes(draw):
    """Three sizes of one name, far enough apart to tell powers by."""
    low = draw(st.integers(2, 10))
    return low, draw(st.integers(2 * low, 3 * low)), draw(st.integers(4 * low, 6 * low))


def readings(law, all_a, all_b):
    """What is read where every size of one name meets every size of the other."""
    powers = dict(law.powers)
    return [
        Reading(law.constant * a ** powers.get("a", 0) * b ** powers.get("b", 0), {"a": a, "b": b})
        for a in all_a
        for b in all_b
    ]


laws = st.builds(
    lambda constant, powers: Law(constant, tuple(sorted(powers.items()))),
    st.sampled_from(CONSTANTS),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from(POWERS), max_size=2),
).filter(lambda law: law.powers or law.constant != 1)


@settings(max_examples=60, deadline=None)
@given(laws, three_sizes(), three_sizes())
def test_any_law_of_two_sizes_is_found_again(law, all_a, all_b):
    found = fitted(readings(law, all_a, all_b))
    assert found and found.powers == law.powers
    assert found.constant == pytest.approx(law.constant, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(laws, three_sizes(), three_sizes(), st.integers(0, 8), st.sampled_from([0.99, 1.01]))
def test_one_reading_that_is_off_by_a_hundredth_leaves_no_law(law, all_a, all_b, which, noise):
    read = readings(law, all_a, all_b)
    read[which] = Reading(read[which].factor * noise, read[which].sizes)
    assert fitted(read) is None


def test_no_reading_and_no_factor_make_no_law():
    assert fitted([]) is None
    assert fitted([Reading(1.0, {"a": 2}), Reading(1.0001, {"a": 3})]) is None


# -- who sees whom -------------------------------------------------------------

MASKS = [[(4,)], [(1,)], [(2, 5)], [(5, 2)]]


def band(low, high):
    """A mask of the keys between two offsets from each query's own."""

    def it(n_q, n_k=None):
        n_k = n_q if n_k is None else n_k
        return torch.ones(n_q, n_k).tril(n_k - n_q + high).triu(n_k - n_q + low).bool()

    return it


@pytest.mark.parametrize(
    "low, high, words",
    [
        (-1, 0, "In your mask a query sees the keys from 1 before its own to its own."),
        (-9, -1, "In your mask a query sees the keys from the first key to 1 before its own."),
        (-9, 1, "In your mask a query sees the keys from the first key to 1 after its own."),
        (0, 9, "In your mask a query sees the keys from its own to the last key."),
        (0, 0, "In your mask a query sees its own key only."),
        (-2, 1, "In your mask a query sees the keys from 2 before its own to 1 after its own."),
    ],
)
def test_a_band_of_keys_is_counted_from_the_querys_own(low, high, words):
    assert says(visibility, RIGHT["causal_mask"], step(band(low, high), *MASKS)) == words


def every_other(n_q, n_k=None):
    mask = band(-9, 0)(n_q, n_k)
    mask[..., ::2] = False
    return mask


def by_columns_and_rows(n_q, n_k=None):
    """As many keys as queries: one fewer. Else all of them: what a band's end would hide."""
    return band(-9, -1)(n_q) if n_k is None else torch.ones(n_q, n_k).bool()


def nothing_if_oblong(n_q, n_k=None):
    return band(-9, -1)(n_q) if n_k is None else torch.zeros(n_q, n_k).bool()


@pytest.mark.parametrize(
    "ours",
    [
        band(-9, 0),  # right
        band(-9, 9),  # everything: that has no end
        band(9, 9),  # nothing at all
        every_other,
        by_columns_and_rows,
        nothing_if_oblong,
        lambda n_q, n_k=None: torch.ones(n_q, n_k or n_q).tril().bool(),  # first at first
        lambda n_q, n_k=None: 2 * band(-1, 0)(n_q, n_k).int(),
        lambda n_q, n_k=None: band(-1, 0)(n_q, n_k)[None],
        lambda n_q, n_k=None: band(-1, 0)(n_q) if n_k is None else 1 / 0,
        lambda n_q, n_k=None: band(-1, 0)(n_q, n_k).to("meta"),
    ],
)
def test_a_mask_that_is_no_one_band_is_not_told_as_one(ours):
    assert says(visibility, RIGHT["causal_mask"], step(ours, *MASKS)) == ""


SHARED = [  # two rows with visible keys and hidden ones, one that sees nothing, one that sees all
    [(normal(4, 5), torch.tensor([[1, 1, 0, 1, 0], [0, 1, 1, 0, 1], [0] * 5, [1] * 5]).bool())],
    [(normal(2, 3, 4), torch.ones(3, 4).tril().bool())],
]


def shares(hide):
    """A softmax over scores in which something is done to the hidden ones."""
    return lambda scores, mask: torch.softmax(torch.where(mask, scores, hide(scores)), -1)


@pytest.mark.parametrize(
    "fill, words",
    [
        (-7.0, "A hidden key keeps a score of -7 in your function."),
        (0.5, "A hidden key keeps a score of 0.5 in your function."),
        (0.0, "A hidden key still weighs as much as a visible one with a score of 0."),
    ],
)
def test_the_score_that_hidden_keys_keep_is_told(fill, words):
    wrong = step(shares(lambda scores: torch.full_like(scores, fill)), *SHARED)
    assert says(visibility, RIGHT["masked_softmax"], wrong) == words


def masked_triples():
    q, k, v = normal(4, 5), normal(6, 5), normal(6, 2)
    return [[(q, k, v, torch.ones(4, 6).tril(2).bool())]]


def test_the_score_that_hidden_keys_keep_is_told_of_scaled_queries_and_keys():
    wrong = step(attends(scaled, fill=-4.0), *masked_triples())
    expected = "A hidden key keeps a score of -4 in your function."
    assert says(visibility, RIGHT["attention"], wrong) == expected


@pytest.mark.parametrize(
    "hide",
    [
        lambda scores: torch.full_like(scores, -math.inf),  # but for the row that sees nothing
        lambda scores: scores,  # no mask at all
        lambda scores: scores - 9,  # each keeps what it had, less something
        lambda scores: 0.1 * scores,
        lambda scores: torch.arange(-3.0, scores.shape[-1] - 3).expand(scores.shape),
    ],
)
def test_no_score_is_told_where_hidden_keys_keep_different_ones(hide):
    assert says(visibility, RIGHT["masked_softmax"], step(shares(hide), *SHARED)) == ""


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_beside_equal_scores_it_cannot_be_told_what_a_hidden_key_keeps(level):
    """At 3, less 9: it weighs as one of −9 beside zeros would, and was never −9."""
    scores, mask = torch.full((2, 4), level), torch.tensor([[1, 1, 0, 0], [0, 1, 1, 1]]).bool()
    wrong = step(shares(lambda scores: scores - 9), [(scores, mask)])
    assert says(visibility, RIGHT["masked_softmax"], wrong) == ""


@pytest.mark.parametrize("queries", [1, 4])
def test_neither_kept_score_nor_scale_is_told_where_both_are_wrong(queries):
    q, k, v, mask = masked_triples()[0][0]
    wrong = step(attends(twice_too_large, fill=-4.0), [(q[:queries], k, v, mask[:queries])])
    assert says(visibility, RIGHT["attention"], wrong) == ""
    assert says(scale, RIGHT["attention"], wrong) == ""


def test_a_weight_that_underflows_is_no_hidden_key():
    """Without a mask: scores a hundred apart, of which the wrong ones are ten."""
    q, k, v = torch.ones(2, 1), torch.tensor([[200.0], [199.0], [0.0], [0.0]]), normal(4, 2)
    wrong = step(attends(lambda q, k: scaled(q, k).clamp_min(190.0)), [(q, k, v)])
    assert says(visibility, RIGHT["attention"], wrong) == ""


# -- what reaches what ---------------------------------------------------------


def changed(x, *place):
    other = x.clone()
    other[place] += 1.0
    return other


TOKENS = normal(4, 3)
WEIGHTS = tuple(normal(3, 2) for _ in range(3))
FUTURE = "A token that comes later changes the results of those before it: the future is seen."
LEAK = "What one sample holds changes the result of another: they leak into each other."
CAUSAL = {"causal": True}


def blind_to_causal(x, w_q, w_k, w_v, causal=False):
    return RIGHT["self_attention"](x, w_q, w_k, w_v)


def twins(before, after, *rest):
    return [(before, *rest), (after, *rest)]


def test_a_later_token_that_changes_earlier_results_is_told():
    asked = twins(TOKENS, changed(TOKENS, 2), *WEIGHTS, CAUSAL)
    assert says(influence, RIGHT["self_attention"], step(blind_to_causal, asked)) == FUTURE


def masked_twins(mask):
    """Attention with this mask, asked twice: with a key, then with another as the last."""
    q, k, v = normal(4, 3), normal(4, 3), normal(4, 2)
    return [(q, k, v, mask), (q, changed(k, 3), v, mask)]


def blind_to_masks(q, k, v, mask=None):
    return RIGHT["attention"](q, k, v)


def test_the_same_is_told_of_a_later_key():
    asked = masked_twins(torch.ones(4, 4).tril().bool())
    assert says(influence, RIGHT["attention"], step(blind_to_masks, asked)) == FUTURE


@pytest.mark.parametrize(
    "asked",
    [
        [twins(TOKENS, changed(TOKENS, 0), *WEIGHTS, CAUSAL)],  # the first token
        [twins(TOKENS, TOKENS.clone(), *WEIGHTS, CAUSAL)],  # nothing changes
        [twins(TOKENS, changed(TOKENS, 2), *WEIGHTS)],  # all may be seen
        [[(TOKENS, *WEIGHTS, CAUSAL), (changed(TOKENS, 2), *WEIGHTS)]],  # now they may
        [[(TOKENS, *WEIGHTS, CAUSAL)], [(changed(TOKENS, 2), *WEIGHTS, CAUSAL)]],  # of two cases
        [[(TOKENS, *WEIGHTS, CAUSAL), (changed(TOKENS, 2), *map(changed, WEIGHTS), CAUSAL)]],
        [twins(TOKENS, TOKENS[:3], *WEIGHTS, CAUSAL)],  # one token fewer
    ],
)
def test_no_future_is_told_where_two_calls_do_not_show_it(asked):
    assert says(influence, RIGHT["self_attention"], step(blind_to_causal, *asked)) == ""


def test_right_results_show_no_future():
    asked = twins(TOKENS, changed(TOKENS, 2), *WEIGHTS, CAUSAL)
    right = step(RIGHT["self_attention"], asked)
    assert says(influence, RIGHT["self_attention"], right) == ""


def test_a_filler_that_is_seen_is_not_called_the_future():
    """The last key is hidden from every query, its own too: that is padding, not time."""
    asked = masked_twins(torch.tensor([True, True, True, False]).expand(4, 4).clone())
    assert says(influence, RIGHT["attention"], step(blind_to_masks, asked)) == ""


def test_a_sample_that_changes_another_is_told():
    x, w = normal(3, 2, 4), normal(4, 2)
    asked = twins(x, changed(x, 1), w)
    mixed = step(lambda x, w: (x + x.mean(0)) @ w, asked)
    assert says(influence, RIGHT["project"], mixed) == LEAK
    alone = step(lambda x, w: 2 * x @ w, asked)
    assert says(influence, RIGHT["project"], alone) == ""


def test_no_leak_is_told_where_every_sample_changes():
    x, w = normal(3, 2, 4), normal(4, 2)
    mixed = step(lambda x, w: (x + x.mean(0)) @ w, twins(x, x + 1, w))
    assert says(influence, RIGHT["project"], mixed) == ""


def test_answers_of_another_form_tell_no_influence():
    x, w = normal(3, 2, 4), normal(4, 2)
    for ours in (lambda x, w: (x @ w,), lambda x, w: 1 / 0, lambda x, w: (x @ w).sum()):
        assert says(influence, RIGHT["project"], step(ours, twins(x, changed(x, 1), w))) == ""
    total = step(lambda x: x.mean(), twins(x, changed(x, 1)))
    assert says(influence, lambda x: x.sum(), total) == ""


def test_calls_whose_results_have_different_forms_are_no_twins():
    def loudly(x, both=False):
        return (x, x.sum(-1)) if both else x

    asked = step(loudly, [(normal(3, 2), {"both": True}), (normal(3, 2),)])
    assert says(influence, loudly, asked) == ""


# -- cut threads ---------------------------------------------------------------


def gradient_step(ours, *cases, shape=(3, 4)):
    return step(ours, *cases, mode="gradients", values=False, cotangent=normal(*shape))


PAIR = [(normal(3, 5), normal(4, 5))]


@pytest.mark.parametrize(
    "ours, words",
    [
        (lambda q, k: scaled(q, k.detach()), "to `k`."),
        (lambda q, k: scaled(q.detach(), k), "to `q`."),
        (lambda q, k: scaled(q.detach(), k.detach()), "to `k` and `q`."),
        (lambda q, k: scaled(q, k.detach() + 0 * k), "to `k`."),  # zeros come back
    ],
)
def test_an_argument_that_no_gradient_reaches_is_named(ours, words):
    told = says(gradients, RIGHT["scaled_scores"], gradient_step(ours, PAIR))
    assert told == f"No gradient finds its way back through your function {words}"


def test_a_tensor_inside_an_argument_is_named_with_it():
    def blend(x, params):
        return x @ params["w_q"] + x @ params["w_k"]

    def cuts(x, params):
        return x @ params["w_q"].detach() + x @ params["w_k"]

    asked = [(normal(3, 5), {"w_q": normal(5, 4), "w_k": normal(5, 4)}, {})]
    told = says(gradients, blend, gradient_step(cuts, asked))
    assert told == "No gradient finds its way back through your function to `params.w_q`."


@pytest.mark.parametrize(
    "ours",
    [
        scaled,  # right
        lambda q, k: 2 * scaled(q, k),  # wrong, and all there
        lambda q, k: 2 * scaled(q, k.detach()),  # one is missing, another wrong
        lambda q, k: scaled(q, k.detach()) * (0 * q).sum().exp() * (q.sum() / 0),
        lambda q, k: 1 / 0,
    ],
)
def test_gradients_that_are_wrong_rather_than_missing_are_not_called_cut(ours):
    assert says(gradients, RIGHT["scaled_scores"], gradient_step(ours, PAIR)) == ""


def test_an_argument_that_is_reached_in_another_call_is_not_called_cut():
    def sometimes(q, k):
        return scaled(q, k.detach() if len(k) == 4 else k)

    asked = gradient_step(sometimes, PAIR), gradient_step(sometimes, [(normal(3, 5), normal(1, 5))])
    whole = Evidence("both", "it", False, False, {"a": asked[0].cases["step[0]"],
                                                  "b": asked[1].cases["step[0]"]})  # fmt: skip
    assert says(gradients, RIGHT["scaled_scores"], asked[0]).endswith("to `k`.")
    assert says(gradients, RIGHT["scaled_scores"], whole) == ""


def test_where_the_right_gradient_is_zero_none_is_missed():
    """One key has all the weight, whatever its score."""
    asked = [(normal(3, 5), normal(1, 5))]
    ones = gradient_step(lambda q, k: torch.ones(len(q), 1), asked, shape=(3, 1))
    assert says(gradients, lambda q, k: torch.softmax(scaled(q, k), -1), ones) == ""


def test_no_thread_is_looked_for_in_values():
    cut = step(lambda q, k: 2 * scaled(q, k.detach()), PAIR)
    assert says(gradients, RIGHT["scaled_scores"], cut) == ""


# -- large numbers, and half as many digits ------------------------------------

LARGE = "Your result is right for scores of usual size, and wrong for large ones."
HALF = "Your result is right in float32, and wrong in narrower dtypes."
USUAL = [(torch.tensor([[1.0, 2.0, 0.5]]),)]
HUGE = [(torch.tensor([[1000.0, 999.0, -1000.0]]),)]
LARGER = [(torch.tensor([[10.0, 12.0, -10.0]]),)]
IN_HALF = [(torch.tensor([[1.0, 2.0, 0.5]]).half(),)]


def overflows(x):
    return x.exp() / x.exp().sum(-1, keepdim=True)


def wrong_above(bound, wrong=lambda x: 2 * x):
    return lambda x: wrong(x) if x.abs().max() > bound else torch.softmax(x, -1)


def test_what_goes_wrong_for_large_numbers_only_is_told():
    assert says(magnitude, RIGHT["softmax"], step(overflows, USUAL, HUGE)) == LARGE


def test_what_goes_wrong_in_half_precision_only_is_told():
    def coarse(x):
        return (x * 1e5 - x.amax(-1, keepdim=True) * 1e5).div(1e5).softmax(-1)

    assert says(magnitude, RIGHT["softmax"], step(coarse, USUAL, IN_HALF)) == HALF


@pytest.mark.parametrize(
    "ours, cases",
    [
        (overflows, [USUAL]),  # right
        (lambda x: 2 * x, [USUAL, HUGE]),  # small ones fail too
        (lambda x: 2 * x, [HUGE]),  # no call is right
        (wrong_above(5.0), [USUAL, LARGER, HUGE]),  # and some that are only a little larger
        (wrong_above(5.0), [USUAL, LARGER]),
        (wrong_above(500.0), [USUAL, HUGE, [(-HUGE[0][0] / 2,)], [(2 * USUAL[0][0],)]]),
        (wrong_above(500.0, lambda x: 1 / 0), [USUAL, HUGE]),  # raises
        (wrong_above(500.0, lambda x: x[0]), [USUAL, HUGE]),  # another shape
        (lambda x: 2 * x, [USUAL, IN_HALF]),
        (wrong_above(1.5), [[(USUAL[0][0] / 4,)], IN_HALF, [(IN_HALF[0][0] / 4,)]]),
        (lambda x: 2 * x if x.dtype is torch.float16 else 1 / 0, [USUAL, IN_HALF]),
    ],
)
def test_no_size_is_blamed_where_size_does_not_part_right_from_wrong(ours, cases):
    assert says(magnitude, RIGHT["softmax"], step(ours, *cases)) == ""


def test_a_step_whose_values_are_right_is_not_told_of_large_ones():
    steps = step(overflows, HUGE, name="huge"), step(overflows, USUAL, name="of another dtype")
    assert says(magnitude, RIGHT["softmax"], *steps, of=0) == LARGE
    assert says(magnitude, RIGHT["softmax"], *steps, of=1) == ""


# -- chance, and memory --------------------------------------------------------


def test_a_function_that_answers_the_same_question_in_two_ways_is_told_so_in_every_step():
    steps = (
        replace(step(lambda x: 2 * x, [(normal(3),)]), unsteady=True),
        step(lambda x: 2 * x, [(normal(3),)], name="gradients", values=False),
    )
    for of in (0, 1):
        assert says(chance, torch.clone, *steps, of=of).startswith("Asked the same thing twice")


def test_chance_is_believed_before_any_number_that_is_read_off_the_answers():
    doubled = step(lambda q, k: 2 * q @ k.mT, *queries_and_keys())
    for unsteady, expected in ((False, "probes.scale"), (True, "probes.chance")):
        failed = replace(doubled, unsteady=unsteady)
        found = measured(atlas_of(lambda q, k: q @ k.mT), [failed], [failed])
        assert found["step"].id == expected


def test_steady_functions_are_told_nothing_of_chance():
    assert says(chance, torch.clone, step(lambda x: 2 * x, [(normal(3),)])) == ""


# -- all together --------------------------------------------------------------


def test_every_probe_has_an_id_of_its_own_and_says_what_it_finds_and_how():
    assert len({probe.id for probe in PROBES}) == len(PROBES) == 8
    for probe in PROBES:
        assert probe.id.startswith("probes.")
        assert probe.finds.endswith(".") and probe.how.endswith(".") and "\n" not in probe.how
        assert probe.look_at.endswith("?") and probe.why.endswith(".")


def test_the_first_probe_that_finds_something_is_believed():
    """No causal mask, and every result 3 times too large: of the two the scale is told."""
    asked = twins(TOKENS, changed(TOKENS, 2), *WEIGHTS, CAUSAL)
    both = step(lambda *args, causal=False: 3 * RIGHT["self_attention"](*args, causal=causal),
                asked, name="loud")  # fmt: skip
    found = measured(atlas_of(RIGHT["self_attention"]), [both], [both])
    assert [one.says for one in found.values()] == ["Your result is 3 times what it should be."]
    other = step(blind_to_causal, asked, name="blind")
    found = measured(atlas_of(RIGHT["self_attention"]), [other], [other])
    assert {name: one.id for name, one in found.items()} == {"blind": "probes.influence"}


def test_an_answer_that_never_came_tells_no_probe_anything():
    call = Call("it", (normal(3, 5), normal(4, 5)))
    for answer in (Raised("E", "ValueError", ""), Value(None), Value("a"), Value([1.0])):
        lost = Evidence("step", "it", True, False, {"step": (Recorded(call, answer),)})
        assert measured(atlas_of(RIGHT["scaled_scores"]), [lost], [lost]) == {}


def told_of(exercise, source):
    """What is said of a program in each failed step: the reference, some functions rewritten."""

    def graded(examiner):
        program = dict(examiner.paper.atlas.bank.reference(examiner.exercise))
        exec(source, program)
        results = examiner.results(examiner.attempt_of_program(program))
        return {
            result.step.id: [one.says for group in result.diagnoses for one in group]
            for result in results
            if result.verdict in ("failed", "raised")
        }

    terms = Terms(2017, Feedback.PRACTICE, "cpu")
    return with_examiner(COURSE, COURSE.exercise(exercise), terms, graded)


@pytest.mark.parametrize(
    "exercise, source, words",
    [
        ("05", """
def attention(q, k, v, mask=None):
    scores = 1.3 * q @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, -1).nan_to_num(0.0)
    return weights @ v, weights
""", "by 1.3, where"),
        ("04", """
def softmax(x, dim=-1):
    return torch.softmax(0.3 * x, dim)
""", "The scores behind your weights are 0.3 times what they should be."),
        ("04", """
def masked_softmax(scores, mask, dim=-1):
    return torch.softmax(scores.masked_fill(~mask, -6.0), dim)
""", "A hidden key keeps a score of -6 in your function."),
        ("03", """
def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    mask = torch.ones(n_q, n_k, dtype=torch.bool, device=device)
    return mask.tril(n_k - n_q).triu(n_k - n_q - 1)
""", "In your mask a query sees the keys from 1 before its own to its own."),
    ],
)  # fmt: skip
def test_a_real_submission_is_told_what_was_measured(exercise, source, words):
    found = told_of(exercise, source)
    assert found and all(len(said) == 1 and words in said[0] for said in found.values())


def test_a_tensor_without_numbers_does_not_stop_the_grading():
    found = told_of("02", "def dot_scores(q, k): return (q @ k.mT).to('meta')")
    assert found and not any(found.values())


def test_the_ids_of_all_probes_say_that_they_measure():
    assert all(Misconception(probe.id, "f", "says").is_measured for probe in PROBES)
    assert not Misconception("03_causal_mask.top_left", "f", "says").is_measured
