"""Makes .venv and installs attn-grade into it: `sh tools/bootstrap.sh [core|dev]`.

Needs nothing but Python >= 3.11 itself. What is missing is said, with its repair,
before anything is downloaded. The environment may say more:

    TORCH        auto (as it is without), cpu, cuda, or skip to install no PyTorch
    TORCH_INDEX  a package index to take PyTorch from
    PYTHON       what to make .venv with; one made with another version is made anew
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch_build import Build, Machine, Stop, Torch, Wish, choose, obstacles

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
INSIDE = VENV / "bin" / "python"
MADE = VENV / "made-by-bootstrap"  # where, and with which Python
PINS = VENV / "constraints.txt"
STANDARD = ("venv", "ensurepip", "ssl", "zlib", "ctypes")  # what some builds of Python leave out
VERSION = "{}.{}".format(*sys.version_info)


# -- what is asked for ----------------------------------------------------------


def wished() -> Wish:
    """What TORCH says."""
    said = os.environ.get("TORCH") or "auto"
    if said not in tuple(Wish):
        raise Stop(f"TORCH={said} is not known; there are {', '.join(Wish)}.")
    return Wish(said)


def requirements(pyproject: str, extras: Sequence[str]) -> list[str]:
    """What the project declares that it needs."""
    project = tomllib.loads(pyproject)["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return wanted


def lower_bound(wanted: Iterable[str], name: str) -> str:
    """The oldest version that will do: "2.6" for "torch>=2.6"."""
    return next(one.split(">=")[1] for one in wanted if one.startswith(f"{name}>="))


def pins(constraints: str) -> dict[str, str]:
    """The pinned versions by name."""
    lines = (line.split("#")[0].strip() for line in constraints.splitlines())
    return {name: version for name, _, version in (line.partition("==") for line in lines if line)}


def settled(constraints: str, ready: Iterable[str]) -> str:
    """The pins without those of what is there already and stays as it is."""
    there = {re.sub(r"[-_.]+", "-", name).lower() for name in ready}
    kept = {name: version for name, version in pins(constraints).items() if name not in there}
    return "".join(f"{name}=={version}\n" for name, version in kept.items())


# -- what is missing ------------------------------------------------------------


def look() -> Machine:
    """This machine."""
    return Machine(
        platform.system(), platform.machine(), VERSION, platform.libc_ver(), gpu=has_gpu()
    )


def has_gpu() -> bool:
    """Whether NVIDIA's driver has left its files, or answers."""
    if any(map(os.path.exists, ("/dev/nvidia0", "/proc/driver/nvidia/version"))):
        return True
    try:  # under WSL2 neither file is there
        said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and said.stdout.startswith("GPU")


def troubles(machine: Machine, lacks: Sequence[str], *, torch_is_here: bool) -> list[str]:
    """What stands in the way, each with its repair; `lacks` names modules of Python's own."""
    found = []
    if machine.system not in ("Linux", "Darwin"):
        found.append(
            "The grader needs Linux or macOS.\n"
            "  On Windows it runs in WSL2: https://learn.microsoft.com/windows/wsl/install"
        )
    elif not torch_is_here:
        found += obstacles(machine)
    if not os.access(ROOT, os.W_OK):
        found.append(f"{ROOT} cannot be written to.\n  Copy the course to a folder of yours.")
    if lacks:
        found.append(without(machine, lacks, apt=shutil.which("apt-get") is not None))
    return found


def without(machine: Machine, lacks: Sequence[str], *, apt: bool) -> str:
    """That Python has been installed without a part of it, and how to get that."""
    repair = "Another one can be named: make demo PYTHON=/path/to/python3"
    if apt and {"venv", "ensurepip"} >= set(lacks):  # which Debian packages apart
        repair = f"sudo apt-get install python{machine.python}-venv"
    return f"{sys.executable} comes without {', '.join(lacks)}.\n  {repair}"


# -- .venv ----------------------------------------------------------------------


def standing() -> bool:
    """Whether there is a .venv to go on with; raises `Stop` for a broken one that is not ours."""
    if not VENV.exists():
        return False
    try:
        runs = not subprocess.run([INSIDE, "-m", "pip", "-V"], capture_output=True).returncode
    except OSError:
        runs = False
    if MADE.exists():
        where, version = MADE.read_text().splitlines() or ("", "")
        return runs and where == str(ROOT) and (version == VERSION or not os.environ.get("PYTHON"))
    if not runs:
        raise Stop(f"{VENV} was not made by this, and has no pip that runs.\n  rm -r {VENV}")
    return True


