"""A clean process that has imported torch, computes nothing, and forks workers.

It holds nothing of a course, keeps to one thread and touches no device, so every worker
starts in milliseconds, clean, and with working parallel operations. It is also the
keeper of its workers: it adopts whatever they leave behind and kills all of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from grader.worker import limits as worker_limits
from grader.worker import serve

FIRST_FREE_FD = 3
MOST_FDS = 1 << 20  # where the system names no bound, or one beyond counting


def run(control: socket.socket) -> None:
    """Obey `control` until it ends: start a worker, end a worker."""
    worker_limits.adopt_orphans()
    worker = 0
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if not message:
            end(worker)
            return
        order = json.loads(message)
        if order["op"] == "start":
            worker = start(control, fds, order["limits"])
            reply = {"pid": worker}
        else:
            reply = {"status": end(worker)}
            worker = 0
        control.sendall(json.dumps(reply).encode())


def start(control: socket.socket, fds: list[int], limits: dict[str, Any]) -> int:
    """Fork a worker that serves on the first descriptor and prints to the other two."""
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        for fd in fds:
            os.close(fd)
        return pid
    code = 1
    try:
        control.close()
        os.setsid()
        worker_limits.die_with_parent(nursery)
        become_worker(fds[0], fds[1], fds[2], limits)
        code = 0
    finally:
        os._exit(code)


def become_worker(channel: int, out: int, err: int, limits: dict[str, Any]) -> None:
    """Serve on a descriptor; every other inherited one is closed."""
    serve.take_streams(out, err)
    own = os.dup2(channel, FIRST_FREE_FD) if channel != FIRST_FREE_FD else channel
    close_from(FIRST_FREE_FD + 1)
    os.set_inheritable(own, False)
    serve.serve(socket.socket(fileno=own), worker_limits.WorkerLimits(**limits))


def close_from(first: int) -> None:
    """Close every inherited descriptor from a number on."""
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(first, most if 0 < most < MOST_FDS else MOST_FDS)


def end(worker: int) -> int:
    """Kill a worker and everything it left behind; return its wait status."""
    status = 0
    if not worker:
        return status
    own = {worker}
    while True:
        for pid in own.union(_children()):
            kill(pid)
        try:
            done, how = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        if done == worker:
            status = how
            own.clear()  # its number may soon be somebody else's


def _children() -> list[int]:
    """This process's children, adopted orphans included; none where /proc does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
            return [int(pid) for pid in children.read().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    """Send SIGKILL to a process and to the group it leads."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def settle_in(control: socket.socket, parent: int) -> None:
    """Leave the parent's terminal, streams and descriptors, and obey `control`."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    worker_limits.die_with_parent(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    serve.take_streams(os.open(os.devnull, os.O_WRONLY), os.open(os.devnull, os.O_WRONLY))
    own = os.dup2(control.fileno(), FIRST_FREE_FD)
    close_from(FIRST_FREE_FD + 1)
    run(socket.socket(fileno=own))


def main() -> None:
    """Start as a fresh interpreter: nursery FD PARENT, or worker FD OUT ERR PARENT LIMITS."""
    what, fd, *rest = sys.argv[1:]
    if what == "nursery":
        settle_in(socket.socket(fileno=int(fd)), int(rest[0]))
    else:
        out, err, parent, limits = rest
        worker_limits.die_with_parent(int(parent))
        become_worker(int(fd), int(out), int(err), json.loads(limits))
