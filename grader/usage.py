"""What a process has used of the machine, asked of the kernel: nothing that it says itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

PPID, CPU = 1, slice(11, 15)  # after name and state: the parent; its own ticks, its children's


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU of a process and the children it has waited for; 0 where none is told."""
    fields = _stat(pid)
    return _seconds(fields[CPU]) if fields else _asked_of_ps(pid)[0]


def cpu_seconds_of_tree(pid: int) -> float:
    """Seconds of CPU of a process and of all that came out of it, orphans included.

    What has lost its parent was adopted by the process's own parent, so all that came out of
    that counts: it holds one worker at a time, and what else it has done is in both of two
    looks. Where there is no /proc, only the process itself is told of.
    """
    fields = _stat(pid)
    if not fields:
        return _asked_of_ps(pid)[0]
    parent = int(fields[PPID])
    everybody = {other: found for other in _pids() if (found := _stat(other))}
    children: dict[int, list[int]] = {}
    for other, found in everybody.items():
        children.setdefault(int(found[PPID]), []).append(other)
    below, todo = [], [parent]
    while todo:
        below += (born := children.get(todo.pop(), []))
        todo += born
    reaped = everybody[parent][CPU][2:] if parent in everybody else []
    return _seconds(reaped) + sum(_seconds(everybody[other][CPU]) for other in below)


def memory(pid: int) -> int:
    """Bytes of memory that a process holds for itself; 0 where none is told."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            resident, shared = statm.read().split()[1:3]
    except OSError:
        return _asked_of_ps(pid)[1]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits to be reaped."""
    return _stat(pid)[:1] == [b"Z"]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> list[bytes]:
    """What the kernel says of a process after its name, its state first; or nothing."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _seconds(ticks: list[bytes]) -> float:
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _asked_of_ps(pid: int) -> tuple[float, int]:
    """Seconds of CPU and bytes of memory of a process, where there is no /proc (macOS)."""
    if os.path.exists("/proc/self/stat"):
        return 0.0, 0  # it is the process that is gone
    command = ["ps", "-o", "cputime=,rss=", "-p", str(pid)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    if len(told) != 2:
        return 0.0, 0
    *_, minutes, seconds = told[0].replace("-", ":").split(":")
    return 60 * int(minutes) + float(seconds), int(told[1]) << 10
