"""The limits a worker puts on itself before any of the student's code runs."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any

KEPT = ("CUDA_VISIBLE_DEVICES",)  # of the environment: which GPU is ours
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True)
class WorkerLimits:
    """What one worker may use."""

    memory_mib: int  # beyond what it holds when it starts
    cpu_seconds: int  # in all
    file_mib: int = 16
    folder: str = "/"  # the working folder: private and empty
    cuda: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the way into another process."""
        return dict(vars(self))


def confine(limits: WorkerLimits) -> None:
    """Set resource limits, a private working folder and an empty environment."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | {"LANG": "C.UTF-8", "HOME": limits.folder, "TMPDIR": limits.folder})
    os.umask(0o077)
    os.chdir(limits.folder)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits.file_mib << 20)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, beyond=1)  # or the kernel kills unsaid
    held = virtual_memory()
    if held is not None and not limits.cuda:  # CUDA reserves far more address space than it uses
        _limit(resource.RLIMIT_AS, held + (limits.memory_mib << 20))
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def _limit(kind: int, amount: int, beyond: int = 0) -> None:
    most = amount + beyond
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (min(amount, most), most))


def virtual_memory() -> int | None:
    """Bytes of address space this process holds; None where /proc does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux)."""
    prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(0)


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans (Linux)."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> None:
    """Set one of this process's kernel options, where there are such."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
