"""What `attn-grade doctor` finds: versions, devices, isolation, and what to do about each.

The findings are made of plain facts, by functions that touch nothing; how the facts are
got stands in the second half. torch is not imported here: a process of its own is asked.
"""

from __future__ import annotations

import codecs
import ctypes
import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

TORCH_SECONDS = 30.0  # from a cold disk it takes ten
DRIVER = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/usr/lib/wsl/lib/libcuda.so.1")
# What can forbid user namespaces: the setting, its forbidding value, and the other one.
FORBIDS = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "10000"),
)
ASK_TORCH = """
import json, torch
name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
print(json.dumps({"cuda": torch.version.cuda, "device": name}))
"""


class State(StrEnum):
    """How a thing stands: as it should, could be better, or in the way of grading."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it stands, in words, and what to do where it is not well."""

    subject: str
    state: State
    detail: str
    repair: str = ""


@dataclass(frozen=True)
class TorchAnswer:
    """What torch says of itself; `failed` is the reason where it cannot be used."""

    cuda: str | None = None  # the version of CUDA it was built for
    device: str = ""  # the name of the first CUDA device
    failed: str = ""


@dataclass(frozen=True)
class Walls:
    """What Linux offers here to stand between a submission and the machine."""

    user_namespaces: bool
    settings: Mapping[str, str]  # of FORBIDS, those there are
    landlock: int  # its version; 0 for none
    seccomp: bool
    bubblewrap: str  # where it is; empty where it is not
    cgroup: str  # the control group of this process, where it may divide it


def examine(course: Path | str, encoding: str, *, ask_torch: bool = True) -> list[Finding]:
    """Everything that is looked at, in the order in which one would mend it.

    course: the course's folder, or why there is none to be used. encoding: the terminal's.
    ask_torch: False saves the second or two that importing torch takes.
    """
    asked = _torch_process() if ask_torch and _installed("torch") else None  # meanwhile the rest
    walls = look_at_walls() if sys.platform == "linux" else None
    packages_found = packages(needed(), _installed, sys.executable)
    answer = _torch_answer(asked) if asked else None
    return [
        python(sys.version_info[:3], sys.executable),
        *packages_found,
        device(any(map(os.path.exists, DRIVER)), answer),
        *isolation(walls),
        *course_and_progress(course, _writable),
        terminal(encoding),
    ]


# -- findings of facts --------------------------------------------------------------


def python(version: Sequence[int], executable: str) -> Finding:
    """The interpreter."""
    said = f"{'.'.join(map(str, version))} ({executable})"
    if tuple(version) >= (3, 11):
        return Finding("Python", State.OK, said)
    return Finding("Python", State.MISSING, said, "make demo PYTHON=python3.11, or newer")


def packages(
    wanted: Iterable[str], installed: Callable[[str], str | None], executable: str
) -> list[Finding]:
    """What the grader needs of others, each against its lower bound ("torch>=2.6")."""
    found = []
    for requirement in wanted:
        name, _, least = requirement.partition(">=")
        version = installed(name)
        repair = f"{shlex.quote(executable)} -m pip install {shlex.quote(requirement)}"
        if version is None:
            found.append(Finding(name, State.MISSING, "not installed", repair))
        elif _numbers(version) < _numbers(least):
            said = f"{version}, but {least} or newer is needed"
            found.append(Finding(name, State.MISSING, said, repair))
        else:
            found.append(Finding(name, State.OK, version))
    return found


def device(driver: bool, answer: TorchAnswer | None) -> Finding:
    """Where tensors can live; `answer` is None where torch was not asked."""
    if answer and answer.failed:
        said = f"torch fails: {answer.failed}"
        return Finding("device", State.MISSING, said, "make distclean demo")
    if answer and answer.device:
        return Finding("device", State.OK, f"{answer.device} (CUDA {answer.cuda}), and the CPU")
    if not driver:
        return Finding("device", State.OK, "the CPU; there is no NVIDIA driver here")
    if answer is None:
        return Finding("device", State.OK, "the CPU, and an NVIDIA driver; torch was not asked")
    if answer.cuda is None:
        said = "the CPU; there is an NVIDIA driver, but this torch is built for the CPU alone"
        return Finding("device", State.WARN, said, "make demo TORCH=cuda")
    said = f"the CPU; there is an NVIDIA driver, but torch sees no CUDA {answer.cuda} device"
    return Finding("device", State.WARN, said, "see what nvidia-smi says")


def isolation(walls: Walls | None) -> list[Finding]:
    """What can stand between a submission and this machine; None where it is not Linux."""
    found = [Finding("process", State.OK, "every submission runs in one of its own")]
    if walls is None:
        said = "there is none on this system"
        return [*found, Finding("sandbox", State.WARN, said, "grade other people's code on Linux")]
    abi = f"version {walls.landlock}" if walls.landlock else ""
    return [
        *found,
        _wall(
            "user namespaces", "can be made" if walls.user_namespaces else "",
            _allow_namespaces(walls.settings),
        ),
        _wall("Landlock", abi, "Linux 5.13 or newer, started with lsm=landlock,..."),
        _wall("seccomp", "can filter" if walls.seccomp else "", "a kernel with SECCOMP_FILTER"),
        _wall("bubblewrap", walls.bubblewrap, "sudo apt-get install bubblewrap"),
        _wall("control group", walls.cgroup, "systemd-run --user --scope -p Delegate=yes ..."),
    ]  # fmt: skip


