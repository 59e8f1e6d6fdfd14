"""Which PyTorch a machine gets: the one that is there, a CPU build, or one with CUDA."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GLIBC = (2, 28)  # what the wheels are built against

Offers = Callable[[str | None], Sequence[str]]  # an extra index -> the versions pip finds


class Stop(Exception):
    """It cannot go on: what is the matter, and what to do, as the user is told."""


class Wish(StrEnum):
    """Which PyTorch is wanted."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    SKIP = "skip"


@dataclass(frozen=True)
class Machine:
    """What matters of the machine."""

    system: str  # as platform.system() says it
    arch: str
    python: str  # "3.11"
    libc: tuple[str, str]  # ("glibc", "2.36")
    gpu: bool


@dataclass(frozen=True)
class Torch:
    """A PyTorch that can be imported."""

    version: str
    device: str | None  # the version of CUDA it was built for; None for a CPU build

    def suits(self, wish: Wish, least: str) -> bool:
        """Whether it can be used as it is."""
        if numbers(self.version) < numbers(least):
            return False
        if wish is Wish.CPU:
            return self.device is None
        return wish is not Wish.CUDA or self.device is not None


@dataclass(frozen=True)
class Build:
    """A PyTorch to install: what pip is asked for, from where, and how large it is."""

    requirement: str
    index: str | None
    says: str
    download_mb: int
    disk_mb: int  # with room for what comes with it


def numbers(version: str) -> tuple[int, ...]:
    """The release of a version as numbers: "2.13.0+cpu" is (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def obstacles(machine: Machine) -> list[str]:
    """Why no build there is would run here, with what to do instead."""
    own = "  Build or install it your own way first: where Python can import it, it is used."
    if machine.system == "Darwin" and machine.arch == "x86_64":
        return [f"PyTorch is no longer built for Macs with Intel processors.\n{own}"]
    kind, version = machine.libc
    if machine.system == "Linux" and (kind != "glibc" or numbers(version) < GLIBC):
        seen = f"{kind} {version}".strip() or "another C library"
        return [f"PyTorch is built for glibc 2.28 or newer; here is {seen}.\n{own}"]
    return []


def choose(wish: Wish, machine: Machine, pin: str, index: str | None, offers: Offers) -> Build:
    """The build to install; raises `Stop` where there is none."""
    if index:
        return _from(index, pin, offers(index))
    if machine.system == "Darwin":
        if wish is Wish.CUDA:
            raise Stop("There is no CUDA on macOS.\n  make demo TORCH=cpu")
        return Build(f"torch=={pin}", None, f"PyTorch {pin}: about 90 MB to download", 90, 900)
    if wish is Wish.CUDA or (wish is Wish.AUTO and machine.gpu):
        return _with_cuda(wish, machine, pin, offers(None))
    return _without_cuda(machine, pin, offers)


def _from(index: str, pin: str, found: Sequence[str]) -> Build:
    fitting = [version for version in found if version.split("+")[0] == pin]
    if not fitting:
        there = f"pip finds {', '.join(found[:4])}" if found else "pip finds none at all"
        raise Stop(f"There is no PyTorch {pin} for this Python at {index}; {there}.")
    says = f"PyTorch {fitting[0]} from {index}: 200 MB to several GB, as it is built"
    return Build(f"torch=={fitting[0]}", index, says, 200, 1500)


def _with_cuda(wish: Wish, machine: Machine, pin: str, found: Sequence[str]) -> Build:
    if pin in found:
        says = f"PyTorch {pin} with CUDA: about 3 GB to download, 5 GB on disk"
        if wish is Wish.AUTO:
            says += "\n(this machine has a GPU; make demo TORCH=cpu takes the small build)"
        return Build(f"torch==={pin}", None, says, 3000, 9000)  # === passes over +cpu
    if wish is Wish.AUTO and f"{pin}+cpu" in found:
        return _cpu(pin, None)
    name_it = "\n  An index that has it can be named: make demo TORCH_INDEX=https://..."
    raise Stop(_nothing(machine, pin, found) + name_it)


def _without_cuda(machine: Machine, pin: str, offers: Offers) -> Build:
    found = offers(None)
    if f"{pin}+cpu" in found:  # pip's own settings lead to one: no other place is asked
        return _cpu(pin, None)
    if f"{pin}+cpu" in offers(CPU_INDEX):
        return _cpu(pin, CPU_INDEX)
    if pin not in found:
        raise Stop(_nothing(machine, pin, found))
    says = (
        f"pip finds no CPU build of PyTorch, and {CPU_INDEX} cannot be reached.\n"
        f"So PyTorch {pin} as it is: with CUDA about 3 GB to download, 5 GB on disk"
    )
    return Build(f"torch=={pin}", None, says, 3000, 9000)


def _cpu(pin: str, index: str | None) -> Build:
    says = f"PyTorch {pin}, CPU build: about 200 MB to download, 700 MB on disk"
    return Build(f"torch=={pin}+cpu", index, says, 200, 1500)


def _nothing(machine: Machine, pin: str, found: Sequence[str]) -> str:
    if not found:
        return "pip finds no PyTorch at all: is there a network?"
    return (
        f"pip finds no PyTorch {pin} for Python {machine.python}, but {', '.join(found[:4])}.\n"
        "  Another Python can be named: make demo PYTHON=python3.13"
    )
