"""One processor for the grader and the worker it talks to, who take turns anyway.

Waking a process on an idle processor costs more than most calls: on a virtual machine a
round trip took 60 µs between two processors and 20 µs on one, and all that ran after a
wake-up was two to three times slower, its caches being cold.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading


class _Kept(threading.local):
    """Where a thread that shares might run before, and where it was put."""

    before: set[int] | None = None
    processor: set[int] | None = None


_kept = _Kept()


def share_processor(pid: int) -> None:
    """Keep this thread and another process on the processor this thread runs on.

    Does nothing where that cannot be had (macOS; a process that is gone or not ours).
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        before, processor = os.sched_getaffinity(0), {_current()}
        if processor <= before:
            _kept.before = _kept.before or before  # of two workers, the first one's
            _kept.processor = processor
            os.sched_setaffinity(pid, processor)
            os.sched_setaffinity(0, processor)


def leave_processor() -> None:
    """Let this thread run wherever it might run before, unless others have moved it since."""
    if sys.platform != "linux":
        return
    before, _kept.before = _kept.before, None
    with contextlib.suppress(OSError):  # the worker's folder goes all the same
        if before and os.sched_getaffinity(0) == _kept.processor:
            os.sched_setaffinity(0, before)


def _current() -> int:
    """The processor this thread runs on, as Linux says it (proc(5), field 39 of stat)."""
    with open("/proc/thread-self/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[36])