def _wall(subject: str, there: str, repair: str) -> Finding:
    """One of them; a learner's own code is graded without, so none is missing."""
    if there:
        return Finding(subject, State.OK, there)
    said = "not to be had; it matters for other people's code only"
    return Finding(subject, State.WARN, said, repair)


def _allow_namespaces(settings: Mapping[str, str]) -> str:
    for name, forbids, allows in FORBIDS:
        if settings.get(name) == forbids:
            return f"sudo sysctl {name}={allows}"
    return "in a container: start it with --security-opt seccomp=unconfined"


def course_and_progress(course: Path | str, writable: Callable[[Path], bool]) -> list[Finding]:
    """The course, or why there is none, and the folder that keeps what a learner has done."""
    if isinstance(course, str):
        repair = "mend that, or name another: attn-grade --course FOLDER ..."
        return [Finding("course", State.MISSING, course, repair)]
    kept = course / ".attn-grade"
    found = [Finding("course", State.OK, str(course))]
    if writable(kept):
        return [*found, Finding("progress", State.OK, f"kept in {kept}")]
    repair = f"chmod -R u+rwX {shlex.quote(str(course))}"
    return [*found, Finding("progress", State.WARN, f"{kept} cannot be written", repair)]


def terminal(encoding: str) -> Finding:
    """Whether √ and −∞ can be shown."""
    with suppress(LookupError):
        if codecs.lookup(encoding).name == "utf-8":
            return Finding("terminal", State.OK, "UTF-8")
    said = f"{encoding or 'an unknown encoding'} has no square root and no infinity"
    return Finding("terminal", State.WARN, said, "export PYTHONUTF8=1 LC_ALL=C.UTF-8")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3]]


# -- facts ----------------------------------------------------------------------------


def needed() -> list[str]:
    """What the core depends on, as the project declares it."""
    declared = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if declared.is_file():  # a checkout
        wanted: list[str] = tomllib.loads(declared.read_text("utf-8"))["project"]["dependencies"]
        return wanted
    with suppress(metadata.PackageNotFoundError):
        return [one for one in metadata.requires("attn-grade") or () if "extra ==" not in one]
    return []


def _installed(name: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


def _torch_process() -> subprocess.Popen[str]:
    # -P: a file torch.py where one stands is not torch
    return subprocess.Popen(
        [sys.executable, "-P", "-c", ASK_TORCH], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _torch_answer(process: subprocess.Popen[str]) -> TorchAnswer:
    try:
        said, complaint = process.communicate(timeout=TORCH_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return TorchAnswer(failed=f"it took longer than {TORCH_SECONDS:.0f} s")
    if process.returncode:
        lines = complaint.strip().splitlines() or [f"exit status {process.returncode}"]
        return TorchAnswer(failed=lines[-1])
    return TorchAnswer(**json.loads(said.splitlines()[-1]))


def look_at_walls() -> Walls:
    """What this Linux offers; nothing is changed, the trial runs in a child."""
    libc = ctypes.CDLL(None, use_errno=True)
    landlock = libc.syscall(444, None, ctypes.c_size_t(0), 1)  # landlock_create_ruleset, VERSION
    filters = libc.prctl(22, 2, None) == 0 or ctypes.get_errno() == errno.EFAULT  # PR_SET_SECCOMP
    settings = {}
    for name, *_ in FORBIDS:
        with suppress(OSError):
            settings[name] = Path("/proc/sys", *name.split(".")).read_text().strip()
    bubblewrap = shutil.which("bwrap") or ""
    namespaces = _works(lambda: _leave(libc))
    return Walls(namespaces, settings, max(landlock, 0), filters, bubblewrap, _own_group())


def _works(attempt: Callable[[], bool]) -> bool:
    """Whether it succeeds in a child process, which is gone afterwards."""
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            status = 0 if attempt() else 1
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _leave(libc: ctypes.CDLL) -> bool:
    """Enter a user and a mount namespace of one's own, and change something there."""
    user, own = os.getuid(), 0x10000000 | 0x00020000  # CLONE_NEWUSER, CLONE_NEWNS
    if libc.unshare(own):
        return False
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    private = 0x4000 | 0x40000  # MS_REC, MS_PRIVATE; refused where only the shell was given
    return bool(libc.mount(None, b"/", None, ctypes.c_ulong(private), None) == 0)


def _own_group() -> str:
    """The version 2 control group of this process, if it may divide it."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            group = Path("/sys/fs/cgroup", line.removeprefix("0::").lstrip("/"))
            if line.startswith("0::") and os.access(group / "cgroup.subtree_control", os.W_OK):
                return str(group)
    return ""


def _writable(path: Path) -> bool:
    """Whether a folder can be written, or made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK)
