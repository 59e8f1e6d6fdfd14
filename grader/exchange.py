"""One request, one answer, one deadline: the trusted end of a worker's line."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any

from grader import usage
from grader.errors import GraderFault
from grader.given import Given
from grader.sandbox import Nursery, Worker
from grader.worker import wire
from grader.worker.limits import WorkerLimits

TICK = 0.05  # seconds between looks at what a busy worker uses
WALL_FACTOR = 10  # wall time allowed per second of CPU: waiting is not working
CHUNK = 1 << 16
CHUNKS = 256  # read from a pipe before other things are looked at again
START_SECONDS = 120.0  # for a worker to be ready: importing torch, finding a device
# An answer may be this much larger than its question, or this many bytes: what is kept of
# a submission's answers must not fill the grader's memory.
ANSWER_FACTOR = 16
LEAST_ANSWER = 8 << 20


@dataclass(frozen=True)
class Allowance:
    """What one step, and one submission, may use."""

    cpu_seconds: float
    submission_seconds: float
    memory_mib: int
    output_kib: int
    cuda: bool = False


class WorkerDied(Exception):
    """The worker ended before it answered, or was ended for good reason."""

    def __init__(self, how: str, detail: str, by_the_wall: bool = False) -> None:
        super().__init__(detail)
        self.how = how  # "crashed", "timed_out" or "out_of_memory"
        self.detail = detail
        self.by_the_wall = by_the_wall  # it was waiting, not computing


class Line:
    """A conversation with one worker, with its prints drained on the way."""

    def __init__(self, nursery: Nursery, allowance: Allowance) -> None:
        self._nursery = nursery
        self._allowance = allowance
        limits = WorkerLimits(
            memory_mib=allowance.memory_mib,
            cpu_seconds=int(allowance.submission_seconds) + 5,
            cuda=allowance.cuda,
        )
        self._worker: Worker = nursery.start(limits)
        self._status: int | None = None  # the worker's wait status, once it has ended
        self._number = 0
        self._printed = bytearray()
        self._pipes = list(self._worker.prints)
        self._poll = select.poll()
        for fd in (*self._pipes, self._worker.channel.fileno()):
            self._poll.register(fd, select.POLLIN)
        self._cpu_limit, self._cpu_start = START_SECONDS, 0.0
        self._looked = time.monotonic()
        self._deadline = self._looked + START_SECONDS
        self._await_ready()
        self._cpu_ready = self.cpu_used()
        self._cpu_end: float | None = None
        self.begin_step(allowance.cpu_seconds)

    def _await_ready(self) -> None:
        """Wait until the worker has imported torch and found its device: that is not its step's."""
        try:
            number, hello = wire.read(self._fill)
        except (WorkerDied, wire.WireError) as error:
            raise GraderFault(f"a worker could not be started: {error}") from error
        if (number, hello) != (0, {"ready": True}):
            raise GraderFault("a worker could not be started")

    def begin_step(self, cpu_seconds: float) -> None:
        """Start counting prints and time anew."""
        self._drain()
        self._printed.clear()
        self._cpu_start = self.cpu_used()
        self._cpu_limit = cpu_seconds
        self._looked = time.monotonic()
        self._deadline = self._looked + WALL_FACTOR * cpu_seconds

    def ask(self, message: dict[str, Any], given: Given | None = None) -> dict[str, Any]:
        """The worker's answer to one message.

        given: what the worker may ask for while it is at it; nothing, where it is None.

        Raises `WorkerDied` when there is none in time, and `wire.WireError` when what
        came back is not an answer; both end the worker. Raises `wire.Unsendable` when
        the message itself cannot be sent.
        """
        self._number += 1
        buffers = wire.frame(self._number, message)
        try:
            if self._poll.poll(0):  # mere prints, or what must not be there
                self._refuse_unasked()
            for buffer in buffers:
                self._send(memoryview(buffer))
            most = max(LEAST_ANSWER, ANSWER_FACTOR * sum(len(buffer) for buffer in buffers))
            answer = self._receive(most)
            while given is not None and "ask" in answer:
                self._reply(given, answer["ask"])
                answer = self._receive(most)
        except wire.WireError:
            self.close()
            raise
        return answer

    def _receive(self, most: int) -> dict[str, Any]:
        self._wait(select.POLLIN)
        number, answer = wire.read(self._fill, most=most, cuda=self._allowance.cuda)
        if self._poll.poll(0):
            self._drain()
        if number != self._number or type(answer) is not dict:
            raise wire.WireError("an answer nobody asked for")
        return answer

    def _reply(self, given: Given, question: Any) -> None:
        """Answer a question of the worker's; the time that takes is not the submission's."""
        started = time.monotonic()
        try:
            buffers = wire.frame(self._number, given.answer(question))
        except wire.Unsendable as unsendable:  # what comes of odd arguments may be odder still
            buffers = wire.frame(self._number, {"refused": str(unsendable)})
        self._deadline += time.monotonic() - started
        for buffer in buffers:
            self._send(memoryview(buffer))

    def printed(self) -> str:
        """What the submission printed since the step began, bounded, undecodable bytes marked."""
        return self._printed.decode("utf-8", "replace")

    def close(self) -> int:
        """End the worker, once; returns its wait status."""
        if self._status is None:
            self._drain()
            self._cpu_end = self.cpu_used()  # told of the dead too, until they are reaped
            self._status = self._nursery.end(self._worker)
        return self._status

    def cpu_used(self) -> float:
        """Seconds of CPU the worker and its waited-for children have used; 0 if untold."""
        return usage.cpu_seconds(self._worker.pid)

    def cpu_of_all(self) -> float:
        """Seconds of CPU used by all that came out of this worker, and by it; in ticks of 10 ms."""
        return usage.cpu_seconds_of_tree(self._worker.pid)

    def cpu_in_all(self) -> float:
        """Seconds of CPU used since the worker was ready, also of one that has ended."""
        used = self.cpu_used() if self._cpu_end is None else self._cpu_end
        return max(used - self._cpu_ready, 0.0)

    def _refuse_unasked(self) -> None:
        try:
            if self._worker.channel.recv(1, socket.MSG_PEEK):
                raise wire.WireError("an answer nobody asked for")
        except BlockingIOError:
            return
        except OSError:
            pass
        raise self._died()

    def _send(self, view: memoryview) -> None:
        while len(view):
            try:
                view = view[self._worker.channel.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError:
                raise self._died() from None

    def _fill(self, view: memoryview) -> None:
        while len(view):
            try:
                count = self._worker.channel.recv_into(view)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError:
                count = 0
            if not count:
                raise self._died()
            view = view[count:]

    def _wait(self, event: int) -> None:
        """Wait until the channel is ready, draining prints; ends a worker that uses too much."""
        channel = self._worker.channel.fileno()
        self._poll.modify(channel, event)
        while True:
            ready = dict(self._poll.poll(TICK * 1000))
            if not ready.keys().isdisjoint(self._pipes):
                self._drain()
            self._check_usage()
            if channel in ready:
                return
            if not ready and usage.is_zombie(self._worker.pid):
                raise self._died()  # though a child of its keeps the line open
            for pipe in set(self._pipes) & ready.keys():
                if not ready[pipe] & select.POLLIN:  # closed by the submission
                    self._poll.unregister(pipe)
                    self._pipes.remove(pipe)

    def _check_usage(self) -> None:
        now = time.monotonic()
        if now - self._looked < TICK:
            return
        self._looked = now
        if now > self._deadline:
            raise self._ended("timed_out", "it was still waiting when the time was up", True)
        if self.cpu_used() - self._cpu_start > self._cpu_limit:
            raise self._ended("timed_out", f"it computed for more than {self._cpu_limit:g} s")
        if usage.memory(self._worker.pid) > (self._allowance.memory_mib + 256) << 20:
            detail = f"it used more than {self._allowance.memory_mib} MiB"
            raise self._ended("out_of_memory", detail)

    def _drain(self) -> None:
        for pipe in self._worker.prints:
            for _ in range(CHUNKS):  # many writers may fill a pipe faster than one can read
                try:
                    chunk = os.read(pipe, CHUNK)
                except (BlockingIOError, OSError):
                    break
                room = (self._allowance.output_kib << 10) - len(self._printed)
                self._printed += chunk[: max(room, 0)]
                if not chunk:
                    break

    def _ended(self, how: str, detail: str, by_the_wall: bool = False) -> WorkerDied:
        self.close()
        return WorkerDied(how, detail, by_the_wall)

    def _died(self) -> WorkerDied:
        """Why the worker is gone, from its wait status."""
        status = self.close()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU:
                return WorkerDied("timed_out", "it used all the CPU time of the submission")
            if number == signal.SIGKILL:  # ours, just now: it was alive, with its line shut
                return WorkerDied("crashed", "the process stopped answering")
            name = signal.strsignal(number) or f"signal {number}"
            return WorkerDied("crashed", f"the process was ended by: {name.lower()}")
        code = os.waitstatus_to_exitcode(status)
        return WorkerDied("crashed", f"the process ended itself with exit code {code}")
