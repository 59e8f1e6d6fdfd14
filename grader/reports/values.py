"""The values of a failing case side by side, in as many digits as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate

from grader.model import Case
from grader.reports.layout import SHELF_GAP, breadth, fits_one_shelf

FLATTEST = 2  # rows: so few may stand above each other as well as side by side

Named = tuple[str, str]
Grid = Sequence[Sequence[str]]


def told_in_words(case: Case) -> list[Named]:
    """The inputs in a few words that the call does not spell out itself."""
    spelt = case.call.partition("(")[2].removesuffix(")").split(", ")
    return [
        (name, value)
        for name, value in case.inputs
        if not _is_grid(value) and value not in spelt and f"{name}={value}" not in spelt
    ]


def drawn_inputs(case: Case, widest: int | None) -> list[Named]:
    """The inputs in rows and columns that are at most `widest` cells wide."""
    grids = [(name, _narrow(value)) for name, value in case.inputs if _is_grid(value)]
    return [one for one in grids if widest is None or _breadth(one[1]) <= widest]


def results(case: Case) -> list[Named]:
    """What came back and what was expected; nothing where both read the same."""
    if case.returned == case.expected:
        return []
    both = [("came back", case.returned), ("expected", case.expected)]
    return [(name, _narrow(value)) for name, value in both if value]


def side_by_side(blocks: Sequence[Named], width: int, ellipsis: str) -> list[Named]:
    """Two grids made narrow enough to stand side by side, if that can be done.

    First the numbers lose decimals, as long as most of those that differ still do, then
    columns give way on the right. Values that are no grids, and flat ones, stay as they are.
    """
    grids = [_entries(value) for _, value in blocks]
    if len(blocks) != 2 or fits_one_shelf(blocks, width) or not all(map(_is_table, grids)):
        return list(blocks)
    best = grids
    for places in (3, 2):
        rounded = [[[_rounded(cell, places) for cell in row] for row in grid] for grid in grids]
        if 4 * _differing(rounded) < 3 * _differing(grids):
            break
        best = rounded
        if fits_one_shelf(_named(blocks, best), width):
            return _named(blocks, best)
    if max(map(len, grids)) <= FLATTEST:
        return list(blocks)
    half = (width - len(SHELF_GAP)) // 2
    return _named(blocks, [_cropped(grid, half, ellipsis) for grid in best])


def _is_grid(value: str) -> bool:
    """Whether a value is written in rows or columns, as tensors are."""
    return "\n" in value or "  " in value


def _narrow(value: str) -> str:
    """A grid with each column as wide as it needs to be, so that two beside each other part."""
    grid = _entries(value)
    return _written(grid) if _is_table(grid) else value


def _breadth(value: str) -> int:
    return max(map(breadth, value.split("\n")))


def _entries(value: str) -> list[list[str]]:
    return [line.split() for line in value.split("\n")]


def _is_table(grid: Grid) -> bool:
    """Whether these are rows of equally many numbers."""
    widths = {len(row) for row in grid}
    return len(widths) == 1 and all(_number(cell) is not None for row in grid for cell in row)


def _number(cell: str) -> float | None:
    with suppress(ValueError):
        return float(cell)
    return None


def _rounded(cell: str, places: int) -> str:
    """A number with so many decimals; whole ones and very large ones stay as they are."""
    number = _number(cell)
    if number is None or "e+" in cell or not ("." in cell or "e" in cell):
        return cell
    return f"{number:z.{places}f}"  # z: no minus before a zero


def _differing(grids: Sequence[Grid]) -> int:
    """How many entries of two grids differ."""
    return sum(
        one != other
        for row, row_beside in zip(*grids, strict=False)
        for one, other in zip(row, row_beside, strict=False)
    )


def _cropped(grid: Grid, width: int, ellipsis: str) -> Grid:
    """The first columns of a grid, as many as fit, and an ellipsis for the others."""
    ends = list(accumulate(max(map(breadth, column)) + 2 for column in zip(*grid, strict=True)))
    if ends[-1] - 2 <= width:
        return grid
    fitting = max(sum(end + len(ellipsis) <= width for end in ends), 1)
    return [[*row[:fitting], ellipsis] for row in grid]


def _named(blocks: Sequence[Named], grids: Sequence[Grid]) -> list[Named]:
    """The grids written out under the names of the blocks, columns flush on the right."""
    return [(name, _written(grid)) for (name, _), grid in zip(blocks, grids, strict=True)]


def _written(grid: Grid) -> str:
    widths = [max(map(breadth, column)) for column in zip(*grid, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in grid
    )
