"""What a call costs: counts of multiply-adds, and the processor's time beside what is known.

A count is what the student's process says of itself. The time is what the kernel books for
that process, which can use more than it needs, but never less.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from grader.compare import Difference, Different, same

ROOM = 4  # times the least work: for other ways of writing the same
ABOUT = 2.5  # times: what two ways of wasting the same work may differ by
ROUNDS = 3
SHARE = 128  # one part in so many of a large product is measured, and the rest reckoned


def grows_no_faster(got: Sequence[Any], expected: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether counts grow from one size to another about as those of the reference do.

    got, expected: multiply-adds of one call at each of two sizes, which are told as tokens.
    Up to `ROOM` times the growth will do, and any number of steps at both sizes. Raises
    `Different`, and for what is no count as well.
    """
    if any(type(count) is not int for count in got):
        return same(list(got), list(expected))
    grown, wanted = got[1] - got[0], expected[1] - expected[0]
    if grown <= ROOM * wanted:
        return True
    says = (
        f"With {sizes[0]:,} tokens one call multiplies and adds {got[0]:,} times, with "
        f"{sizes[1]:,} tokens {got[1]:,} times; {expected[0]:,} and {expected[1]:,} would do."
    )
    raise Different(Difference("cost", says, got[1], expected[1]))


def is_dear(count: Any, least: Any) -> bool:
    """Whether a count is more than another way of writing the same explains."""
    return type(count) is not int or type(least) is not int or count > ROOM * least


def alike_in_cost(count: Any, other: Any, least: Any) -> bool:
    """Whether two counts are both no more than needed, or both too much by about the same."""
    if is_dear(count, least) or is_dear(other, least):
        of_one_kind = type(count) is type(other)
        return of_one_kind and bool(count <= ABOUT * other and other <= ABOUT * count)
    return True


def takes_less_than(seconds: float, limit: float, what: str, than: str, gave: Any = None) -> bool:
    """Whether a call took less of the processor's time than what it must not do; or `Different`.

    what, than: the call, and what its limit is the time of, as in "one step" and "attention
    of 8,192 tokens to one another". gave: what the call returned, by which it is found again.
    """
    if seconds < limit:
        return True
    says = (
        f"{what[:1].upper()}{what[1:]} takes {seconds:.2g} s of computing; {than} takes "
        f"{limit:.2g} s on this machine."
    )
    raise Different(Difference("cost", says, gave))


def seconds_of_attention(n: int, d: int) -> float:
    """Seconds of CPU that the products alone take of attention of n tokens to one another.

    d: the width of keys and of values. A part of them is computed here and now, in one
    thread: the quickest of a few rounds, times the number of parts.
    """
    rows = max(n // SHARE, 1)
    q, k, v = torch.ones(rows, d), torch.ones(n, d), torch.ones(n, d)
    return min(_seconds(q, k, v) for _ in range(ROUNDS)) * n / rows


def _seconds(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> float:
    started = time.process_time()
    (q @ k.mT) @ v
    return time.process_time() - started
