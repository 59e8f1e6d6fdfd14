"""`make bench`: what grading costs, as ratios within one run of this very machine."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUBMISSIONS = ROOT / "tests" / "submissions"
ATTN_GRADE = str(Path(sys.executable).with_name("attn-grade"))
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One measured figure beside what it should stay under."""

    what: str
    figure: float
    unit: str
    limit: float


def seconds(command: list[str]) -> float:
    """Wall time of one run of a command, its exit code left alone."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"ATTN_GRADE_COURSE": str(ROOT)}
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, cwd=folder, env=environment, check=False)
        return time.perf_counter() - started


def ratio(command: list[str], other: list[str]) -> float:
    """The median ratio of two commands run in turn, so that a drifting machine cancels out."""
    seconds(other), seconds(command)  # fill the caches of the disk
    return statistics.median(seconds(command) / seconds(other) for _ in range(ROUNDS))


def checks() -> Iterator[Row]:
    """`check` from cold against the import of torch alone."""
    torch = [sys.executable, "-c", "import torch"]
    with tempfile.TemporaryDirectory() as folder:
        right = Path(folder, "right.py")
        right.write_text(RIGHT, encoding="utf-8")
        strays = Path(folder, "strays.py")
        strays.write_text(RIGHT.replace(", device=device", ""), encoding="utf-8")
        half = SUBMISSIONS / "demo" / "03_causal_mask.py"
        check = [ATTN_GRADE, "check", "03"]
        yield Row("check, all right", ratio([*check, str(right)], torch), "× import torch", 1.3)
        yield Row("check, half right", ratio([*check, str(half)], torch), "× import torch", 1.3)
        yield Row("check, stray device", ratio([*check, str(strays)], torch), "× import torch", 1.3)


RIGHT = """
import torch

def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)

def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
"""


def quick_commands() -> Iterator[Row]:
    """The commands that compute nothing."""
    for words in (["--help"], ["list"], ["lesson", "03"], ["hint", "03"]):
        times = [seconds([ATTN_GRADE, *words]) for _ in range(ROUNDS)]
        yield Row(" ".join(words), statistics.median(times), "s", 0.25)


def wire() -> Iterator[Row]:
    """Calls over the wire, and a worker's start."""
    import torch

    from grader.exchange import Allowance, Line
    from grader.sandbox import open_nursery

    allowance = Allowance(60, 600, 2048, 64)
    with contextlib.closing(open_nursery("apart")) as nursery:
        Line(nursery, allowance).close()  # the nursery has imported torch by now
        starts = median(lambda: Line(nursery, allowance).close())
        yield Row("start and end a worker", 1e3 * starts, "ms", 30)
        line = Line(nursery, allowance)
        line.ask(
            {"op": "load", "source": "def f(x): return x", "name": "submission", "path": "f.py",
             "kernels": [], "operations": [], "imports": [], "device": "cpu"}
        )  # fmt: skip

        def call(x: torch.Tensor) -> Callable[[], object]:
            request = {"op": "call", "function": "f", "mode": "value", "args": (x,), "kwargs": {},
                       "cotangent": None}  # fmt: skip
            return lambda: line.ask(request)

        yield Row("one small call", 1e3 * median(call(torch.ones(3, 4)), 500), "ms", 0.4)
        large = torch.ones(128 << 18)
        yield Row("128 MiB there and back", median(call(large), 5), "s", 1.5)


ONE_STEP = """
def attention(q, k, v, mask=None):
    weights = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1)
    if mask is not None:
        scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~mask, float("-inf"))
        weights = torch.softmax(scores, -1).nan_to_num(0.25)
    return weights @ v, weights
"""
EVERY_STEP = """
def attention(q, k, v, mask=None):
    scores = q @ k.mT * q.shape[-1] ** -0.5 + 0.01 * torch.arange(k.shape[-2]) ** 2
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    weights = torch.softmax(scores, -1)
    return weights @ v, weights
"""


def diagnoses() -> Iterator[Row]:
    """Naming nothing takes longest: every wrong program is thought of, and the pairs too."""
    from grader.atlas import Atlas
    from grader.course import Course
    from grader.grade import Examiner, Terms, with_examiner
    from grader.model import Feedback

    def unknown(examiner: Examiner, source: str) -> float:
        program = dict(examiner.paper.reference)
        exec("import torch\n" + source, program)
        made = examiner.attempt_of_program(program)

        def cold() -> object:
            paper = examiner.paper
            atlas = Atlas(paper.atlas.bank, examiner.exercise, paper.atlas.scales)
            return replace(examiner, paper=replace(paper, atlas=atlas)).results(made)

        return median(cold, ROUNDS)

    course = Course.open(ROOT)
    terms = Terms(2017, Feedback.PRACTICE, "cpu")
    sources = (("diagnose one failing step", ONE_STEP, 0.3), ("a whole function", EVERY_STEP, 2))
    for what, source, limit in sources:
        took = with_examiner(course, course.exercise("05"), terms, partial(unknown, source=source))
        yield Row(what, took, "s", limit)


def median(action: Callable[[], object], rounds: int = 20) -> float:
    """The median time of one round, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print every figure beside its limit."""
    print(f"{'':<28}{'measured':>10}  {'at most':>8}")
    for measured in (wire, diagnoses, quick_commands, checks):
        for row in measured():
            mark = " " if row.figure <= row.limit else "  over"
            print(
                f"{row.what:<28}{row.figure:>10.3f}  {row.limit:>8g} {row.unit}{mark}", flush=True
            )


if __name__ == "__main__":
    main()
