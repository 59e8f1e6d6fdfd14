"""From a fresh clone to the first report: what `make` and tools/bootstrap do, and say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOTH = {None: ["2.14.1", "2.13.0+cpu", "2.13.0"]}  # what pip finds, by index


@pytest.fixture
def bootstrap(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return import_module("bootstrap")


@pytest.fixture
def build(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return import_module("torch_build")


@pytest.fixture
def linux(build):
    return build.Machine("Linux", "x86_64", "3.11", ("glibc", "2.36"), gpu=False)


@pytest.fixture
def linux_with_gpu(build):
    return build.Machine("Linux", "x86_64", "3.11", ("glibc", "2.36"), gpu=True)


@pytest.fixture
def mac(build):
    return build.Machine("Darwin", "arm64", "3.13", ("", ""), gpu=False)


def offering(found):
    return lambda index: found.get(index, [])


# -- which Python -----------------------------------------------------------------


class Pythons:
    """A folder of interpreters that answer as they are told, alone on PATH."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir()
        for tool in ("sh", "dirname", "uname"):
            (self.path / tool).symlink_to(shutil.which(tool))
        (folder / "bootstrap.sh").write_text((ROOT / "tools/bootstrap.sh").read_text())
        self.script = folder / "bootstrap.sh"

    def add(self, name: str, when_asked: str) -> None:
        """An interpreter that does this on -c, and else tells its name and its arguments."""
        program = self.path / name
        says = f'echo "{name} runs ${{1##*/}} $2"'
        program.write_text(f"#!/bin/sh\ncase $1 in -c) {when_asked} ;; *) {says} ;; esac\n")
        program.chmod(0o755)

    def choose(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", self.script, "dev"], capture_output=True, text=True,
            env={"PATH": str(self.path), **environment},
        )  # fmt: skip


@pytest.fixture
def pythons(tmp_path) -> Pythons:
    return Pythons(tmp_path)


def test_a_shim_that_only_complains_is_passed_over(pythons):
    pythons.add("python3.13", 'echo "pyenv: python3.13: command not found" >&2; exit 127')
    pythons.add("python3.11", "echo whole")
    assert pythons.choose().stdout == "python3.11 runs bootstrap.py dev\n"


def test_the_newest_python_is_taken_that_can_make_environments(pythons):
    pythons.add("python3.13", "echo bare")
    pythons.add("python3.12", "echo whole")
    pythons.add("python3", "echo whole")
    assert pythons.choose().stdout.startswith("python3.12 runs")


def test_a_python_that_has_torch_goes_before_a_newer_one(pythons):
    pythons.add("python3.13", "echo whole")
    pythons.add("python3", "echo torch")
    assert pythons.choose().stdout.startswith("python3 runs")


def test_a_python_without_venv_still_runs_to_say_so(pythons):
    pythons.add("python3", "echo bare")
    assert pythons.choose().stdout.startswith("python3 runs")


def test_a_python_that_is_named_is_the_only_one_asked(pythons):
    pythons.add("python3.13", "echo torch")
    pythons.add("mine", "echo whole")
    assert pythons.choose(PYTHON="mine").stdout.startswith("mine runs")


def test_with_only_an_older_python_its_version_and_the_repair_are_said(pythons):
    pythons.add("python3", "echo 3.9 >&2; exit 1")
    said = pythons.choose()
    assert said.returncode == 1
    assert said.stdout == ""
    assert "Python 3.11 or newer is needed. python3 is 3.9." in said.stderr
    assert "make demo PYTHON=" in said.stderr


def test_apt_is_the_repair_where_there_is_apt(pythons):
    pythons.add("apt-get", "true")
    (pythons.path / "uname").unlink()
    pythons.add("uname", "true")
    assert "sudo apt-get install python3 python3-venv" in pythons.choose().stderr


def test_a_named_python_that_does_not_run_is_said_to_be_that(pythons):
    said = pythons.choose(PYTHON="/no/such/python")
    assert said.returncode == 1
    assert "/no/such/python is not one, or does not run." in said.stderr


def test_this_python_answers_the_question_that_bootstrap_asks(pythons):
    pythons.script.with_name("bootstrap.py").write_text("import sys; print(sys.version_info[:2])")
    said = pythons.choose(PYTHON=sys.executable)
    assert said.stdout == f"{sys.version_info[:2]}\n"


