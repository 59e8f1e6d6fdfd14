"""Wrong turns: which columns turn together, from which position on, which way and how fast.

Which columns make a pair is read off their lengths, which a turn keeps; by which angle a pair
turns, off where it pointed before. Ways to count positions, both directions and laws of how
angles fall off from pair to pair are then tried on all angles of a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature

import torch

from grader.atlas import Atlas, Evidence, Place
from grader.calls import Value
from grader.model import Misconception
from grader.probes.angles import (
    COUNTS,
    ONE,
    ONE_MORE,
    POSITION,
    ROW,
    Angles,
    Law,
    Turn,
    angles,
    is_kept,
    joined,
    laws,
    plain,
)
from grader.probes.reading import pairs

ID = "probes.rotation"
IN_GENERAL = "Your rows are not turned as they should be."
USUAL = 10000.0  # the base where a contract names none
# What to look at, and why it is wrong.
PAIR = (
    "Each pair has one column in either half. Which column is turned together with 1?",
    "There are two customs, and weights that were trained with one mean nothing with the other.",
)
STILL = (
    "Only position 0 leaves a row as it is. By which angle is pair 0 turned at position 1?",
    "A row that is not turned does not show where it stands.",
)
COUNT = (
    "By which angle is pair 0 turned at position 0, and by which at position 5?",
    "Whoever gives you positions counts from 0, and the keys in a cache were turned so.",
)
WAY = (
    "Turned by a little, the pair (1, 0) becomes (almost 1, a little). What is it in yours?",
    "Turned the other way, a token that came before looks as if it came after.",
)
LAW = (
    "Pair 0 turns by the position itself. By which part of it does the last pair turn?",
    "Fast pairs tell neighbours apart and slow ones near from far; weights count on each speed.",
)
LOOK_AT, WHY = COUNT

Said = tuple[str, tuple[str, str]]  # a finding, and what is said beside it


def read(
    atlas: Atlas, steps: Sequence[Evidence], failed: Sequence[Evidence]
) -> dict[str, Misconception]:
    """What is wrong with how a function turns its rows, in all its values calls."""
    values = [step for step in failed if step.values]
    places = [place for step in steps if step.values for place in step.calls()]
    turns = _turns(atlas, places) if values else None
    said = _said(turns) if turns else None
    if said is None:
        return {}
    says, told = said
    return {
        step.step: Misconception(ID, step.function, says, *told, in_general=IN_GENERAL)
        for step in values
        if not all(p.answered_as((), atlas) for p in step.calls())
    }


def _turns(atlas: Atlas, places: Sequence[Place]) -> list[Turn] | None:
    """The calls that can be read; None where one of those went wrong in another way."""
    turns: list[Turn] = []
    for place in places:
        parameters = signature(atlas.contract(place.call.function)).parameters
        named = dict(zip(parameters, place.call.args, strict=False)) | place.call.kwargs
        usual = parameters["base"].default if "base" in parameters else USUAL
        base = named.get("base", usual)
        if place.call.mode != "value" or not _is_readable(named.get("x"), named.get("positions")):
            continue
        if not isinstance(base, (int, float)) or not isinstance(atlas.reference(place), Value):
            continue
        x, positions = named["x"].detach().cpu(), named["positions"].detach().cpu()
        found = pairs(atlas, place)
        if not found or len(found) > 1 or found[0][0].shape != x.shape:
            return None
        parts = (x.double(), *found[0])
        before, after, right = (part.reshape(-1, *x.shape[-2:]) for part in parts)
        heads = x.shape[-3] if x.dim() > 2 else 1
        by = positions.double(), float(base), heads, x.dtype
        turns.append(Turn(before, after, right, *by))
    return turns


def _is_readable(x: object, positions: object) -> bool:
    """Whether these are finite rows of even width, each with its position."""
    return (
        isinstance(x, torch.Tensor)
        and isinstance(positions, torch.Tensor)
        and x.is_floating_point()
        and x.dim() > 1
        and x.shape[-1] % 2 == 0
        and positions.shape == x.shape[-2:-1]
        and "meta" not in (x.device.type, positions.device.type)
        and bool(x.numel() and x.isfinite().all())
    )


def _said(turns: Sequence[Turn]) -> Said | None:
    """The most telling thing that is wrong, where the right answers turn rows as is taught."""
    right = _all_angles(turns, [turn.right for turn in turns])
    if right is None or not Law().holds(right):
        return None
    after = [turn.after for turn in turns]
    if all(torch.allclose(t.before, t.after, rtol=t.noise, atol=0) for t in turns):
        return "Nothing is turned.", STILL
    split = [turn.before.shape[-1] for turn in turns if not is_kept(turn, turn.after)]
    if split and all(is_kept(turn, turn.after, halves=False) for turn in turns):
        beside = f"0 with 1, where column 0 belongs to column {split[0] // 2} of {split[0]}"
        turned = _all_angles(turns, after, halves=False) is not None
        return (f"You pair neighbouring columns, {beside}.", PAIR) if turned else None
    ours = _all_angles(turns, after)
    return _of_laws(ours, laws(ours)) if ours and not split else None


def _all_angles(
    turns: Sequence[Turn], rows: Sequence[torch.Tensor], halves: bool = True
) -> Angles | None:
    """The angles of all calls; None where one shows none."""
    read = [angles(turn, one, halves) for turn, one in zip(turns, rows, strict=True)]
    known = [one for one in read if one is not None]
    return joined(known) if len(known) == len(read) else None


def _of_laws(ours: Angles, found: Sequence[Law]) -> Said | None:
    """What is wrong in the laws that fit; nothing if they agree in none of it, or are right."""
    if len({(law.count, law.way) for law in found}) != 1 or not found[0].wrong:
        return None
    if found[0].count != POSITION:
        return _of_count(ours, found[0].count), COUNT
    if found[0].way != 1:
        return "Your angles run the other way round.", WAY
    return _of_shares(ours, found), LAW


def _of_count(ours: Angles, count: str) -> str:
    """What each row counts as, where it is not its position: shown by one of them."""
    counted = COUNTS[count](ours)
    which = int((counted - ours.position).abs().argmax())
    position, row, told = (int(part[which]) for part in (ours.position, ours.row, counted))
    if count == ONE:
        return "All rows turn alike: their positions change nothing."
    if count == ROW:
        counts = f"row {row} counts as position {row}, where its position is {position}"
        return f"You count rows: {counts}."
    if count == ONE_MORE and not ours.position.all():
        return "Your positions start at 1: position 0 is turned as well."
    return f"Your positions are off by one: position {position} counts as {told}."


def _of_shares(ours: Angles, found: Sequence[Law]) -> str:
    """How the angles fall off from pair to pair; several laws are told if they are one here."""
    gap = (found[0].shares(ours).log() - Law().shares(ours).log()).abs()
    which = int(gap.argmax())
    own, given = found[0].base, ours.base[which].item()
    if len(found) == 1 and own and len(set(ours.base.tolist())) > 1:
        return f"Your angles fall off with base {plain(own)}, whatever base is given."
    if len(found) == 1 and own:
        return f"Your angles fall off with base {plain(own)}, where {plain(given)} should stand."
    shares = " = ".join(law.written(ours, which) for law in found)
    turns = f"pair i turns by the position times {shares}"
    right = Law().written(ours, which)
    return f"With d_head = {int(ours.d[which])}, {turns}, where {right} should stand."
