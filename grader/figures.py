"""What verification measured, as a table for the terminal and for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BrokenPromise:
    """One broken promise, and where."""

    exercise: str
    where: str
    says: str


@dataclass(frozen=True)
class Figures:
    """What verification measured of one exercise."""

    exercise: str
    functions: int
    steps: int
    points: int
    wrong: int  # programs in the bank
    killed: int  # of them, by what they return
    unique: int  # named, and by no other name
    pairs: int  # declared to be alike, with the reason
    restyled: int  # named alike in a second style
    misnamed: int  # told another's name when the bank does not know them
    elsewhere: int  # told then the like mistake of another function, as that function's
    right: int  # programs in other styles that pass every step
    findings: tuple[BrokenPromise, ...] = ()


COLUMNS = (
    ("functions", "functions", "functions a learner writes"),
    ("steps", "steps", "graded steps"),
    ("points", "points", "points there are"),
    ("wrong", "wrong", "wrong programs in the bank, each with a root cause of its own"),
    ("killed", "killed", "of these, failed by a step for what they return"),
    ("unique", "unique", "of these, told their own name and no other"),
    ("pairs", "pairs", "pairs that no call can tell apart, named together, with the reason"),
    ("restyled", "restyled", "named alike when somebody else writes the same mistake"),
    ("misnamed", "misnamed", "told another's name when the bank does not know them"),
    ("elsewhere", "elsewhere", "told then another function's mistake that answers all calls alike"),
    ("right", "right", "right programs in other styles, all of which pass every step"),
)
WIDTH = 10


def heading() -> str:
    """The head of the table on a terminal."""
    return f"{'exercise':<22}" + "".join(f"{title:>{WIDTH}}" for _, title, _ in COLUMNS)


def row(figures: Figures) -> str:
    """One exercise's line of it."""
    numbers = (getattr(figures, field) for field, _, _ in COLUMNS)
    return f"{figures.exercise:<22}" + "".join(f"{number:>{WIDTH}}" for number in numbers)


PAGE = """# Figures

What `attn-grade author verify` proves of every exercise. This page is written by
`attn-grade author verify --write`; where it is not what verification measures, a test fails.

"""


def page(all_figures: Sequence[Figures]) -> str:
    """The page of the docs: the table, its sums, and what the columns say."""
    titles = ["exercise", *(title for _, title, _ in COLUMNS)]
    lines = [titles, ["---"] + ["---:"] * len(COLUMNS), *map(cells, all_figures)]
    sums = [sum(getattr(f, field) for f in all_figures) for field, _, _ in COLUMNS]
    lines.append(["**all**", *map(str, sums)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    legend = "\n".join(f"- **{title}**: {says}" for _, title, says in COLUMNS)
    return f"{PAGE}{table}\n\n{legend}\n"


def cells(figures: Figures) -> list[str]:
    """One exercise's line on the page."""
    return [figures.exercise, *(str(getattr(figures, field)) for field, _, _ in COLUMNS)]