# -- what is missing, before anything is downloaded ---------------------------------


def test_debians_python_without_venv_is_repaired_by_its_package(bootstrap, linux):
    said = bootstrap.without(linux, ["ensurepip"], apt=True)
    assert said.splitlines() == [
        f"{sys.executable} comes without ensurepip.",
        "  sudo apt-get install python3.11-venv",
    ]


def test_a_python_built_without_ssl_is_replaced_not_repaired(bootstrap, linux):
    said = bootstrap.without(linux, ["ssl", "zlib"], apt=True)
    assert "comes without ssl, zlib" in said
    assert "PYTHON=/path/to/python3" in said


def test_all_that_is_missing_is_said_at_once(bootstrap, build):
    alpine = build.Machine("Linux", "x86_64", "3.12", ("", ""), gpu=False)
    found = bootstrap.troubles(alpine, ["ensurepip"], torch_is_here=False)
    assert len(found) == 2
    assert "glibc 2.28" in found[0]
    assert "ensurepip" in found[1]


def test_a_torch_that_is_here_answers_the_question_whether_one_could_be_had(bootstrap, build):
    alpine = build.Machine("Linux", "x86_64", "3.12", ("", ""), gpu=False)
    assert bootstrap.troubles(alpine, [], torch_is_here=True) == []


def test_windows_is_sent_to_wsl(bootstrap, build):
    windows = build.Machine("Windows", "AMD64", "3.12", ("", ""), gpu=False)
    [said] = bootstrap.troubles(windows, [], torch_is_here=False)
    assert "WSL2" in said


@pytest.mark.parametrize(
    "system, arch, libc, says",
    [
        ("Darwin", "x86_64", ("", ""), "Intel"),
        ("Linux", "x86_64", ("glibc", "2.17"), "here is glibc 2.17"),
        ("Linux", "aarch64", ("glibc", "2.28"), None),
        ("Darwin", "arm64", ("", ""), None),
    ],
)
def test_where_no_build_of_torch_runs_is_known_beforehand(build, system, arch, libc, says):
    found = build.obstacles(build.Machine(system, arch, "3.12", libc, gpu=False))
    assert (says in found[0]) if says else found == []


