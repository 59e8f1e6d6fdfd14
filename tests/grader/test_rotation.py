"""Of rows turned wrongly it is told what is measured: pairs, positions, direction, or speed."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.atlas import Atlas, Evidence
from grader.calls import Call, Recorded
from grader.probes import rotation
from grader.programs import in_process

DRAWN = torch.Generator().manual_seed(2017)


def normal(*shape):
    return torch.randn(shape, generator=DRAWN)


def speeds(d, base, x=None):
    return base ** (-2 * torch.arange(d // 2) / d)


def turned(speeds=speeds, count=lambda positions: positions, way=1):
    """Turns with speeds, counts and a direction of one's own, each column with its half's."""

    def it(x, positions, base=10000.0):
        angles = way * count(positions)[:, None] * speeds(x.shape[-1], base, x)
        cos, sin = angles.cos(), angles.sin()
        one, other = x.chunk(2, -1)
        return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)

    return it


RIGHT = turned()


def beside(x, positions, base=10000.0):
    """Neighbours are turned together."""
    return sorted_back(RIGHT(torch.cat([x[..., 0::2], x[..., 1::2]], -1), positions, base))


def sorted_back(x):
    return torch.stack(x.chunk(2, -1), -1).flatten(-2)


def ordered(*shape, start=0):
    return normal(*shape), torch.arange(start, start + shape[-2])


# Widths, heads and numbers of rows all differ; positions jump, and one row is wide of them.
PLAIN = [
    [ordered(5, 8)],
    [ordered(2, 3, 4, 4)],
    [(normal(2, 3, 6), torch.tensor([0, 2, 7]))],
    [ordered(3, 2, start=5)],
    [(normal(4, 16), torch.tensor([1000, 3, 0, 2]))],
]
BASED = [*PLAIN, [(*ordered(5, 8), {"base": 500.0})]]


def step(ours, cases, name="step", mode="value", values=True):
    """A step that failed, in which `ours` was called, case by case, with these arguments."""
    traces = {}
    for number, arguments in enumerate(cases):
        made = []
        for args in arguments:
            args, kwargs = (args[:-1], args[-1]) if type(args[-1]) is dict else (args, {})
            call = Call("it", args, kwargs, mode)
            made.append(Recorded(call, in_process({"it": ours})(call)))
        traces[f"{name}[{number}]"] = tuple(made)
    return Evidence(name, "it", values, False, traces)


def found(*steps, contract=RIGHT):
    """What the probe says, by step."""
    program = {"it": contract}
    bank = SimpleNamespace(reference=lambda exercise: program, variant=lambda *_: program)
    read = rotation.read(Atlas(bank, None), steps, steps)
    assert all(one.question.endswith("?") and one.why for one in read.values())
    return {name: one.says for name, one in read.items()}


def says(ours, cases=BASED, contract=RIGHT):
    return found(step(ours, cases), contract=contract).get("step", "")


# -- which columns -------------------------------------------------------------


def test_neighbours_that_are_paired_are_told():
    expected = "You pair neighbouring columns, 0 with 1, where column 0 belongs to column 4 of 8."
    assert says(beside) == expected


def test_the_width_told_of_is_that_of_a_call_in_which_it_shows():
    expected = "You pair neighbouring columns, 0 with 1, where column 0 belongs to column 3 of 6."
    assert says(beside, [[ordered(1, 8)], PLAIN[3], PLAIN[2]]) == expected


def test_nothing_turned_is_told():
    assert says(lambda x, positions, base=0: x) == "Nothing is turned."


# -- from where, and which way -------------------------------------------------


@pytest.mark.parametrize(
    "count, words",
    [
        (lambda p: p + 1, "Your positions start at 1: position 0 is turned as well."),
        (lambda p: p - 1, "Your positions are off by one: position 0 counts as -1."),
        (lambda p: torch.arange(len(p)),
         "You count rows: row 0 counts as position 0, where its position is 1000."),
        (lambda p: torch.ones(len(p)), "All rows turn alike: their positions change nothing."),
    ],
)  # fmt: skip
def test_what_a_row_counts_as_is_told(count, words):
    assert says(turned(count=count)) == words
    assert says(turned(count=count, way=-1)) == words, "and first, where the way is wrong too"


def test_of_a_position_0_that_never_came_nothing_is_said():
    later = [[ordered(4, 8, start=3)]]
    expected = "Your positions are off by one: position 3 counts as 4."
    assert says(turned(count=lambda p: p + 1), later) == expected


def test_rows_are_not_told_from_positions_less_one_where_those_are_one():
    assert says(turned(count=lambda p: p - 1), [[ordered(4, 8, start=1)]]) == ""


def test_the_other_direction_is_told():
    assert says(turned(way=-1)) == "Your angles run the other way round."
    assert says(turned(lambda d, base, x: speeds(d, 100.0), way=-1)).startswith("Your angles run")
    assert says(turned(way=-1), [PLAIN[3]]) == "Your angles run the other way round."


def test_of_two_explanations_the_one_with_fewer_wrongs_is_told():
    """That positions change nothing would fit these rows as well."""
    rows = [[(normal(2, 8), torch.tensor([1, 1]))]]
    assert says(turned(way=-1), rows) == "Your angles run the other way round."


# -- how fast ------------------------------------------------------------------


@pytest.mark.parametrize("base", [1000, 500000, 1000000, 1.5])
def test_a_base_of_ones_own_is_told(base):
    own = turned(lambda d, _, x: speeds(d, base))
    assert says(own, PLAIN) == f"Your angles fall off with base {base}, where 10000 should stand."
    assert says(own) == f"Your angles fall off with base {base}, whatever base is given."


def test_a_base_that_is_given_and_not_used_is_told():
    own = turned(lambda d, _, x: speeds(d, 10000.0))
    assert says(own, PLAIN) == ""
    assert says(own) == "Your angles fall off with base 10000, whatever base is given."


def half_the_power(d, base, x):
    return base ** (-torch.arange(d // 2) / d)


@pytest.mark.parametrize(
    "own, d, power",
    [
        (half_the_power, 16, "10000^(−i/16)"),
        (lambda d, base, x: speeds(d, base) ** 2, 16, "10000^(−4i/16)"),
        (lambda d, base, x: 1 / speeds(d, base), 16, "10000^(2i/16)"),
        (lambda d, base, x: speeds(d, base) ** 0, 16, "1"),
        (lambda d, base, x: speeds(d, base) ** (1 / x.shape[-3] if x.dim() > 2 else 1),
         4, "10000^(−2i/(3·4))"),
        (lambda d, base, x: base ** (-2 * torch.arange(d // 2) / x.shape[-2]),
         16, "10000^(−2i/4)"),
        (lambda d, base, x: base ** -torch.linspace(0, 1, d // 2), 4, "10000^(−2i/(4 − 2))"),
        (lambda d, base, x: base ** (-2 * torch.arange(1, d // 2 + 1) / d),
         2, "10000^(−2(i + 1)/2)"),
    ],
)  # fmt: skip
def test_another_power_of_the_base_is_told_with_the_numbers_of_one_call(own, d, power):
    assert says(turned(own)) == (
        f"With d_head = {d}, pair i turns by the position times {power}, "
        f"where 10000^(−2i/{d}) should stand."
    )


@pytest.mark.parametrize("own", [half_the_power, lambda d, base, x: speeds(d, 100.0)])
def test_half_the_power_and_the_root_of_the_base_are_one_where_the_base_never_varies(own):
    assert " times 10000^(−i/16) = 100^(−2i/16), where " in says(turned(own), PLAIN)
    assert " = " not in says(turned(own)).partition("times")[2]


@pytest.mark.parametrize(
    "cases",
    [
        [[ordered(6, 4)]],  # a single speed is that of many laws
        [[ordered(6, 2)]],  # pair 0 has the same in all of them
        [[ordered(6, 8, start=40)]],  # which of many turns?
    ],
)
def test_no_base_is_told_where_these_rows_do_not_tell_it(cases):
    assert says(turned(lambda d, base, x: speeds(d, 777.0)), cases) == ""


def test_nor_is_a_power_where_there_is_a_single_speed_beside_that_of_pair_0():
    """Base 100 and any other way to the same speed would be told as half the power."""
    assert says(turned(half_the_power), [[ordered(6, 4)]]) == ""


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 999).filter(lambda base: base != 100),
    st.sampled_from([1, 100, 1000]),
    st.integers(3, 32),
    st.sampled_from([1, -1]),
)
def test_any_base_is_found_again(number, times, half, way):
    base = number * times
    cases = [[ordered(8, 2 * half)], [ordered(2, 3, 6)], [ordered(3, 2 * half, start=100)]]
    own = turned(lambda d, _, x: speeds(d, base), way=way)
    if way == -1:
        assert says(own, cases) == "Your angles run the other way round."
    elif base in (10**4, 10**8):
        assert f"{base} should stand" not in says(own, cases)
    else:
        expected = f"Your angles fall off with base {base}, where 10000 should stand."
        assert says(own, cases) == expected


# -- nothing -------------------------------------------------------------------


def only_one_half(x, positions, base=10000.0):
    half = x.shape[-1] // 2
    return torch.cat([RIGHT(x, positions, base)[..., :half], x[..., half:]], -1)


def only_some_pairs(x, positions, base=10000.0):
    keep = torch.arange(x.shape[-1]) % (x.shape[-1] // 2) >= x.shape[-1] // 4
    return torch.where(keep, x, RIGHT(x, positions, base))


def reflected(x, positions, base=10000.0):
    """As long as before, and turned over: samples turn by different angles."""
    turned = RIGHT(x, positions, base)
    return turned * torch.ones(x.shape[-1]).index_fill(0, torch.arange(x.shape[-1] // 2), -1.0)


def neighbours_reflected(x, positions, base=10000.0):
    return beside(x, positions, base) * torch.tensor([-1.0, 1.0]).repeat(x.shape[-1] // 2)


def with_the_angles_of_neighbours(x, positions, base=10000.0):
    angles = positions[:, None] * speeds(x.shape[-1], base).repeat_interleave(2)
    one, other = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-other, one], -1) * angles.sin()


def sometimes(ours, other=RIGHT):
    """Another function for rows of width 8."""
    return lambda x, *rest, **named: (ours if x.shape[-1] == 8 else other)(x, *rest, **named)


@pytest.mark.parametrize(
    "ours",
    [
        RIGHT,
        only_one_half,
        only_some_pairs,
        reflected,
        neighbours_reflected,
        with_the_angles_of_neighbours,
        lambda x, *rest, **named: 2 * RIGHT(x, *rest, **named),
        lambda x, *rest, **named: RIGHT(x, *rest, **named) + 0.01,
        lambda x, *rest, **named: sorted_back(RIGHT(x, *rest, **named)),
        lambda x, *rest, **named: math.nan * x,
        lambda x, *rest, **named: RIGHT(x, *rest, **named).tolist(),
        lambda x, *rest, **named: (RIGHT(x, *rest, **named),) * 2,
        lambda x, *rest, **named: RIGHT(x, *rest, **named)[..., :2],
        lambda x, *rest, **named: RIGHT(x, *rest, **named).to("meta"),
        turned(speeds=lambda d, base, x: 1 / (1 + torch.arange(d // 2))),  # of no such power
        turned(count=lambda p: p**2),
        sometimes(beside),
        sometimes(turned(way=-1)),
        sometimes(turned(count=lambda p: p + 1)),
        sometimes(turned(lambda d, base, x: speeds(d, 100.0))),
        sometimes(turned(way=-1), turned(count=lambda p: p + 1)),
        sometimes(lambda x, positions, base=0: x),
        sometimes(lambda x, *rest, **named: 1 / 0, turned(way=-1)),
    ],
)
def test_nothing_is_said_where_no_one_thing_holds_in_all_calls(ours):
    assert says(ours) == ""


def test_a_call_of_another_step_that_does_not_fit_is_enough_to_say_nothing():
    other = turned(way=-1)
    wrong, odd = step(other, BASED), step(only_one_half, BASED, name="odd")
    side = step(other, BASED, name="side", values=False)
    assert found(wrong, side) == {"step": "Your angles run the other way round."}
    assert found(wrong, odd) == {}


def test_a_step_whose_answers_are_right_is_told_nothing():
    """At position 0 nothing turns, whichever way."""
    other = turned(way=-1)
    still = step(other, [[ordered(1, 8)]], name="still")
    assert list(found(step(other, BASED), still)) == ["step"]


def test_rows_that_cannot_be_read_do_not_disturb():
    wild = [(normal(2, 8) * math.inf, torch.arange(2)), (torch.zeros(2, 8), torch.arange(2))]
    assert says(turned(way=-1), [*BASED, wild, [ordered(0, 8)]]).startswith("Your angles run")
    coarse = (normal(3, 8).half(), torch.arange(3))
    assert says(turned(way=-1), [*BASED, [coarse]]).startswith("Your angles run")


@pytest.mark.parametrize(
    "contract",
    [
        beside,  # here neighbours are right
        turned(count=lambda p: p + 1),  # and here 1 is the first position
        lambda x, positions, base=10000.0: x + positions[:, None],
        lambda x, places, base=10000.0: RIGHT(x, places, base),
    ],
)
def test_of_what_is_not_to_turn_so_nothing_is_said(contract):
    for ours in (lambda x, positions, base=0: x, turned(way=-1)):
        assert says(ours, contract=contract) == ""
