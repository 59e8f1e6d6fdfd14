"""Pieces: a sequence that is fed bit by bit must come out as it does when it is fed whole.

The calls of one case that share an object, such as a cache, are the pieces of one sequence.
It is read off which of their rows are right; and where the right rows are weights themselves,
as they are with unit vectors for values, whom each query saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from grader import words
from grader.atlas import Atlas, Evidence, Place
from grader.calls import Earlier, earlier_ones
from grader.compare import agreement
from grader.model import Misconception
from grader.probes.reading import LEAST_WEIGHT, are_weights, pairs
from grader.worker.parts import tensors_in

ID = "probes.plan"
LOOK_AT = (
    "Feed one token after the other. Which keys does the third one meet, and where do they "
    "come from?"
)
WHY = "A model that writes is fed token by token, and must say what it would say in one go."
IN_GENERAL = "Fed in pieces, a query of yours does not see the keys that it should."


@dataclass(frozen=True, eq=False)
class Piece:
    """One call of a plan: where its tokens stand in the sequence, and what became of them."""

    start: int
    ours: torch.Tensor  # (..., n, d), as float64
    right: torch.Tensor
    before: int  # where the piece before it starts; its own start for the first

    @property
    def end(self) -> int:
        """Where the next piece starts."""
        return self.start + self.right.shape[-2]

    @property
    def is_right(self) -> bool:
        """Whether all its rows are."""
        return bool(agreement(self.ours.float(), self.right.float()).all())


Plan = tuple[Piece, ...]
Sees = Callable[[Piece, int], Iterable[int]]  # the keys that the query at a position sees

LAWS: tuple[tuple[str, Sees], ...] = (
    (
        "a query sees only the keys of its own piece: what came before is forgotten",
        lambda piece, own: range(piece.start, own + 1),
    ),
    (
        "a query sees what came before its piece, but not its own key",
        lambda piece, own: range(piece.start),
    ),
    ("a query sees all keys before its own, but not its own", lambda piece, own: range(own)),
    (
        "a query sees the whole of its piece, and so keys that come after its own",
        lambda piece, own: range(piece.end),
    ),
    (
        "a query sees as many keys as if its piece came first: the first query is lined up with "
        "the first key",
        lambda piece, own: range(own - piece.start + 1),
    ),
    (
        "a query does not see the piece right before its own",
        lambda piece, own: {*range(piece.before), *range(piece.start, own + 1)},
    ),
)


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """What goes wrong in pieces, where one thing explains all plans of a function."""
    values = [step for step in failed if step.values]
    plans = [plan for step in steps if step.values for plan in _plans(atlas, step)]
    if not values or all(piece.is_right for plan in plans for piece in plan):
        return {}
    says = _of_keys(plans) or _of_pieces(plans)
    if not says:
        return {}
    general = IN_GENERAL if any(map(str.isdigit, says)) else ""
    return {
        step.step: Misconception(ID, step.function, says, LOOK_AT, WHY, in_general=general)
        for step in values
    }


def _plans(atlas: Atlas, step: Evidence) -> list[Plan]:
    """The plans of a step: of each case, the calls that share an object.

    One with a call that cannot be read, as it raised or was another function's, is none: what
    follows stands nowhere.
    """
    shared: dict[tuple[str, Earlier], list[Piece | None]] = {}
    for place in step.calls():
        if not any(True for _ in tensors_in([place.call.args, place.call.kwargs])):
            continue  # how long it is may be asked at any time
        for thing in earlier_ones(place.call):
            plan = shared.setdefault((place.case, thing), [])
            mine = place.call.function == step.function
            plan.append(_piece(atlas, place, plan) if mine else None)
    plans = (tuple(filter(None, plan)) for plan in shared.values() if None not in plan)
    return list(plans)


def _piece(atlas: Atlas, place: Place, plan: Sequence[Piece | None]) -> Piece | None:
    """A call as the next piece of a plan, if its answer is one tensor with a row for each token."""
    found = pairs(atlas, place)
    if place.call.mode != "value" or found is None or len(found) != 1 or found[0][1].dim() < 2:
        return None
    last = plan[-1] if plan else None
    start, before = (last.end, last.start) if last else (0, 0)
    return Piece(start, *found[0], before)


def _of_keys(plans: Sequence[Plan]) -> str:
    """The law by which queries see keys, where the right rows are the weights of those before."""
    pieces = [piece for plan in plans for piece in plan if _shows_keys(piece)]
    rows = [(piece, own, seen) for piece in pieces for own, seen in _seen(piece)]
    if all(seen == set(range(own + 1)) for _, own, seen in rows):
        return ""
    if not any(seen for _, _, seen in rows):
        return ""  # NaN, zeros or a mean throughout: no row tells of any key
    fitting = [
        says
        for says, sees in LAWS
        if all(seen == set(sees(piece, own)) for piece, own, seen in rows)
    ]
    if fitting:  # where a case ended early, several may fit: then none of them is known
        return f"Fed in pieces, {fitting[0]}." if len(fitting) == 1 else ""
    ahead = max(max(seen, default=own) - own for _, own, seen in rows)
    if all(seen == set(range(min(own + 1 + ahead, piece.end))) for piece, own, seen in rows):
        return f"Inside a piece a query sees {words.count(ahead, 'key')} after its own."
    most = max(len(seen) for _, _, seen in rows)
    if all(seen == set(range(max(0, own + 1 - most), own + 1)) for _, own, seen in rows):
        return f"A query sees no more than the last {words.count(most, 'key')}."
    return ""


def _shows_keys(piece: Piece) -> bool:
    """Whether the right rows tell of each query that it saw itself and everything before."""
    if not are_weights(piece.right) or piece.right.shape[-1] < piece.end:
        return False
    own = torch.arange(piece.start, piece.end)[:, None]
    upto = torch.arange(piece.right.shape[-1])[None, :] <= own
    return bool(((piece.right > LEAST_WEIGHT) == upto).all())


def _seen(piece: Piece) -> Iterable[tuple[int, set[int]]]:
    """Whom each query of a piece gave weight to.

    A row of NaN saw nobody, nor did one that shares out evenly: all its keys were hidden alike.
    Where there is one key only, the two look the same, and nothing is told.
    """
    weights = piece.ours.nan_to_num(0.0).reshape(-1, *piece.ours.shape[-2:]).amax(0)
    for offset, row in enumerate(weights):
        there = row[: piece.end]
        evenly = bool(there.max() - there.min() < LEAST_WEIGHT)
        if evenly and piece.end == 1 and there.any():
            continue
        seen = set() if evenly else set((row > LEAST_WEIGHT).nonzero().flatten().tolist())
        yield piece.start + offset, seen


def _of_pieces(plans: Sequence[Plan]) -> str:
    """Which pieces are wrong, where that is the same in all plans."""
    first = [plan[0] for plan in plans]
    later = [piece for plan in plans for piece in plan[1:]]
    if not all(piece.is_right for piece in first) or not later:
        return ""
    goes_on = any(len(plan) > 2 for plan in plans)  # past a piece that is wrong already
    if goes_on and not any(piece.is_right for piece in later):
        return "Fed in one piece your result is right; in several, all but the first are wrong."
    alone = {piece.is_right for piece in later if piece.end - piece.start == 1}
    together = {piece.is_right for piece in later if piece.end - piece.start > 1}
    if alone == {True} and together == {False}:
        return "A single token after others is right; several at once after others are not."
    if alone == {False} and together == {True}:
        return "Several tokens at once after others are right; a single one after others is not."
    return ""