def test_too_little_room_is_said_before_the_download(bootstrap, build, monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    huge = build.Build("torch", None, "", download_mb=1, disk_mb=10**9)
    with pytest.raises(build.Stop, match="1000000000 MB are needed"):
        bootstrap.make_room(huge)
    huge = build.Build("torch", None, "", download_mb=10**9, disk_mb=1)
    with pytest.raises(build.Stop, match="TMPDIR="):
        bootstrap.make_room(huge)


def test_an_unknown_wish_names_those_there_are(bootstrap, build, monkeypatch):
    monkeypatch.setenv("TORCH", "gpu")
    with pytest.raises(build.Stop, match="auto, cpu, cuda, skip"):
        bootstrap.wished()


# -- which torch --------------------------------------------------------------------


def test_without_a_gpu_the_cpu_build_that_pip_finds_by_itself_is_taken(build, linux):
    asked = []

    def offers(index):
        asked.append(index)
        return BOTH[None]

    found = build.choose(build.Wish.AUTO, linux, "2.13.0", None, offers)
    assert (found.requirement, found.index) == ("torch==2.13.0+cpu", None)
    assert "200 MB" in found.says
    assert asked == [None]  # nothing else was looked at


def test_where_pip_finds_none_pytorchs_own_index_has_the_cpu_build(build, linux):
    offers = offering({None: ["2.13.0"], build.CPU_INDEX: ["2.13.0+cpu", "2.13.0"]})
    found = build.choose(build.Wish.AUTO, linux, "2.13.0", None, offers)
    assert (found.requirement, found.index) == ("torch==2.13.0+cpu", build.CPU_INDEX)


def test_where_that_index_cannot_be_reached_the_large_build_is_taken_and_said(build, linux):
    found = build.choose(build.Wish.AUTO, linux, "2.13.0", None, offering({None: ["2.13.0"]}))
    assert (found.requirement, found.index) == ("torch==2.13.0", None)
    assert "cannot be reached" in found.says
    assert "3 GB" in found.says
    assert found.disk_mb > 5000


def test_with_a_gpu_the_build_with_cuda_is_taken_though_a_cpu_build_is_found(build, linux_with_gpu):
    found = build.choose(build.Wish.AUTO, linux_with_gpu, "2.13.0", None, offering(BOTH))
    assert found.requirement == "torch===2.13.0"
    assert "TORCH=cpu" in found.says


def test_with_a_gpu_the_cpu_build_can_be_asked_for(build, linux_with_gpu):
    found = build.choose(build.Wish.CPU, linux_with_gpu, "2.13.0", None, offering(BOTH))
    assert found.requirement == "torch==2.13.0+cpu"


def test_without_a_gpu_cuda_can_be_asked_for(build, linux):
    found = build.choose(build.Wish.CUDA, linux, "2.13.0", None, offering(BOTH))
    assert found.requirement == "torch===2.13.0"


def test_an_index_that_is_named_gives_its_own_build(build, linux):
    there = "https://download.pytorch.org/whl/cu130"
    offers = offering({**BOTH, there: ["2.14.1+cu130", "2.13.0+cu130", "2.13.0+cpu"]})
    found = build.choose(build.Wish.AUTO, linux, "2.13.0", there, offers)
    assert (found.requirement, found.index) == ("torch==2.13.0+cu130", there)


def test_an_index_that_has_other_versions_only_is_refused_with_what_it_has(build, linux):
    offers = offering({"https://x/": ["2.9.0+rocm6", "2.8.0+rocm6"]})
    with pytest.raises(build.Stop, match=r"pip finds 2\.9\.0\+rocm6, 2\.8\.0\+rocm6"):
        build.choose(build.Wish.AUTO, linux, "2.13.0", "https://x/", offers)


def test_on_a_mac_the_plain_build_is_taken_and_pip_is_not_asked(build, mac):
    found = build.choose(build.Wish.AUTO, mac, "2.13.0", None, offering({}))
    assert (found.requirement, found.index) == ("torch==2.13.0", None)
    with pytest.raises(build.Stop, match="no CUDA on macOS"):
        build.choose(build.Wish.CUDA, mac, "2.13.0", None, offering({}))


def test_a_python_for_which_there_is_no_build_is_named_with_what_there_is(build, linux):
    with pytest.raises(build.Stop, match=r"no PyTorch 2\.13\.0 for Python 3\.11, but 2\.15\.0"):
        build.choose(build.Wish.AUTO, linux, "2.13.0", None, offering({None: ["2.15.0"]}))


def test_without_a_network_that_is_the_question(build, linux):
    with pytest.raises(build.Stop, match="is there a network"):
        build.choose(build.Wish.AUTO, linux, "2.13.0", None, offering({}))


@pytest.mark.parametrize(
    "version, device, wish, suits",
    [
        ("2.11.0+cu130", "13.0", "auto", True),
        ("2.11.0+cu130", "13.0", "cuda", True),
        ("2.11.0+cu130", "13.0", "cpu", False),
        ("2.13.0+cpu", None, "auto", True),
        ("2.13.0+cpu", None, "cuda", False),
        ("2.5.1", None, "auto", False),
        ("2.10.0a0+git1", None, "auto", True),
    ],
)
def test_a_torch_that_is_here_is_used_if_it_is_new_enough_and_of_the_kind_asked_for(
    build, version, device, wish, suits
):
    assert build.Torch(version, device).suits(build.Wish(wish), "2.6") is suits


def test_an_interpreter_says_which_torch_it_has(bootstrap):
    found = bootstrap.torch_of(Path(sys.executable))
    import torch

    assert found.version == torch.__version__
    assert found.device == (torch.version.cuda or torch.version.hip)


def test_an_interpreter_that_is_not_there_has_no_torch(bootstrap):
    assert bootstrap.torch_of(Path("/no/such/python")) is None


# -- .venv --------------------------------------------------------------------------


@pytest.fixture
def folder(bootstrap, monkeypatch, tmp_path) -> Path:
    """A course's folder of its own."""
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "INSIDE", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(bootstrap, "MADE", tmp_path / ".venv/made-by-bootstrap")
    return tmp_path


def give_interpreter(folder: Path, status: int) -> None:
    program = folder / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)


