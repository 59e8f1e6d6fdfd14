"""Where workers come from: a nursery that forks them, or a fresh process for each.

Three ways, one interface. `here` forks the nursery from this very process, which must
have imported torch, computed nothing and read nothing of a course but its course.toml;
`apart` starts the nursery as a fresh interpreter, for processes that cannot promise
that; `spawn` starts every worker as a fresh interpreter, where fork is not to be had.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from grader.affinity import leave_processor, share_processor
from grader.errors import GraderFault, UsageFault
from grader.worker import nursery
from grader.worker.limits import WorkerLimits

ROOT = Path(__file__).resolve().parent.parent
# What a fresh interpreter keeps of the environment: where libraries and devices are.
KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "PATH")
WAYS = ("here", "apart", "spawn")
PATIENCE = 60.0  # seconds in which a nursery must obey first: it may have torch to import
USUAL_PATIENCE = 5.0  # and later on
ISOLATION = "process (no sandbox: the course's files could be read and changed)"


@dataclass(frozen=True)
class Worker:
    """A running worker as the trusted side holds it."""

    pid: int
    channel: socket.socket
    prints: tuple[int, int]  # what it writes to stdout and stderr
    folder: Path


class Nursery(Protocol):
    """Whoever starts and ends workers, one at a time."""

    def start(self, limits: WorkerLimits) -> Worker:
        """A fresh worker with nothing of a submission in it."""

    def end(self, worker: Worker) -> int:
        """Kill a worker's whole tree, remove its folder, and return its wait status."""

    def close(self) -> None:
        """End the worker there is, and the nursery itself."""


def open_nursery(way: str) -> Nursery:
    """A nursery of the given way: `here`, `apart` or `spawn`; raises `UsageFault` for another."""
    if way not in WAYS:
        raise UsageFault(f"workers can be started {', '.join(WAYS)}; not {way!r}")
    if way == "spawn" or sys.platform == "darwin":  # fork is not safe to use on macOS
        return Spawner()
    return Forker.here() if way == "here" else Forker.apart()


@dataclass(frozen=True)
class _Lines:
    """The worker's ends and ours of one channel and two pipes."""

    channel: socket.socket
    theirs: socket.socket
    reads: tuple[int, int]
    writes: tuple[int, int]

    def close_theirs(self) -> None:
        self.theirs.close()
        for fd in self.writes:
            os.close(fd)


def _lines() -> _Lines:
    channel, theirs = socket.socketpair()
    channel.setblocking(False)
    for end in (channel, theirs):  # a large tensor in few turns
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    out, err = os.pipe(), os.pipe()
    for fd in (out[0], err[0]):
        os.set_blocking(fd, False)
    return _Lines(channel, theirs, (out[0], err[0]), (out[1], err[1]))


def _in_new_folder(limits: WorkerLimits) -> tuple[WorkerLimits, Path]:
    folder = Path(tempfile.mkdtemp(prefix="attn-grade-"))
    return WorkerLimits(**limits.as_dict() | {"folder": str(folder)}), folder


def _put_away(worker: Worker) -> None:
    leave_processor()
    worker.channel.close()
    for fd in worker.prints:
        os.close(fd)
    try:
        shutil.rmtree(worker.folder, ignore_errors=True)
    except RecursionError:  # folders in folders in folders: `rm` goes as deep as they do
        subprocess.run(
            ["rm", "-rf", "--", str(worker.folder)], check=False, stderr=subprocess.DEVNULL
        )