def make_venv(*, share: bool) -> None:
    """Make .venv, lending it this Python's packages if they are to be shared."""
    print(f"Making .venv with Python {VERSION} ({sys.executable})", flush=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    MADE.write_text(f"{ROOT}\n{VERSION}\n")
    done = subprocess.run([sys.executable, "-m", "venv", VENV], stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Stop("Python's venv module failed; its reason stands above.")
    if share:
        lend()


def lend() -> None:
    """Let .venv see this interpreter's packages.

    Not `--system-site-packages`: that shows neither those of an environment that this
    interpreter may itself belong to, nor, under `python -I`, those of the user.
    """
    folders = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    [site] = VENV.glob("lib/python*/site-packages")
    (site / "zz-lent.pth").write_text("".join(f"{folder}\n" for folder in folders))


def lent() -> list[str]:
    """The names of what .venv sees but does not hold."""
    code = (
        "import sys; from importlib.metadata import distributions\n"
        "for one in distributions():\n"
        "    if not str(one.locate_file('')).startswith(sys.prefix): print(one.name)"
    )
    return subprocess.run([INSIDE, "-c", code], capture_output=True, text=True).stdout.split()


# -- installing -----------------------------------------------------------------


def torch_of(python: Path) -> Torch | None:
    """The PyTorch that an interpreter can import, if it can."""
    code = "import torch; print(torch.__version__, torch.version.cuda or torch.version.hip)"
    try:
        said = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    match said.stdout.split():
        case [version, device] if said.returncode == 0:
            return Torch(version, None if device == "None" else device)
    return None


def pip(*args: str, heard: bool = False) -> subprocess.CompletedProcess[str]:
    """Run .venv's pip, which neither asks nor obeys settings that do not fit here."""
    settings = {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(
        [INSIDE, "-m", "pip", *args], cwd=ROOT, env=os.environ | settings,
        stdin=subprocess.DEVNULL, capture_output=heard, text=True,
    )  # fmt: skip


def pip_install(*args: str) -> None:
    """Install, within the pins."""
    if pip("install", "-c", str(PINS), *args).returncode:
        raise Stop(
            "pip could not install that; its reason stands above.\n"
            "  When it is mended, the same command goes on from here."
        )


def offers(index: str | None) -> list[str]:
    """The versions of PyTorch that pip finds, newest first; no file is fetched."""
    where = ("--extra-index-url", index) if index else ()
    asked = ("index", "versions", "torch", "--retries", "1", "--timeout", "15")
    for line in pip(*asked, *where, heard=True).stdout.splitlines():
        if line.startswith("Available versions:"):
            return line.split(":", 1)[1].replace(",", " ").split()
    return []


def make_room(build: Build) -> None:
    """See that there is room for a build; raises `Stop` where there is not."""
    passing = Path(tempfile.gettempdir())
    for folder, needed, repair in (
        (VENV, build.disk_mb, "Free some, or put the course where there is more."),
        (passing, build.download_mb, "make demo TMPDIR=/a/folder/with/more"),
    ):
        free = shutil.disk_usage(folder).free >> 20
        if free < needed:
            raise Stop(f"{folder} has {free} MB free; {needed} MB are needed.\n  {repair}")


def install_torch(wish: Wish, pin: str, here: Torch | None) -> None:
    """Put PyTorch into .venv unless one that suits is there; its size is said first."""
    index = os.environ.get("TORCH_INDEX") or None
    if wish is Wish.SKIP:
        print("PyTorch is left out, as asked.")
    elif here and not index:
        print(f"PyTorch {here.version} is here, and is used.")
    else:
        build = choose(wish, look(), pin, index, offers)
        print(build.says, flush=True)
        make_room(build)
        pip_install(*(("--extra-index-url", build.index) if build.index else ()), build.requirement)


def install_project(wanted: Sequence[str], extras: Sequence[str], *, torch: bool) -> None:
    """Install the project as it lies here and what it needs, with or without PyTorch."""
    target = f".[{','.join(extras)}]" if extras else "."
    print("attn-grade and what else it needs: at most 60 MB to download", flush=True)
    if torch:
        pip_install("--quiet", "-e", target)
    else:
        pip_install("--quiet", *(one for one in wanted if not one.startswith("torch")))
        pip_install("--quiet", "--no-deps", "-e", target)


def install(extras: Sequence[str]) -> None:
    """Everything, in order: what is missing, .venv, PyTorch, the project."""
    wish = wished()
    wanted = requirements((ROOT / "pyproject.toml").read_text(), extras)
    tested = (ROOT / "constraints.txt").read_text()
    stands = standing()
    here = torch_of(INSIDE if stands else Path(sys.executable))
    if here and not here.suits(wish, lower_bound(wanted, "torch")):
        here = None
    lacks = [] if stands else [name for name in STANDARD if find_spec(name) is None]
    bad = troubles(look(), lacks, torch_is_here=here is not None or wish is Wish.SKIP)
    if bad:
        raise Stop("\n".join(bad))
    if not stands:
        make_venv(share=here is not None)
        here = here and torch_of(INSIDE)
    PINS.write_text(settled(tested, [*lent(), *(["torch"] if here else [])]))
    install_torch(wish, pins(tested)["torch"], here)
    install_project(wanted, extras, torch=here is not None or wish is not Wish.SKIP)


def main() -> int:
    """Install, and return the exit status."""
    try:
        install(["dev"] if sys.argv[1:] == ["dev"] else [])
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