def test_a_venv_that_runs_where_it_was_made_is_kept(bootstrap, folder):
    assert not bootstrap.standing()
    give_interpreter(folder, 0)
    bootstrap.MADE.write_text(f"{folder}\n3.12\n")
    assert bootstrap.standing()


def test_a_venv_that_was_moved_or_does_not_run_is_made_anew(bootstrap, folder):
    give_interpreter(folder, 0)
    bootstrap.MADE.write_text("/elsewhere\n3.12\n")
    assert not bootstrap.standing()
    bootstrap.MADE.write_text("")
    assert not bootstrap.standing()
    bootstrap.MADE.write_text(f"{folder}\n3.12\n")
    bootstrap.INSIDE.write_text("#!/bin/sh\nexit 1\n")
    assert not bootstrap.standing()


def test_another_python_that_is_asked_for_makes_it_anew(bootstrap, folder, monkeypatch):
    give_interpreter(folder, 0)
    bootstrap.MADE.write_text(f"{folder}\n{bootstrap.VERSION}\n")
    monkeypatch.setenv("PYTHON", "python3")
    assert bootstrap.standing()
    bootstrap.MADE.write_text(f"{folder}\n3.1\n")
    assert not bootstrap.standing()


def test_a_venv_of_the_users_own_is_used_and_never_thrown_away(
    bootstrap, build, folder, monkeypatch
):
    give_interpreter(folder, 0)
    monkeypatch.setenv("PYTHON", "python3")
    assert bootstrap.standing()
    bootstrap.INSIDE.write_text("#!/bin/sh\nexit 1\n")  # no pip in it
    with pytest.raises(build.Stop, match="was not made by this"):
        bootstrap.standing()


def test_a_venv_that_shares_sees_what_this_interpreter_has(bootstrap, folder):
    (folder / ".venv/lib/python3.11/site-packages").mkdir(parents=True)
    bootstrap.lend()
    [lent] = folder.glob(".venv/lib/*/site-packages/*.pth")
    import torch

    assert str(Path(torch.__file__).parents[1]) in lent.read_text().splitlines()


def test_what_is_lent_is_not_pinned_again(bootstrap):
    tested = "# core\nclick==8.5.1\ntyping-extensions==4.16.0\ntorch==2.13.0\n"
    assert bootstrap.settled(tested, ["torch", "typing_extensions"]) == "click==8.5.1\n"
    assert bootstrap.settled(tested, []).splitlines() == [
        "click==8.5.1", "typing-extensions==4.16.0", "torch==2.13.0",
    ]  # fmt: skip


# -- what is declared ---------------------------------------------------------------


def test_what_was_tested_is_within_what_is_declared(bootstrap, build):
    pins = bootstrap.pins((ROOT / "constraints.txt").read_text())
    declared = bootstrap.requirements((ROOT / "pyproject.toml").read_text(), ["dev"])
    assert len(declared) == 10
    for requirement in declared:
        name, least = requirement.split(">=")
        assert build.numbers(pins[name]) >= build.numbers(least), name


def test_the_constraints_are_versions_and_nothing_else():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert len(pinned) > 20
    assert [line for line in pinned if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line)] == []


def test_the_lower_bound_of_torch_is_found(bootstrap):
    assert bootstrap.lower_bound(["numpy>=2.0", "torch>=2.6"], "torch") == "2.6"


@pytest.mark.slow
def test_the_wheel_holds_the_grader_and_no_answer(tmp_path):
    for name in ("grader", "solutions", "exercises", "tests", "tools"):
        shutil.copytree(ROOT / name, tmp_path / "course" / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "course")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", tmp_path, tmp_path / "course"], check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    from zipfile import ZipFile

    names = ZipFile(wheel).namelist()
    assert "grader/worker/wire.py" in names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"grader"}


# -- make ---------------------------------------------------------------------------


