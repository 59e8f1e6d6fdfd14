"""Which rows, columns, heads, samples or entries are right, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from grader import words

MOST_NAMED = 6  # indices that are listed one by one
HANDFUL = 3  # places that are listed
FEW_WRONG = 4  # at most one entry in so many


def noun(axis: int, dim: int) -> str:
    """What stands along an axis: "row", "column", "head", "sample"."""
    if dim == 1:
        return "entry"
    if axis >= dim - 2:
        return "column" if axis == dim - 1 else "row"
    if axis == dim - 3 and dim >= 4:
        return "head"
    return "sample" if axis == 0 else f"entry of axis {axis}"


def plural(name: str) -> str:
    """Several of them."""
    return name.replace("entry", "entries") if "entry" in name else f"{name}s"


def axes(dim: int) -> Iterator[tuple[int, str]]:
    """Every axis with its noun, what holds most first, but rows before columns."""
    for axis in range(dim):
        yield axis, noun(axis, dim)


def one(index: int, count: int, name: str) -> str:
    """The name of one: "the last row", "column 2", "head 0"."""
    if name != "head" and index in (0, count - 1):
        return f"the {'first' if index == 0 else 'last'} {name}"
    return numbered(index, name)


def numbered(index: int, name: str) -> str:
    """The name of one by its number: "row 0", "entry 2 of axis 1"."""
    word, _, of = name.partition(" ")
    return f"{word} {index} {of}".rstrip()


def several(indices: Sequence[int], count: int, name: str) -> str:
    """The name of some: "rows 0 and 3", "the first 4 rows", "9 of the 12 columns"."""
    many = len(indices)
    if many == 1:
        return one(indices[0], count, name)
    if many > 2 and indices[-1] - indices[0] == many - 1:
        if indices[0] == 0:
            return f"the first {many} {plural(name)}"
        if indices[-1] == count - 1:
            return f"the last {many} {plural(name)}"
    return listed(indices, name) if many <= MOST_NAMED else f"{many} of the {count} {plural(name)}"


def listed(indices: Sequence[int], name: str) -> str:
    """All of them: "rows 0, 2 and 3"."""
    texts = [str(index) for index in indices]
    word, _, of = plural(name).partition(" ")
    return f"{word} {', '.join(texts[:-1])} and {texts[-1]} {of}".rstrip()


def where(index: Sequence[int]) -> str:
    """A row by the place of its tensor: "row 2", "row 1 of sample 0", "row 0 of head 2 of ..."."""
    dim = len(index) + 1
    names = [numbered(i, noun(axis, dim)) for axis, i in enumerate(index)]
    return " of ".join(reversed(names))


def are(indices: Sequence[int]) -> str:
    """The verb for them."""
    return "is" if len(indices) == 1 else "are"


def split(flags: torch.Tensor) -> tuple[list[int], list[int]]:
    """The indices that are True, and the others."""
    return flags.nonzero().flatten().tolist(), (~flags).nonzero().flatten().tolist()


def whole(flags: torch.Tensor, axis: int) -> torch.Tensor:
    """For each index of an axis whether all is True there."""
    return flags.movedim(axis, 0).reshape(flags.shape[axis], -1).all(-1)


def single(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """One wrong entry among others."""
    return "all other entries are right" if got.numel() > 2 and (~right).sum() == 1 else None


def zeros_only(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Right only where there is nothing to get wrong."""
    if got.dim() < 2 or got.shape[-1] < 2 or got.dtype is torch.bool:
        return None
    empty, rows = (expected == 0).all(-1), right.all(-1)
    if not torch.equal(empty, rows) or not rows.any() or right[~rows].any():
        return None
    some = "row that should be all 0 is" if rows.sum() == 1 else "rows that should be all 0 are"
    return f"only the {some} right"


