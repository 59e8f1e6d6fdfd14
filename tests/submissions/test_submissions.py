"""Programs of every kind, through the real thing: workers, wire, verdicts, views.

expected.toml says what each must get. An exercise is made ready once for all its programs,
and all share the one process that starts workers; after each program that is up to
something, a right one must still be graded in full.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from grader import submissions
from grader.config import Limits
from grader.course import Course
from grader.grade import Examiner, Terms, with_examiner
from grader.model import Feedback, Report, StepResult, Verdict
from grader.reports.as_json import as_json
from grader.reports.junit import as_junit
from grader.reports.text import render
from grader.sandbox import Nursery, open_nursery

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDERS = ("right", "wrong", "demo", "slow", "hostile", "bad")
UP_TO_SOMETHING = ("slow", "hostile")
TEXTS = {"covers", "says", "never", "names", "output", "notes"}
KEYS = TEXTS | {"line", "exit", "limits", "linux", "orphans", "slow"}
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
PATIENCE = 90  # seconds after which the grader, not the program, is what hangs
MOST_SHOWN = 4  # characters shown for one that cannot be: \x1b


@dataclass(frozen=True)
class Program:
    """A program and what it must get."""

    file: str
    exercise: str
    verdicts: dict[str, str | list[str]]
    rest: dict[str, Any] = field(compare=False, hash=False, repr=False, default_factory=dict)

    @property
    def path(self) -> Path:
        return HERE / self.file

    @property
    def folder(self) -> str:
        return self.file.partition("/")[0]

    def texts(self, key: str) -> list[str]:
        """One text or several, as expected.toml allows."""
        value = self.rest.get(key, [])
        return [value] if isinstance(value, str) else value

    def __hash__(self) -> int:
        return hash(self.file)


def of_table(table: dict[str, Any]) -> Program:
    rest = dict(table)
    return Program(rest.pop("file"), rest.pop("exercise"), rest.pop("verdicts"), rest)


PROGRAMS = [of_table(table) for table in EXPECTED["program"]]


def marks_of(program: Program) -> list[pytest.MarkDecorator]:
    marks = []
    if program.rest.get("slow"):
        marks.append(pytest.mark.slow)
    if program.rest.get("linux"):
        # Elsewhere nothing limits memory, and a worker's parent is this very process.
        elsewhere = sys.platform != "linux"
        marks.append(pytest.mark.skipif(elsewhere, reason="only Linux holds this one back"))
    return marks


def each(programs: list[Program]) -> pytest.MarkDecorator:
    """A test of each program."""
    params = [pytest.param(one, id=one.file, marks=marks_of(one)) for one in programs]
    return pytest.mark.parametrize("program", params)


# -- grading them ------------------------------------------------------------------


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


@pytest.fixture(scope="session")
def course() -> Course:
    return Course.open(ROOT)


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.nursery.close()


@pytest.fixture(scope="session")
def attempts(request: pytest.FixtureRequest, course: Course, keeper: Keeper) -> Attempts:
    """The attempts of all programs that this run of pytest has chosen."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    chosen = {call.params["program"] for call in calls if call and "program" in call.params}
    return Attempts(course, [one for one in PROGRAMS if one in chosen], keeper)


# -- what must hold ----------------------------------------------------------------


def allowed(program: Program, result: StepResult, report: Report) -> list[str]:
    """The verdicts that a step may have."""
    step = result.step
    named = step.id if step.id in program.verdicts else step.function
    wanted = program.verdicts[named]
    verdicts = [wanted] if isinstance(wanted, str) else wanted
    passed = {one.step.id for one in report.steps if one.verdict is Verdict.PASSED}
    return verdicts if passed.issuperset(step.needs) else [*verdicts, "skipped"]


@each(PROGRAMS)
def test_every_step_gets_a_verdict_that_it_may_have(program: Program, attempts: Attempts) -> None:
    report = attempts.report(program)
    wrong = {
        result.step.id: f"{result.verdict}, not {' or '.join(allowed(program, result, report))}"
        for result in report.steps
        if result.verdict not in allowed(program, result, report)
    }
    assert not wrong


@each(PROGRAMS)
def test_the_score_is_what_passed_of_a_fixed_maximum(
    program: Program, attempts: Attempts, course: Course
) -> None:
    report = attempts.report(program)
    steps = course.exercise(program.exercise).steps
    assert [result.step for result in report.steps] == list(steps)
    assert report.max_score == sum(step.points for step in steps)
    assert [result.points for result in report.steps] == [
        result.step.points if result.verdict is Verdict.PASSED else 0 for result in report.steps
    ]
    assert report.score == sum(result.points for result in report.steps)
    assert not report.faulty


@each(PROGRAMS)
def test_it_says_what_it_must(program: Program, attempts: Attempts) -> None:
    report = attempts.report(program)
    said = "\n".join(f"{result.message}\n{result.case}" for result in report.steps)
    printed = "\n".join(result.output for result in report.steps)
    for text, place in [(said, "says"), (printed, "output"), ("\n".join(report.notes), "notes")]:
        assert [one for one in program.texts(place) if one not in text] == []
    first = next((r for r in report.steps if r.verdict is not Verdict.PASSED), None)
    if "line" in program.rest:
        assert first is not None and first.line == program.rest["line"]
    for result in report.steps:
        assert result.verdict is Verdict.PASSED or result.message


