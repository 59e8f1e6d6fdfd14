"""Where a submission sits its exam: in workers, or, for the course's own programs, in process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

from grader.bank import rebound
from grader.calls import Answer, Answerer, Call, Died, Garbled, Raised, Value
from grader.exchange import Allowance, Line, WorkerDied
from grader.given import Given
from grader.programs import in_process
from grader.sandbox import Nursery
from grader.student import over, read_answer
from grader.submissions import Submission
from grader.worker import wire


class Seat(Protocol):
    """Somebody who answers the calls of one submission's steps."""

    def begin_step(self, afresh: bool) -> Answer | None:
        """Make ready for a step; an answer where the submission could not even be loaded.

        afresh: with nothing remembered of earlier steps.
        """

    def answerer(self) -> Answerer:
        """Who answers the calls of this step."""

    def cpu_seconds(self) -> float:
        """Seconds of CPU that whoever answers has used by now, as the kernel has it."""

    def printed(self) -> str:
        """What the submission printed during the step."""

    def close(self) -> None:
        """Leave."""

    def in_company(self, given: Given) -> Seat:
        """A fresh seat for the same submission, in which these functions are answered for it."""


@dataclass(frozen=True)
class Rules:
    """What the worker needs to know of an exercise: no step, no answer, only what is refused."""

    kernels: tuple[str, ...]
    operations: tuple[str, ...]
    imports: tuple[str, ...]
    device: str


class WorkerSeat:
    """A submission in a worker of its own; a fresh one after a death."""

    def __init__(
        self, submission: Submission, rules: Rules, nursery: Nursery, allowance: Allowance,
        given: Given | None = None,
    ) -> None:  # fmt: skip
        self._given = given
        self._submission = submission
        self._rules = rules
        self._nursery = nursery
        self._allowance = allowance
        self._line: Line | None = None
        self._unloadable: Answer | None = None
        self._spent = 0.0  # CPU seconds of workers that have ended
        self._last_prints = ""  # of a load that failed, or of a step that lost its worker

    def in_company(self, given: Given) -> WorkerSeat:
        """A fresh seat, with the time that is left; this one is left."""
        self.close()
        seat = WorkerSeat(self._submission, self._rules, self._nursery, self._allowance, given)
        seat._spent = self._spent
        return seat

    def begin_step(self, afresh: bool) -> Answer | None:
        """Load the submission if need be; an answer where that failed, or no time is left."""
        if self._given:
            self._given.begin_step()
        if afresh:
            self.close()
        if self._unloadable is None:
            self._last_prints = ""  # those of an earlier step are not this one's to show
            if self._line is None and self._seconds() > 0:
                self._unloadable = self._load()
                if isinstance(self._unloadable, Died) and self._unloadable.by_the_wall:
                    self._unloadable = self._load()  # that may have been the machine's fault
        if self._unloadable is not None:
            return self._unloadable
        if self._line is None or self._seconds() <= 0:
            self.close()
            return Died("timed_out", "the time for the whole submission was used up before")
        self._line.begin_step(self._seconds())
        return None

    def _seconds(self) -> float:
        """What a step, or a load, may use now."""
        here = self._line.cpu_in_all() if self._line else 0.0
        left = self._allowance.submission_seconds - self._spent - here
        return min(self._allowance.cpu_seconds, left)

    def answerer(self) -> Answerer:
        """The worker's answers; a death ends the worker, and the next step gets a fresh one."""
        assert self._line is not None
        ask = over(self._line, self._given)

        def answer(call: Call) -> Answer:
            if self._line is None:
                return Died("crashed", "the worker of this step has ended")
            found = ask(call)
            if isinstance(found, (Died, Garbled)):
                self._lost()
            elif isinstance(found, Raised) and "CUDA error" in found.text:
                self._lost()  # after an assertion on the device, nothing there answers any more
            return found

        return answer

    def cpu_seconds(self) -> float:
        """Those of the worker and all that came out of it; 0 where it has ended."""
        return self._line.cpu_of_all() if self._line else 0.0

    def printed(self) -> str:
        """What was printed since the step began."""
        return self._line.printed() if self._line else self._last_prints

    def close(self) -> None:
        """End the worker there is."""
        if self._line is not None:
            self._line.close()
            self._spent += self._line.cpu_in_all()
            self._line = None

    def _load(self) -> Answer | None:
        line = Line(self._nursery, self._allowance)
        line.begin_step(self._seconds())
        try:
            answer = read_answer(
                line.ask(
                    {
                        "op": "load",
                        "source": self._submission.source,
                        "name": "submission",
                        "path": self._submission.path,
                        "kernels": list(self._rules.kernels),
                        "operations": list(self._rules.operations),
                        "imports": list(self._rules.imports),
                        "device": self._rules.device,
                        "given": self._given.members if self._given else {},
                    }
                )
            )
        except WorkerDied as died:
            answer = Died(died.how, died.detail, died.by_the_wall)
        except wire.WireError as error:
            answer = Garbled(str(error))
        if isinstance(answer, Value):
            self._line = line
            return None
        self._last_prints = line.printed()
        line.close()
        self._spent += line.cpu_in_all()
        return answer

    def _lost(self) -> None:
        if self._line is not None:
            self._last_prints = self._line.printed()
            self.close()


class ProgramSeat:
    """One of the course's own programs, answered in this process."""

    def __init__(self, namespace: dict[str, Any], given: Given | None = None) -> None:
        self._namespace = namespace
        self._given = given

    def in_company(self, given: Given) -> ProgramSeat:
        """The program with its names for these functions bound to the given ones."""
        names = {name: given.answering(name) for name in given.names}
        return ProgramSeat(rebound(self._namespace, names), given)

    def begin_step(self, afresh: bool) -> Answer | None:
        """Nothing to make ready."""
        if self._given:
            self._given.begin_step()
        return None

    def answerer(self) -> Answerer:
        """The program's answers."""
        return in_process(self._namespace)

    def cpu_seconds(self) -> float:
        """Those of this process."""
        return time.process_time()

    def printed(self) -> str:
        """Nothing: prints go where this process prints."""
        return ""

    def close(self) -> None:
        """Nothing to end."""