def corner(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """All that is wrong stands where a single row, column, head or sample meet."""
    names = []
    for axis, name in axes(got.dim()):
        bad = split(whole(right, axis))[1]
        if len(bad) == 1 and got.shape[axis] > 1:
            names.append(numbered(bad[0], name))
    if len(names) < 2:
        return None
    return f"all that is wrong stands in {' of '.join(reversed(names))}"


def handful(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Two or three wrong entries that share no row or column, each by its place."""
    places = (~right).nonzero().tolist()
    if not 2 <= len(places) <= HANDFUL or len(places) * FEW_WRONG > got.numel() or got.dim() < 2:
        return None
    if any(len(set(indices)) < len(places) for indices in (*zip(*places, strict=True),)[-2:]):
        return None
    *some, last = [f"[{', '.join(map(str, place))}]" for place in places]
    return f"only {', '.join(some)} and {last} are wrong"


def lines(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """Which samples, heads, rows or columns are right as a whole: those that say most."""
    best, says = 0.0, None
    for axis, name in axes(got.dim()):
        good, bad = split(whole(right, axis))
        share = len(good) / got.shape[axis]
        if bad and share > best:
            best, says = share, _which(good, bad, name, _throughout(right, axis))
    return says


def _throughout(right: torch.Tensor, axis: int) -> bool:
    """Whether the same ones are right wherever one looks, in every sample and head."""
    outer = min(axis, right.dim() - 2) if right.dim() > 1 else 0
    inner = [a for a in range(outer, right.dim()) if a != axis]
    flags = right.amin(inner) if inner else right
    flags = flags.reshape(-1, right.shape[axis])
    return bool((flags == flags[:1]).all())


def _which(good: list[int], bad: list[int], name: str, throughout: bool) -> str:
    count = len(good) + len(bad)
    if len(good) == 1 or 1 < len(good) <= len(bad):
        says = f"only {several(good, count, name)} {are(good)} right"
        return says if throughout else f"{says} everywhere"
    ever = "" if throughout else "ever "
    return f"only {several(bad, count, name)} {are(bad)} {ever}wrong"


def few(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """A few wrong entries, strewn about."""
    wrong, count = int((~right).sum()), got.numel()
    return f"only {wrong} of {count} entries are wrong" if wrong * FEW_WRONG <= count else None


def triangle(got: torch.Tensor, expected: torch.Tensor, right: torch.Tensor) -> str | None:
    """On which side of the diagonal the wrong entries are, the same in all samples and heads."""
    if got.dim() < 2 or min(got.shape[-2:]) < 3:
        return None
    each = right.reshape(-1, *right.shape[-2:])
    if not (each == each[:1]).all():
        return _one_side(each)
    shift = right.shape[-1] - right.shape[-2]
    lower = [torch.ones_like(each[0]).tril(shift + k) for k in (-2, -1, 0, 1)]
    below, on = lower[1], lower[2]
    it = _diagonal(right)
    what = _filling(got[~right])
    for area, text in (
        (on, f"right on and below {it}, {what} above it"),
        (~below, f"right on and above {it}, {what} below it"),
        (below | ~on, f"wrong on {it} only"),
        (on & ~below, f"right on {it} only"),
        (on | ~lower[3], f"wrong only one step above {it}"),
        (~below | lower[0], f"wrong only one step below {it}"),
    ):
        if torch.equal(each[0], area):
            return text
    return _one_side(each)


def _one_side(each: torch.Tensor) -> str | None:
    """Wrong in places, but always on one side."""
    wrong = ~each.all(0)
    shift = wrong.shape[-1] - wrong.shape[-2]
    on = torch.ones_like(wrong).tril(shift)
    below = torch.ones_like(wrong).tril(shift - 1)
    for area, side in ((~on, "above"), (below, "below")):
        inside = wrong & area
        # On most rows and columns that reach there, or it may be an accident.
        rows, columns = (area.any(axis).sum() for axis in (1, 0))
        if torch.equal(wrong, inside) and inside.sum() >= 4:
            reached = [inside.any(axis).sum() for axis in (1, 0)]
            if reached[0] >= rows - 1 and reached[1] >= columns - 1:
                return f"all that is wrong stands {side} {_diagonal(wrong)}"
    return None


def _diagonal(right: torch.Tensor) -> str:
    square = right.shape[-1] == right.shape[-2]
    return "the diagonal" if square else "the diagonal that ends at the last entry"


def _filling(wrong: torch.Tensor) -> str:
    """What stands in all wrong entries, if it is always the same."""
    if not (wrong == wrong[0]).all():
        return "wrong"
    first = wrong[0].item()
    return f"all {first if wrong.dtype is torch.bool else words.number(first)}"
