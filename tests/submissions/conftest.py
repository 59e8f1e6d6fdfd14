"""The programs of a file of tests are graded when the first of an exercise is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.course import Course

from .exam import Attempts, Keeper
from .programs import marks_of

# A check that fails is to say what it saw, though no file of tests holds it.
pytest.register_assert_rewrite(f"{__package__}.checks")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of attempts for each program of its file, or each that leaves nothing behind."""
    if "attempts" in metafunc.fixturenames:
        name = "tidy" if "tidy" in metafunc.fixturenames else "program"
        params = [
            pytest.param(one, id=one.file, marks=marks_of(one))
            for one in metafunc.module.PROGRAMS
            if name == "program" or not one.rest.get("orphans")
        ]
        metafunc.parametrize(name, params)


@pytest.fixture(scope="session")
def course() -> Course:
    return Course.open(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.nursery.close()


@pytest.fixture(scope="module")
def attempts(request: pytest.FixtureRequest, course: Course, keeper: Keeper) -> Attempts:
    """The attempts of those of the file's programs that this run of pytest has chosen."""
    mine = (item for item in request.session.items if item.path == request.path)
    calls = (getattr(item, "callspec", None) for item in mine)
    params = [call.params for call in calls if call]
    chosen = {some[name] for some in params for name in ("program", "tidy") if name in some}
    return Attempts(course, [one for one in request.module.PROGRAMS if one in chosen], keeper)