class Course:
    """A folder with the real Makefile, a bootstrap that only says it ran, and a fake command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tools").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        (folder / "tools/bootstrap.sh").write_text(
            "echo bootstrapping $1 $TORCH\nmkdir -p .venv/bin\n"
            "cat > .venv/bin/python <<'END'\n#!/bin/sh\necho python $*\n"
            "case $* in *'slow or apt'*) exit ${SLOW:-0} ;; *) exit ${PYTEST:-0} ;; esac\nEND\n"
            "printf '#!/bin/sh\\necho graded $*; exit $GRADED' > .venv/bin/attn-grade\n"
            "chmod +x .venv/bin/*\n"
        )

    def make(self, *goals: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        for name in ("PYTHON", "TORCH", "TORCH_INDEX"):
            inherited.pop(name, None)
        return subprocess.run(
            ["make", *goals], cwd=self.folder, capture_output=True, text=True,
            env={**inherited, "SHELL": "/bin/bash", "GRADED": "1", **environment},
        )  # fmt: skip


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path / "a course")


def test_make_demo_succeeds_though_the_answer_is_half_right(course):
    said = course.make("demo")
    assert said.returncode == 0
    assert "graded check 03_causal_mask tests/submissions/demo/03_causal_mask.py" in said.stdout
    assert said.stdout.splitlines()[-1] == "  . .venv/bin/activate && attn-grade lesson 01"


@pytest.mark.parametrize("status", ["2", "3"])
def test_make_demo_fails_where_the_grader_does(course, status):
    assert course.make("demo", GRADED=status).returncode != 0


def test_the_next_command_is_one_for_the_shell_that_is_used(course):
    said = course.make("demo", SHELL="/usr/bin/fish")
    assert said.stdout.splitlines()[-1].strip().startswith("source .venv/bin/activate.fish")


def test_the_second_time_nothing_is_made_ready_again(course):
    assert "bootstrapping core" in course.make("demo").stdout
    assert "bootstrapping" not in course.make("demo").stdout
    assert "bootstrapping dev" in course.make("test").stdout
    assert "bootstrapping" not in course.make("test", "demo").stdout


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_what_is_declared_anew_is_installed_anew(course, name):
    course.make("demo")
    os.utime(course.folder / name, (2**32, 2**32))
    assert "bootstrapping" in course.make("demo").stdout


def test_an_interpreter_that_is_gone_is_replaced(course):
    course.make("demo")
    (course.folder / ".venv/bin/python").unlink()
    (course.folder / ".venv/bin/python").symlink_to("/no/such/python")
    assert "bootstrapping" in course.make("demo").stdout


def test_a_course_that_was_moved_is_made_ready_again(course):
    course.make("demo")
    course.folder = course.folder.rename(course.folder.with_name("moved"))
    assert "bootstrapping" in course.make("demo").stdout


def test_what_is_asked_for_on_the_command_line_is_done_though_all_is_ready(course):
    course.make("demo")
    assert "bootstrapping core cpu" in course.make("demo", "TORCH=cpu").stdout


def test_make_test_leaves_out_the_slow_and_make_test_all_adds_only_them(course):
    runs = [line for line in course.make("test-all").stdout.splitlines() if "-m pytest" in line]
    assert [run.rpartition(" -m ")[2] for run in runs] == ["not slow and not apt", "slow or apt"]


def test_tests_that_fail_make_make_fail(course):
    assert course.make("test", PYTEST="1").returncode != 0


def test_that_no_test_is_slow_is_no_failure(course):
    assert course.make("test-all", SLOW="5").returncode == 0
    assert course.make("test-all", SLOW="1").returncode != 0


@pytest.fixture
def apt(course, tmp_path):
    """A PATH on which apt-get, dpkg and sudo only say what they were asked."""
    tools = tmp_path / "apt"
    tools.mkdir()
    for name, does in (
        ("apt-get", 'echo "apt-get $*"'),
        ("dpkg", 'test "$2" = there'),
        ("sudo", '"$@"'),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}"}


def test_what_needs_nothing_of_apt_does_not_call_it(course, apt):
    assert "apt-get" not in course.make("apt", "APT_PACKAGES=", **apt).stdout
    assert "apt-get" not in course.make("apt", "APT_PACKAGES=there", **apt).stdout


def test_only_what_is_missing_is_taken_from_apt(course, apt):
    said = course.make("apt", "APT_PACKAGES=there gone", **apt).stdout.splitlines()
    assert [line for line in said if line.startswith("apt-get")] == [
        "apt-get update", "apt-get install -y gone",
    ]  # fmt: skip
