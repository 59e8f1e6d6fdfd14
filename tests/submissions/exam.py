"""Programs sit their exam: workers, wire and verdicts as in earnest, and a clock beside them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader import submissions
from grader.config import Limits
from grader.course import Course
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Feedback, Report
from grader.sandbox import Nursery, open_nursery

from .programs import EXPECTED, PROGRAMS, UP_TO_SOMETHING, Program

PATIENCE = 90  # seconds after which the grader, not the program, is what hangs


@dataclass(frozen=True)
class Attempt:
    """What became of one program, and of the grader with it."""

    report: Report | None
    error: BaseException | None  # of the grader: there must be none
    left: int  # more processes afterwards than before
    afterwards: Report | None = None  # of the right program that was graded next


class Hung(BaseException):
    """The grader did not come back."""


class Keeper:
    """Holds the process that starts workers, and gets another where that one is lost."""

    def __init__(self) -> None:
        self.nursery: Nursery = open_nursery("apart")

    def renew(self) -> None:
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        self.nursery = open_nursery("apart")


def processes() -> frozenset[int]:
    """The nurseries that this process has started, and all that came out of them.

    A forked process keeps the command line, which ends with the number of this process.
    """
    mine, found = str(os.getpid()).encode(), set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended just now
            continue
        if b"nursery" in words and mine in words:
            found.add(int(entry.name))
    return frozenset(found)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise `Hung` in whatever runs after so many seconds, and every second from then on."""

    def hung(number: int, frame: object) -> None:
        raise Hung(f"the grader hangs, or took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def graded(examiner: Examiner, path: Path, keeper: Keeper) -> Report:
    return examiner.report(submissions.read(path, path.name), keeper.nursery)


def attempted(examiner: Examiner, program: Program, keeper: Keeper) -> Attempt:
    report = error = afterwards = None
    before = max(len(processes()), 1)  # the nursery, even if it is only just starting
    try:
        with patience(PATIENCE):
            report = graded(within_limits(examiner, program), program.path, keeper)
            left = len(processes()) - before
            if program.folder in UP_TO_SOMETHING:
                afterwards = graded(examiner, a_right_one(program.exercise), keeper)
    except (Exception, Hung) as caught:
        error, left = caught, len(processes()) - before
        keeper.renew()
    return Attempt(report, error, left, afterwards)


def within_limits(examiner: Examiner, program: Program) -> Examiner:
    """The same examiner, in a course with the limits that the program is to run under."""
    if "limits" not in program.rest:
        return examiner
    settings = examiner.course.settings
    limits = replace(settings.limits, **EXPECTED["limits"][program.rest["limits"]])
    assert isinstance(limits, Limits)
    return replace(
        examiner, course=replace(examiner.course, settings=replace(settings, limits=limits))
    )


def a_right_one(exercise: str) -> Path:
    return next(one.path for one in PROGRAMS if (one.folder, one.exercise) == ("right", exercise))


class Attempts:
    """Grades the programs of an exercise when the first of them is asked for."""

    def __init__(self, course: Course, chosen: list[Program], keeper: Keeper) -> None:
        self._course = course
        self._chosen = chosen
        self._keeper = keeper
        self._found: dict[Program, Attempt] = {}

    def of(self, program: Program) -> Attempt:
        if program not in self._found:
            self._grade(program.exercise)
        return self._found[program]

    def report(self, program: Program) -> Report:
        attempt = self.of(program)
        if attempt.report is None:
            raise AssertionError(f"no Report: {attempt.error!r}") from attempt.error
        return attempt.report

    def _grade(self, exercise: str) -> None:
        programs = [one for one in self._chosen if one.exercise == exercise]

        def grade_all(examiner: Examiner) -> None:
            for one in programs:
                self._found[one] = attempted(examiner, one, self._keeper)

        terms = Terms(seed=2017, feedback=Feedback.PRACTICE, device="cpu")
        with_examiner(self._course, self._course.exercise(exercise), terms, grade_all)
