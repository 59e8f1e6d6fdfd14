"""For authors: write the stubs, and lay down a new exercise that already keeps its promises."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.course import SETTINGS, Course, Exercise, source_of
from grader.errors import CourseFault, UsageFault
from grader.stubs import drift, untouched
from grader.styles import SUBMISSIONS

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
LONGEST_NAME = 40

LESSON = """# {title}

What does `{name}` of 2 give, if it doubles what it gets? Decide before you read on.

## Why

Say what would be missing without it.

## The formula

    {name}(x) = 2·x          x: (..., n)

## An example

    {name}([1, 3]) = [2, 6]

## Where PyTorch has it

In `x * 2`.

## To think about

What would change if it came after the softmax?

## Hints

### {name}

1. Which operation makes every entry twice as large?
2. It works entry by entry, so no shape changes.
"""

SOLUTION = '''"""{number} · {title}: the right way, then the ways people go wrong.

Conventions: `...` stands for any number of leading dimensions, none included.
"""

from torch import Tensor

from grader.bank import misconception


def {name}(x: Tensor) -> Tensor:
    """Twice the input.

    x: (..., n). Returns (..., n), of the dtype and device of x.
    """
    return 2 * x


# -- the ways people go wrong --------------------------------------------------


@misconception({name})
def squares(x: Tensor) -> Tensor:
    """Your function multiplies its input by itself.

    What is twice 3, and what is 3 times 3?

    Only for 0 and 2 the two are the same.
    """
    return x * x


@misconception({name})
def doubles_only_the_first_entry(x: Tensor) -> Tensor:
    """Only the first entry of each row is doubled.

    What happens to the second entry of a row?

    The formula makes no difference between entries.
    """
    result = x.clone()
    result[..., 0] *= 2
    return result
'''

SUITE = '''"""What `{name}` must do."""

import pytest

from grader.suite import SDPA, same_values, step

FORBIDDEN = SDPA


@step(points=2, public=True)
@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4)])
def test_doubles_every_entry(student, reference, draw, shape):
    """Every entry comes back twice as large

    Which number belongs in the place of the first wrong one?
    """
    x = draw.normal(*shape)
    assert same_values(student.{name}(x), reference.{name}(x))
'''

RESTYLED = '''"""The wrong programs of {number}, as somebody else would write them."""

import torch


def squares(x):
    return torch.pow(x, 2)


def doubles_only_the_first_entry(x):
    return torch.cat([2 * x[..., :1], x[..., 1:]], -1)
'''

RIGHT = {
    "plain": "def {name}(x):\n    return x * 2\n",
    "sum": "def {name}(x):\n    return x + x\n",
    "torch": "import torch\n\n\ndef {name}(x):\n    return torch.mul(x, 2)\n",
}


@dataclass(frozen=True)
class Written:
    """A file that was written, or why it was not."""

    path: Path
    says: str
    kept: bool = False  # left as it was


def write_stubs(exercises: tuple[Exercise, ...], force: bool = False) -> Iterator[Written]:
    """Derive each exercise's stub; a file that somebody has begun to fill in is left alone."""
    for exercise in exercises:
        derived = exercise.fresh_stub
        present = source_of(exercise.stub) if exercise.stub.exists() else None
        if present == derived:
            yield Written(exercise.stub, "is up to date", kept=True)
        elif present is not None and not force and _begun(present, exercise):
            yield Written(exercise.stub, "holds somebody's work; --force overwrites it", kept=True)
        else:
            exercise.stub.write_text(derived, encoding="utf-8")
            yield Written(exercise.stub, "written")


def _begun(source: str, exercise: Exercise) -> bool:
    return bool(set(exercise.functions) - untouched(source, exercise.functions))


def drifted(exercise: Exercise) -> tuple[str, ...]:
    """How the stub on disk departs from its solution; a filled-in body does not count."""
    return drift(source_of(exercise.stub), exercise.source)


def new_exercise(course: Course, name: str) -> tuple[Path, ...]:
    """Lay down the files of a new last exercise, and its line in course.toml.

    Raises `UsageFault` for a name that cannot be one, or that is taken.
    """
    if not NAME.match(name) or len(name) > LONGEST_NAME or keyword.iskeyword(name):
        raise UsageFault(f"{name!r} is no name for an exercise: use lower_case_words, no number")
    if name in {exercise.name for exercise in course.exercises}:
        raise UsageFault(f"there is an exercise {name} already")
    number = f"{max((int(e.number) for e in course.exercises), default=0) + 1:02d}"
    words = {"number": number, "name": name, "title": name.replace("_", " ").capitalize()}
    files = {
        course.root / "exercises" / f"{number}_{name}.md": LESSON,
        course.root / "solutions" / f"{number}_{name}.py": SOLUTION,
        course.root / "tests" / "hidden" / f"test_{number}_{name}.py": SUITE,
        course.root / SUBMISSIONS / "restyled" / f"{number}_{name}.py": RESTYLED,
    }
    files |= {
        course.root / SUBMISSIONS / "right" / f"{number}_{style}.py": text
        for style, text in RIGHT.items()
    }
    for path in (*files, course.root / "exercises" / f"{number}_{name}.py"):
        if path.exists():
            raise UsageFault(f"{path} exists already; nothing was written")
    config = course.root / SETTINGS
    settings = _with_exercise(config, f"{number}_{name}")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**words), encoding="utf-8")
    config.write_text(settings, encoding="utf-8")
    exercise = Course.open(course.root).exercise(name)
    exercise.stub.write_text(exercise.fresh_stub, encoding="utf-8")
    return (*files, exercise.stub, config)


def _with_exercise(config: Path, exercise: str) -> str:
    """course.toml with one more line at the end of `exercises`."""
    text = source_of(config)
    array = re.search(r"^exercises\s*=\s*\[.*?(?=^\])", text, re.MULTILINE | re.DOTALL)
    if array is None:
        raise CourseFault(f"{config}: `exercises` should be a list with a line for each")
    # The last entry may lack its comma; a comment may stand behind it.
    head = re.sub(r'("[^"\n]*")([ \t]*(?:#[^\n]*)?\s*)\Z', r"\1,\2", array.group()).rstrip()
    return f'{text[: array.start()]}{head}\n    "{exercise}",\n{text[array.end() :]}'
