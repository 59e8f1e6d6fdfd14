"""`attn-grade doctor` says what is here, what is missing, and what to do about it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grader import doctor
from grader.doctor import Finding, State, TorchAnswer, Walls

EVERYTHING = Walls(
    user_namespaces=True,
    settings={"user.max_user_namespaces": "1000"},
    landlock=4,
    seccomp=True,
    bubblewrap="/usr/bin/bwrap",
    cgroup="/sys/fs/cgroup/me",
)


def subjects(findings: list[Finding], state: State) -> list[str]:
    return [one.subject for one in findings if one.state is state]


def test_a_package_that_is_absent_is_missing_and_pip_is_the_repair():
    [found] = doctor.packages(["rich>=13.0"], {}.get, "/v/bin/python")
    assert found == Finding(
        "rich", State.MISSING, "not installed", "/v/bin/python -m pip install 'rich>=13.0'"
    )


@pytest.mark.parametrize(
    "version, state",
    [
        ("2.5.9", State.MISSING),
        ("2.6.0", State.OK),
        ("2.13.0+cpu", State.OK),  # thirteen is more than six, and a build is no release
        ("10.0", State.OK),
    ],
)
def test_a_package_is_held_against_its_lower_bound_as_numbers(version, state):
    [found] = doctor.packages(["torch>=2.6"], {"torch": version}.get, "python")
    assert found.state is state
    assert version in found.detail


def test_what_is_needed_is_what_the_project_declares():
    names = [one.split(">=")[0] for one in doctor.needed()]
    assert names == ["numpy", "torch", "pytest", "click", "rich"]


def test_an_old_python_is_missing():
    assert doctor.python((3, 10, 4), "/usr/bin/python3").state is State.MISSING
    assert doctor.python((3, 11, 0), "/usr/bin/python3").state is State.OK


@pytest.mark.parametrize(
    "driver, answer, state, says",
    [
        (False, TorchAnswer(), State.OK, "no NVIDIA driver"),
        (False, None, State.OK, "no NVIDIA driver"),
        (True, None, State.OK, "was not asked"),
        (True, TorchAnswer(cuda="13.0", device="H200"), State.OK, "H200 (CUDA 13.0)"),
        (True, TorchAnswer(), State.WARN, "built for the CPU alone"),
        (True, TorchAnswer(cuda="13.0"), State.WARN, "sees no CUDA 13.0 device"),
        (False, TorchAnswer(failed="no libgomp"), State.MISSING, "no libgomp"),
    ],
)
def test_the_device_is_told_from_the_driver_and_from_what_torch_answers(
    driver, answer, state, says
):
    found = doctor.device(driver, answer)
    assert found.state is state
    assert says in found.detail
    assert bool(found.repair) is (state is not State.OK)


def test_with_every_wall_there_isolation_has_nothing_to_mend():
    found = doctor.isolation(EVERYTHING)
    assert subjects(found, State.OK) == [
        "process", "user namespaces", "Landlock", "seccomp", "bubblewrap", "control group",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lack, subject",
    [
        ({"user_namespaces": False}, "user namespaces"),
        ({"landlock": 0}, "Landlock"),
        ({"seccomp": False}, "seccomp"),
        ({"bubblewrap": ""}, "bubblewrap"),
        ({"cgroup": ""}, "control group"),
    ],
)
def test_a_wall_that_is_not_there_is_a_warning_with_a_repair(lack, subject):
    found = doctor.isolation(replace(EVERYTHING, **lack))
    assert subjects(found, State.WARN) == [subject]
    assert all(one.repair for one in found if one.subject == subject)


@pytest.mark.parametrize(
    "settings, repair",
    [
        (
            {"kernel.unprivileged_userns_clone": "0"},
            "sudo sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            {
                "kernel.unprivileged_userns_clone": "1",
                "kernel.apparmor_restrict_unprivileged_userns": "1",
            },
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"user.max_user_namespaces": "0"}, "sudo sysctl user.max_user_namespaces=10000"),
        ({}, "in a container: start it with --security-opt seccomp=unconfined"),
    ],
)
def test_the_repair_for_user_namespaces_is_the_setting_that_forbids_them(settings, repair):
    walls = replace(EVERYTHING, user_namespaces=False, settings=settings)
    [found] = [one for one in doctor.isolation(walls) if one.state is State.WARN]
    assert found.repair == repair


def test_off_linux_a_process_of_its_own_is_all_there_is():
    found = doctor.isolation(None)
    assert subjects(found, State.OK) == ["process"]
    assert subjects(found, State.WARN) == ["sandbox"]


def test_without_a_course_one_is_told_where_to_go():
    [found] = doctor.course_and_progress("no course.toml here", lambda path: True)
    assert found.state is State.MISSING
    assert "--course FOLDER" in found.repair


def test_a_course_that_cannot_be_written_says_so():
    found = doctor.course_and_progress(Path("/a b"), lambda path: False)
    assert subjects(found, State.OK) == ["course"]
    assert subjects(found, State.WARN) == ["progress"]
    assert found[-1].repair == "chmod -R u+rwX '/a b'"


@pytest.mark.parametrize(
    "encoding, state",
    [
        ("utf-8", State.OK),
        ("UTF8", State.OK),
        ("ascii", State.WARN),
        ("latin-1", State.WARN),
        ("", State.WARN),
        ("no-such-thing", State.WARN),
    ],
)
def test_a_terminal_must_show_unicode(encoding, state):
    assert doctor.terminal(encoding).state is state


def test_a_trial_happens_in_another_process_and_no_fault_of_it_comes_back(tmp_path):
    def leaves_a_trace() -> bool:
        (tmp_path / "trace").write_text("")
        return True

    def fails() -> bool:
        raise SystemExit(0)

    assert doctor._works(leaves_a_trace)
    assert (tmp_path / "trace").exists()
    assert not doctor._works(fails)
    assert not doctor._works(lambda: False)


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
def test_looking_at_the_walls_leaves_this_process_as_it_was():
    before = Path("/proc/self/status").read_text()
    walls = doctor.look_at_walls()
    after = Path("/proc/self/status").read_text()
    kept = ("Uid:", "NoNewPrivs:", "Seccomp:", "CapEff:")
    assert [line for line in before.splitlines() if line.startswith(kept)] == [
        line for line in after.splitlines() if line.startswith(kept)
    ]
    assert walls.landlock >= 0


def test_torch_that_does_not_run_is_told_with_its_reason(monkeypatch):
    monkeypatch.setattr(doctor, "ASK_TORCH", "raise ImportError('libgomp.so.1 is not there')")
    answer = doctor._torch_answer(doctor._torch_process())
    assert answer.failed == "ImportError: libgomp.so.1 is not there"


def test_torch_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "ASK_TORCH", "import time; time.sleep(600)")
    monkeypatch.setattr(doctor, "TORCH_SECONDS", 0.1)
    answer = doctor._torch_answer(doctor._torch_process())
    assert "longer than" in answer.failed


def test_everything_is_looked_at_and_all_that_is_not_well_has_a_repair(tmp_path):
    found = doctor.examine(tmp_path, "utf-8")
    assert [one.subject for one in found][:7] == [
        "Python", "numpy", "torch", "pytest", "click", "rich", "device",
    ]  # fmt: skip
    assert subjects(found, State.MISSING) == []  # these tests could not run otherwise
    assert all(one.repair for one in found if one.state is not State.OK)


def test_a_folder_for_progress_that_is_yet_to_be_made_counts_as_writable(tmp_path):
    assert doctor._writable(tmp_path / "deep" / "down")


def test_the_doctor_itself_imports_neither_torch_nor_numpy_nor_pytest():
    code = (
        "import sys; from grader.doctor import examine; examine('', 'utf-8', ask_torch=False);"
        "print([name for name in ('torch', 'numpy', 'pytest') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
