"""A hidden suite that pytest has collected once, and keeps open for grading."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from grader.course import Exercise
from grader.errors import CourseFault, UsageFault
from grader.model import Step
from grader.operations import Operation
from grader.plugin import CAST, Cast, drawn
from grader.suite import Comparison

Result = TypeVar("Result")

# What grading has no use for; each would cost its import and its hooks on every step.
WITHOUT = (
    "terminal", "cacheprovider", "faulthandler", "logging", "doctest", "junitxml", "pastebin",
    "stepwise", "setuponly", "setupplan", "nose", "debugging", "warnings", "unraisableexception",
    "threadexception", "capture",
)  # fmt: skip


@dataclass(frozen=True)
class CaseOutcome:
    """What became of one case of a step: nothing raised, or this."""

    name: str
    raised: BaseException | None
    seconds: float


OURS = frozenset({"student", "reference", "device", "draw"})  # the fixtures of a suite
PLAIN = frozenset({"step", "parametrize"})  # marks that ask nothing else of pytest


@dataclass(frozen=True)
class _Case:
    """One case of a step, as pytest has collected it."""

    item: pytest.Function

    @cached_property
    def _given(self) -> dict[str, Any]:
        """Its parameters' values, where the step is parametrised."""
        spec = getattr(self.item, "callspec", None)
        return dict(spec.params) if spec else {}

    @cached_property
    def _names(self) -> list[str]:
        wanted = inspect.signature(self.item.function).parameters.values()
        return [one.name for one in wanted if one.default is one.empty]

    @cached_property
    def is_plain(self) -> bool:
        """Whether all that pytest would make ready for it are the parts of a suite."""
        return (
            self.item.cls is None
            and set(self._names) <= OURS | self._given.keys()
            and set(self.item.fixturenames) <= OURS | {"cast", "request"} | self._given.keys()
            and {mark.name for mark in self.item.iter_markers()} <= PLAIN
            # A parameter may also be meant for a fixture of its name.
            and not any(name in OURS or hasattr(self.item.module, name) for name in self._given)
        )

    def called(self, cast: Cast) -> BaseException | None:
        """What it raises when it is called with this cast."""
        parts = {"student": cast.student, "reference": cast.reference, "device": cast.device}
        parts |= self._given
        if "draw" in self._names:
            parts["draw"] = drawn(cast, self.item)
        try:
            self.item.function(**{name: parts[name] for name in self._names})
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as raised:  # pytest, too, keeps whatever a test raises
            return raised
        return None


@dataclass
class Collected:
    """A hidden suite inside an open pytest session."""

    steps: tuple[Step, ...]
    forbidden: frozenset[Operation]
    scales: Mapping[str, str]  # of a function: the size by whose root scores are divided
    comparison: Comparison | None
    _cases: dict[str, dict[str, _Case]]  # by step, then by name
    _config: pytest.Config
    _raised: dict[str, BaseException] = field(default_factory=dict)

    def cases(self, step: Step) -> list[str]:
        """The names of a step's cases, one where it is not parametrised."""
        return list(self._cases[step.id])

    def run(self, step: Step, case: str, cast: Cast) -> CaseOutcome:
        """Run one case with this cast.

        A case that asks for no fixtures but a suite's own is called at once: pytest would
        take longer to make them ready than most cases take to run.
        """
        chosen = self._cases[step.id][case]
        started = time.perf_counter()
        raised = chosen.called(cast) if chosen.is_plain else self._by_pytest(chosen.item, cast)
        return CaseOutcome(case, raised, time.perf_counter() - started)

    def _by_pytest(self, item: pytest.Function, cast: Cast) -> BaseException | None:
        """What a case raises that has fixtures of its own."""
        self._config.stash[CAST] = lambda suite: cast
        self._raised.clear()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return self._raised.get(item.nodeid)


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
    scales = getattr(module, "SCALES", {})
    compared = (part for part in vars(module).values() if isinstance(part, Comparison))
    cases = {step: {item.name: _Case(item) for item in found} for step, found in items.items()}
    return Collected(steps, forbidden, scales, next(compared, None), cases, session.config)