class Forker:
    """A nursery process, obeyed through one socket.

    A submission may kill or stop it, for it is its parent: then a fresh interpreter takes
    its place, and the submission's next step goes on there.
    """

    def __init__(self, control: socket.socket, pid: int) -> None:
        self._control = control
        self._pid = pid
        self._worker: Worker | None = None
        control.settimeout(PATIENCE)

    @classmethod
    def here(cls) -> Forker:
        """Fork the nursery from this process."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                nursery.settle_in(theirs, parent)
            finally:
                os._exit(0)
        theirs.close()
        return cls(ours, pid)

    @classmethod
    def apart(cls) -> Forker:
        """Start the nursery as a fresh interpreter; it takes torch's import to be ready."""
        ours, theirs = socket.socketpair()
        with theirs:
            args = ["nursery", str(theirs.fileno()), str(os.getpid())]
            process = _interpreter(args, [theirs.fileno()])
        return cls(ours, process.pid)

    def start(self, limits: WorkerLimits) -> Worker:
        """Fork a worker; takes milliseconds."""
        if self._worker:
            self.end(self._worker)
        try:
            return self._start(limits)
        except OSError:
            self._replace()
            try:
                return self._start(limits)
            except OSError as error:
                raise GraderFault(f"no worker can be started: {error}") from error

    def _start(self, limits: WorkerLimits) -> Worker:
        limits, folder = _in_new_folder(limits)
        lines = _lines()
        worker = Worker(0, lines.channel, lines.reads, folder)
        try:
            order = json.dumps({"op": "start", "limits": limits.as_dict()}).encode()
            socket.send_fds(self._control, [order], [lines.theirs.fileno(), *lines.writes])
            worker = replace(worker, pid=self._answer()["pid"])
        except BaseException:
            _put_away(worker)
            raise
        finally:
            lines.close_theirs()
        self._worker = worker
        share_processor(worker.pid)
        return worker

    def end(self, worker: Worker) -> int:
        """Kill a worker's whole tree, its orphans included."""
        self._worker = None
        try:
            self._control.sendall(json.dumps({"op": "end"}).encode())
            return int(self._answer()["status"])
        except OSError:
            nursery.kill(worker.pid)
            self._replace()
            return int(signal.SIGKILL)
        finally:
            _put_away(worker)

    def close(self) -> None:
        """End the worker there is, and the nursery."""
        if self._worker:
            self.end(self._worker)
        self._dismiss()

    def _replace(self) -> None:
        """Take a fresh interpreter for a nursery that does not obey any more."""
        leave_processor()  # which it would inherit, and keep for good
        self._dismiss(at_once=True)
        successor = Forker.apart()
        self._control, self._pid = successor._control, successor._pid

    def _dismiss(self, at_once: bool = False) -> None:
        self._control.close()
        deadline = time.monotonic() + (0 if at_once else USUAL_PATIENCE)
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() >= deadline:
                nursery.kill(self._pid)
                deadline += USUAL_PATIENCE
            time.sleep(0.002)

    def _answer(self) -> dict[str, Any]:
        reply = self._control.recv(1 << 12)
        if not reply:
            raise ConnectionResetError
        self._control.settimeout(USUAL_PATIENCE)
        answer: dict[str, Any] = json.loads(reply)
        return answer


class Spawner:
    """Starts every worker as a fresh interpreter: slower, and without need of fork."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, limits: WorkerLimits) -> Worker:
        """Start a worker; takes torch's import."""
        if self._worker:
            self.end(self._worker)
        limits, folder = _in_new_folder(limits)
        lines = _lines()
        fds = [lines.theirs.fileno(), *lines.writes]
        words = [*map(str, (*fds, os.getpid())), json.dumps(limits.as_dict())]
        self._process = _interpreter(["worker", *words], fds)
        lines.close_theirs()
        self._worker = Worker(self._process.pid, lines.channel, lines.reads, folder)
        share_processor(self._worker.pid)
        return self._worker

    def end(self, worker: Worker) -> int:
        """Kill a worker's process group."""
        assert self._process is not None
        nursery.kill(worker.pid)
        code = self._process.wait()
        _put_away(worker)
        self._worker = None
        return -code if code < 0 else code << 8

    def close(self) -> None:
        """End the worker there is."""
        if self._worker:
            self.end(self._worker)


def _interpreter(args: list[str], fds: list[int]) -> subprocess.Popen[bytes]:
    """A fresh interpreter in its own session, isolated from the user's settings."""
    code = (
        f"import gc, sys; gc.disable(); sys.path.append({str(ROOT)!r})\n"
        "from grader.worker.nursery import main\n"  # imports torch, which is never collected
        f"sys.path.remove({str(ROOT)!r}); gc.freeze(); gc.enable(); main()"
    )
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # the forking process keeps to one thread
    return subprocess.Popen(
        [sys.executable, "-I", "-c", code, *args],
        pass_fds=fds, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
