"""Hidden suites under pytest: the fixtures of a step, and a session kept open for grading.

By default, plain `pytest` runs a suite with the reference in the student's place. For
grading, `with_suite` collects it once and hands it over while the session is open.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from grader.bank import Bank, Namespace
from grader.course import Course, Exercise
from grader.errors import CourseFault, UsageFault
from grader.model import Step
from grader.operations import Operation
from grader.programs import in_process
from grader.student import Player
from grader.suite import Draw

Result = TypeVar("Result")

# What grading has no use for; each would cost its import and its hooks on every step.
WITHOUT = (
    "terminal", "cacheprovider", "faulthandler", "logging", "doctest", "junitxml", "pastebin",
    "stepwise", "setuponly", "setupplan", "nose", "debugging", "warnings", "unraisableexception",
    "threadexception", "capture",
)  # fmt: skip


@dataclass(frozen=True)
class Cast:
    """Who plays the parts of a suite, on which device, with which numbers."""

    student: Player
    reference: Player
    seed: int
    device: str


CAST = pytest.StashKey[Callable[[str], Cast]]()  # the cast for a suite's file name
RIGHT = pytest.StashKey[dict[str, "Right"]]()  # the references that were executed, by suite


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    """The players of this case; by default the reference plays both parts."""
    stash, suite = request.config.stash, str(request.path)
    choose = stash.get(CAST, None)
    if choose:
        return choose(suite)
    known = stash.setdefault(RIGHT, {})
    if suite not in known:
        known[suite] = Right.of(suite)
    return known[suite].cast()


@pytest.fixture
def student(cast: Cast) -> Player:
    """The functions under test."""
    return cast.student


@pytest.fixture
def reference(cast: Cast) -> Player:
    """The right functions."""
    return cast.reference


@pytest.fixture
def device(cast: Cast) -> str:
    """Where the graded tensors live."""
    return cast.device


@pytest.fixture
def draw(cast: Cast, request: pytest.FixtureRequest) -> Draw:
    """Numbers that depend on the course's seed, the step and its case."""
    name = f"{request.path.stem}/{request.node.name}"
    request.node.add_report_section("setup", "seed", f"seed {cast.seed}")
    return Draw.seeded(cast.seed, name, cast.device)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of graded steps."""
    config.addinivalue_line("markers", "step(points, needs, public): a graded step")


@dataclass(frozen=True)
class Right:
    """The reference that a suite is run with where nobody is graded."""

    namespace: Namespace
    contracts: dict[str, Callable[..., Any]]
    seed: int

    @classmethod
    def of(cls, suite: str) -> Right:
        """The one of a suite's course."""
        course = Course.find(Path(suite).parent)
        exercise = course.exercise(Path(suite).stem.removeprefix("test_"))
        right = Bank(course).reference(exercise)
        contracts = {name: right[name] for name in exercise.functions}
        return cls(right, contracts, course.settings.policy.seed)

    def cast(self) -> Cast:
        """The reference in both parts, each with objects of its own."""
        student, reference = (
            Player(role, self.contracts, in_process(self.namespace))
            for role in ("student", "reference")
        )
        return Cast(student, reference, self.seed, "cpu")


# -- grading -------------------------------------------------------------------


@dataclass(frozen=True)
class CaseOutcome:
    """What became of one case of a step: nothing raised, or this."""

    name: str
    raised: BaseException | None
    seconds: float


@dataclass
class Collected:
    """A hidden suite inside an open pytest session."""

    steps: tuple[Step, ...]
    forbidden: frozenset[Operation]
    scales: Mapping[str, str]  # of a function: the size by whose root scores are divided
    _items: dict[str, list[pytest.Function]]
    _config: pytest.Config
    _raised: dict[str, BaseException] = field(default_factory=dict)

    def cases(self, step: Step) -> list[str]:
        """The names of a step's cases, one where it is not parametrised."""
        return [item.name for item in self._items[step.id]]

    def run(self, step: Step, case: str, cast: Cast) -> CaseOutcome:
        """Run one case with this cast."""
        item = next(item for item in self._items[step.id] if item.name == case)
        self._config.stash[CAST] = lambda suite: cast
        self._raised.clear()
        started = time.perf_counter()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return CaseOutcome(case, self._raised.get(item.nodeid), time.perf_counter() - started)


