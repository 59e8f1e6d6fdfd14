"""One processor for the grader and the worker it talks to, who take turns anyway.

Waking a process on an idle processor costs more than most calls: on a virtual machine a
round trip took 60 µs between two processors and 20 µs on one, and all that ran after a
wake-up was two to three times slower, its caches being cold.
"""

from __future__ import annotations

import functools
import os
import sys


def share_processor(pid: int) -> None:
    """Keep this thread and another process on the processor this thread runs on.

    Does nothing where that cannot be had (macOS; a process that is gone or not ours).
    """
    if sys.platform != "linux":
        return
    try:
        processor = {_current()}
        if processor <= _allowed():
            os.sched_setaffinity(pid, processor)
            os.sched_setaffinity(0, processor)
    except (OSError, ValueError, IndexError):
        return


def leave_processor() -> None:
    """Let this thread run wherever it might run before."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, _allowed())


@functools.cache
def _allowed() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


def _current() -> int:
    """The processor this thread runs on, as Linux says it (proc(5), field 39 of stat)."""
    with open("/proc/thread-self/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[36])