@each(PROGRAMS)
def test_the_mistakes_that_are_known_are_named_and_no_others(
    program: Program, attempts: Attempts
) -> None:
    report = attempts.report(program)
    named = {one.id for r in report.steps for together in r.diagnoses for one in together}
    assert named == set(program.texts("names"))


@each(PROGRAMS)
def test_every_view_shows_it_on_one_screen_and_without_harm(
    program: Program, attempts: Attempts, course: Course
) -> None:
    report = attempts.report(program)
    short, full = io.StringIO(), io.StringIO()
    render(report, Console(file=short, width=80), next_step="attn-grade list")
    render(report, Console(file=full, width=80), verbose=True)
    views = [short.getvalue(), full.getvalue(), as_json(report), as_junit(report)]
    for view in views:
        assert [one for one in program.texts("never") if one in view] == []
        assert not [c for c in view if not c.isprintable() and c != "\n"]
        view.encode("utf-8")  # no half of a surrogate pair
    told = " ".join(full.getvalue().split())
    assert [one for one in program.texts("says") if " ".join(one.split()) not in told] == []
    ET.fromstring(as_junit(report))
    assert len(short.getvalue().splitlines()) <= 24
    limit = course.settings.limits.output_kib << 10
    assert all(len(result.output) <= MOST_SHOWN * limit for result in report.steps)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to count processes in")
@each([one for one in PROGRAMS if not one.rest.get("orphans")])
def test_no_process_is_left_behind(program: Program, attempts: Attempts) -> None:
    assert attempts.of(program).left <= 0


@each([one for one in PROGRAMS if one.folder in UP_TO_SOMETHING])
def test_a_right_program_is_graded_in_full_right_afterwards(
    program: Program, attempts: Attempts
) -> None:
    afterwards = attempts.of(program).afterwards
    assert afterwards is not None, repr(attempts.of(program).error)
    assert afterwards.passed


# -- the command -------------------------------------------------------------------


def check(*words: str) -> subprocess.CompletedProcess[str]:
    """`attn-grade check`, as a learner types it."""
    return subprocess.run(
        [sys.executable, "-m", "grader", "check", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow  # a whole command each; tests/grader/test_check.py has the commonest
@each([one for one in PROGRAMS if "exit" in one.rest])
def test_the_exit_code_says_how_it_went(program: Program) -> None:
    done = check(program.exercise, str(program.path))
    assert done.returncode == program.rest["exit"]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_too_large_to_be_a_submission_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "03_causal_mask.py"
    large.write_text("# padding\n" * 14_000, encoding="utf-8")
    done = check("03", str(large))
    assert done.returncode == 2
    assert "larger than 128 KiB" in done.stderr


# -- this folder -------------------------------------------------------------------


def test_every_program_stands_in_expected_toml() -> None:
    there = {str(path.relative_to(HERE)) for one in FOLDERS for path in (HERE / one).iterdir()}
    assert {path for path in there if "__pycache__" not in path} == {one.file for one in PROGRAMS}


def test_everything_that_must_be_covered_has_a_program() -> None:
    covered = {one for program in PROGRAMS for one in program.texts("covers")}
    assert covered == set(EXPECTED["must_cover"])


def test_every_exercise_has_right_programs_and_wrong_ones(course: Course) -> None:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for program in PROGRAMS:
        found[program.folder, program.exercise] += 1
    for exercise in course.settings.exercises:
        assert found["right", exercise] >= 3
        assert found["wrong", exercise] >= 2


def test_expected_toml_names_only_what_there_is(course: Course) -> None:
    for program in PROGRAMS:
        exercise = course.exercise(program.exercise)
        steps = [step.id for step in exercise.steps]
        assert set(program.rest) <= KEYS, program.file
        assert program.rest.get("limits", "small") in EXPECTED["limits"], program.file
        assert set(exercise.functions) <= set(program.verdicts), program.file
        assert set(program.verdicts) <= {*exercise.functions, *steps}, program.file


@pytest.mark.parametrize(
    "file, marks",
    [
        ("right/03_bom.py", b"\xef\xbb\xbf"),
        ("right/03_crlf.py", b"\r\n"),
        ("right/02_tabs.py", b"\n\t"),
        ("right/03_old_mac.py", b"\r"),
        ("bad/utf16.py", b"\xff\xfe"),
        ("bad/null_bytes.py", b"\0"),
    ],
)
def test_version_control_has_left_the_bytes_alone(file: str, marks: bytes) -> None:
    assert marks in (HERE / file).read_bytes()


def test_a_clock_is_running() -> None:
    """That a grader which hangs is noticed at all."""
    with pytest.raises(Hung), patience(0.05):
        time.sleep(5)