class _Session:
    """The plugin object of one grading session."""

    def __init__(self, exercise: Exercise, use: Callable[[Collected], Any]) -> None:
        self._exercise = exercise
        self._use = use
        self._here = Path.cwd()  # pytest itself is run in the suite's folder
        self.collected: Collected | None = None
        self.error: BaseException | None = None
        self.result: Any = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be imported is the course's fault."""
        if report.failed:
            says = f"{self._exercise.suite} cannot be collected:\n{report.longrepr}"
            self.error = CourseFault(says)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hand over what was collected instead of running it."""
        if self.error is None:
            try:
                self.collected = _collected(session, self._exercise)
                with contextlib.chdir(self._here):
                    self.result = self._use(self.collected)
            except BaseException as error:  # not pytest's to swallow or to print
                self.error = error
        return True

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """An interrupt while collecting is the user's, not a suite without steps."""
        self.error = excinfo.value

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """Keep what a case raised; before and after it, only the course can have raised.

        The report is made here: pytest's own would render a traceback nobody reads, which
        takes longer than the step.
        """
        if call.excinfo is not None and self.collected is not None:
            raised = call.excinfo.value
            if call.when != "call":
                raised = CourseFault(f"the step's {call.when} failed: {raised}")
            self.collected._raised.setdefault(item.nodeid, raised)
        assert call.when != "collect"
        outcome: Literal["passed", "failed"] = "failed" if call.excinfo else "passed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)


def with_suite(exercise: Exercise, use: Callable[[Collected], Result]) -> Result:
    """Collect an exercise's hidden suite and return what `use` makes of it.

    Raises `UsageFault` where Python leaves assertions out, `CourseFault` for a suite that
    cannot be collected, and whatever `use` raises.
    """
    if sys.flags.optimize:  # every step would pass
        raise UsageFault(
            "Python was told to leave assertions out (-O or PYTHONOPTIMIZE), and the steps are "
            "made of them; start it without"
        )
    suite = exercise.suite
    if not exercise.steps:
        raise CourseFault(f"{suite}: there are no steps in it")
    plugin = _Session(exercise, use)
    options = [  # named from its own folder: pytest reads "[", "::" and "$" in a path as its own
        suite.name, "-c", os.devnull, "--rootdir=.", "--confcutdir=.",
        "--import-mode=importlib", "--assert=plain", "--disable-plugin-autoload", "--noconftest",
        *(f"-pno:{name}" for name in WITHOUT), "-p", "grader.plugin",
    ]  # fmt: skip
    with _no_foreign_options(), _forgetting(suite), contextlib.chdir(suite.parent):
        pytest.main(options, plugins=[plugin])
    if plugin.error is not None:
        raise plugin.error
    if plugin.collected is None:
        raise CourseFault(f"{suite}: pytest found no steps in it")
    result: Result = plugin.result
    return result


@contextlib.contextmanager
def _forgetting(suite: Path) -> Iterator[None]:
    """Leave no suite behind in `sys.modules`, where pytest would take the next of its name from."""
    before, own = set(sys.modules), os.path.realpath(suite)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if os.path.realpath(getattr(sys.modules[name], "__file__", None) or "") == own:
                del sys.modules[name]


@contextlib.contextmanager
def _no_foreign_options() -> Iterator[None]:
    """Grade alike whatever the user has set for their own pytest runs."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _collected(session: pytest.Session, exercise: Exercise) -> Collected:
    items: dict[str, list[pytest.Function]] = {}
    for item in session.items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("step"):
            items.setdefault(item.originalname, []).append(item)
    steps = exercise.steps
    if not items or set(items) != {step.id for step in steps}:
        raise CourseFault(
            f"{exercise.suite}: pytest collects {sorted(items)}, "
            f"the file declares {sorted(step.id for step in steps)}"
        )
    module: Any = next(iter(items.values()))[0].module
    forbidden = frozenset(getattr(module, "FORBIDDEN", ()))
    return Collected(steps, forbidden, getattr(module, "SCALES", {}), items, session.config)
