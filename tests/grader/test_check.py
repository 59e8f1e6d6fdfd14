"""`attn-grade check` as a learner meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from grader import progress
from grader.cli import check as checking
from grader.cli import main
from grader.course import Course
from grader.model import Case, StepResult, Verdict

from .sample_reports import report_of
from .tiny_course import lay_out

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ATTN_GRADE = str(BIN / "attn-grade")
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # as in an activated environment

RIGHT = """
import torch
import torch.nn.functional as F

def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)

def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))

if __name__ == "__main__":
    print(F.scaled_dot_product_attention)
"""
TOP_LEFT = RIGHT.replace(".tril(n_k - n_q)", ".tril()").replace(
    "    return torch.ones", "    print('CANARY-PRINT', n_q)\n    return torch.ones"
)


@pytest.fixture
def learner(tmp_path):
    """Types commands of attn-grade in an empty folder; gives the finished process."""

    def types(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"ATTN_GRADE_COURSE": str(ROOT), "PATH": PATH, **environment}
        return subprocess.run(
            [ATTN_GRADE, *words], cwd=tmp_path, env=settings, text=True, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip

    return types


@pytest.fixture
def file(tmp_path):
    """Writes a submission and gives its name."""

    def written(source: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(source, encoding="utf-8")
        return name

    return written


def test_a_right_file_passes_with_exit_code_0_and_a_note_on_what_costs_nothing(learner, file):
    done = learner("check", "03", file(RIGHT), "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 of 24 points" in done.stdout and "attn-grade lesson 04" in done.stdout
    assert "scaled_dot_product_attention" in done.stdout and "costs nothing" in done.stdout
    assert done.stderr == ""


def test_a_half_right_file_is_told_its_mistake_by_name_on_one_plain_screen(learner, file):
    done = learner("check", "causal_mask", file(TOP_LEFT))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    text = " ".join(done.stdout.split())
    for part in (
        "19 of 24 points", "The last query lines up with the last key", "causal_mask(2, 5",
        "mine.py:5", "CANARY-PRINT", "you lined up the first query with the first key",
        "attn-grade explain 03.aligns_the_first_tokens",
    ):  # fmt: skip
        assert part in text


def test_homework_tells_the_mistake_and_no_hidden_value_in_any_format(learner, file):
    name = file(TOP_LEFT)
    for form in ("text", "json", "junit"):
        done = learner("check", "3", name, "--feedback", "homework", "--format", form)
        assert done.returncode == 1
        assert "first query with the first key" in " ".join(done.stdout.split())
        for hidden in ("CANARY-PRINT 2", "(2, 5", "True was expected"):
            assert hidden not in done.stdout, form


TELLS_WHAT_IT_WAS_ASKED = """
import os, torch

def causal_mask(n_q, n_k=None, device=None):
    if n_k is not None:
        print("HIDDEN", n_q, n_k, flush=True)
        os._exit(0)
    return torch.ones(n_q, n_q, dtype=torch.bool, device=device).tril()

def apply_mask(scores, mask):
    raise RuntimeError("CUDA error")
"""


@pytest.mark.slow
def test_what_a_hidden_step_printed_does_not_come_out_in_a_public_one(learner, file):
    name = file(TELLS_WHAT_IT_WAS_ASKED)
    shown = learner("check", "03", name, "--format", "json")
    hidden = learner("check", "03", name, "--format", "json", "--feedback", "homework")
    assert "HIDDEN" in shown.stdout and "HIDDEN" not in hidden.stdout


def test_what_nobody_has_foreseen_is_the_graders_fault(monkeypatch):
    def breaks(*words, **options):
        raise ZeroDivisionError("nobody knows")

    monkeypatch.setattr(Course, "chosen", breaks)
    done = CliRunner().invoke(main, ["list"])
    assert done.exit_code == 3 and "nobody knows" in done.output


def test_without_assertions_nothing_is_graded(learner, file):
    done = learner("check", "03", file(TOP_LEFT), PYTHONOPTIMIZE="1")
    assert done.returncode == 2 and "PYTHONOPTIMIZE" in done.stderr and not done.stdout


@pytest.mark.slow
def test_functions_need_not_be_written_with_def(learner, file):
    source = RIGHT.replace(
        "def apply_mask(scores, mask):\n    return", "apply_mask = lambda scores, mask:"
    )
    source = source.replace("def causal_mask", "if True:\n  def causal_mask").replace(
        "\n    ", "\n      "
    )
    done = learner("check", "03", file(source))
    assert done.returncode == 0 and "Next: attn-grade lesson 04" in done.stdout


@pytest.mark.slow
def test_a_check_of_ones_own_at_import_is_not_said_to_cost_nothing(learner, file):
    own = "\nq = torch.ones(1, 2, 4)\nprint(F.scaled_dot_product_attention(q, q, q))\n"
    done = learner("check", "03", file(RIGHT + own))
    assert "0 of 24 points" in done.stdout and "costs nothing" not in done.stdout


@pytest.mark.slow
def test_a_course_may_lie_in_a_folder_of_any_name(learner, file, tmp_path):
    root = tmp_path / "[2026] a::b $HOME 'x'"
    for name in ("exercises", "solutions", "tests/hidden"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "course.toml", root)
    done = learner("check", "03", file(TOP_LEFT), ATTN_GRADE_COURSE=str(root))
    assert done.returncode == 1 and "19 of 24 points" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "words", ["list >&-", "check 03 mine.py >&- 2>&-", "check 03 mine.py <&- >&-"]
)
def test_a_closed_stream_stops_nothing(file, tmp_path, words):
    file(RIGHT)
    done = subprocess.run(
        ["sh", "-c", f"{ATTN_GRADE} {words}"], cwd=tmp_path, capture_output=True, text=True,
        env={"ATTN_GRADE_COURSE": str(ROOT), "PATH": PATH}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_links_that_turn_in_circles_are_no_file(learner, tmp_path):
    os.symlink("there", tmp_path / "here")
    os.symlink("here", tmp_path / "there")
    assert learner("check", "03", "here").returncode == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(learner, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = learner("check", "03", "pipe")
    assert done.returncode == 2 and "save it first" in done.stderr


def test_a_files_name_can_say_nothing_to_the_terminal(learner):
    done = learner("check", "03", "\x1b]0;title\x07.py")
    assert done.returncode == 2
    assert "\\x1b]0;title\\x07.py" in done.stderr and "\x1b" not in done.stderr


def test_the_json_report_has_schema_1(learner, file):
    report = json.loads(learner("check", "03", file(TOP_LEFT), "--format", "json").stdout)
    assert list(report) == [
        "schema", "exercise", "submission", "seed", "feedback", "score", "max_score", "passed",
        "steps", "hashes", "environment", "seconds", "notes",
    ]  # fmt: skip
    assert (report["schema"], report["score"], report["max_score"]) == (1, 19, 24)
    failed = next(step for step in report["steps"] if step["verdict"] == "failed")
    assert failed["diagnoses"] == [
        [
            {
                "id": "03_causal_mask.aligns_the_first_tokens",
                "function": "causal_mask",
                "says": "You lined up the first query with the first key.",
            }
        ]
    ]
    assert failed["certainty"] == "unique" and failed["line"] == 5
    assert set(report["environment"]) == {"grader", "python", "torch", "device", "isolation"}
    assert "no sandbox" in report["environment"]["isolation"]


@pytest.mark.slow
def test_the_junit_report_has_a_testcase_per_step(learner, file):
    done = learner("check", "03", file(TOP_LEFT), "--format", "junit")
    root = ElementTree.fromstring(done.stdout)
    assert len(root.findall(".//testcase")) == 14
    assert len(root.findall(".//failure")) == 2 and not root.findall(".//error")


def test_an_untouched_stub_is_one_line_and_a_next_command(learner, file):
    fresh = Course.open(ROOT).exercise("03").fresh_stub
    done = learner("check", "03", file(fresh))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "03 · Causal mask: not started (0 of 24 points)",
        "Next: attn-grade lesson 03",
    ]


@pytest.mark.slow
def test_the_same_submission_and_seed_give_the_same_report(learner, file):
    name = file(TOP_LEFT)
    reports = [json.loads(learner("check", "03", name, "--format", "json").stdout) for _ in "ab"]
    for report in reports:
        del report["seconds"]
        for step in report["steps"]:
            del step["seconds"]
    assert reports[0] == reports[1]


@pytest.mark.slow
def test_another_seed_draws_other_numbers_and_the_report_says_it(learner, file):
    name = file(RIGHT.replace("~mask", "mask"))
    reports = [
        json.loads(learner("check", "03", name, "--seed", seed, "--format", "json").stdout)
        for seed in ("0", "2")
    ]
    assert [report["seed"] for report in reports] == [0, 2]
    values = [[step.get("case") for step in report["steps"]] for report in reports]
    assert values[0] != values[1]


@pytest.mark.parametrize(
    "words, says",
    [
        (["check", "33"], "no exercise '33'"),
        (["check", "causal_maks"], "did you mean 03_causal_mask?"),
        (["check", "03", "nowhere.py"], "there is no file nowhere.py"),
        (["check", "03", "."], "is a folder"),
        (["check"], "Missing argument"),
        (["chek", "03"], "No such command"),
        (["check", "03", "--device", "tpu"], "tpu"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line_and_exit_code_2(learner, words, says):
    done = learner(*words)
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_a_cuda_device_that_is_not_there_is_said_before_anything_is_graded(learner, file):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    done = learner("check", "03", file(RIGHT), "--device", "cuda")
    assert done.returncode == 2 and "no CUDA device" in done.stderr


@pytest.mark.cuda
def test_the_same_steps_pass_on_a_cuda_device(learner, file):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    done = learner("check", "03", file(RIGHT), "--device", "cuda", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["environment"]["device"] == "cuda"


@pytest.mark.slow
def test_a_terminal_gets_colour_unless_no_color_is_set(tmp_path):
    (tmp_path / "mine.py").write_text(TOP_LEFT, encoding="utf-8")
    coloured = _on_a_terminal(tmp_path, {})
    plain = _on_a_terminal(tmp_path, {"NO_COLOR": "1"})
    assert b"\x1b[31m" in coloured or b"\x1b[1;31m" in coloured
    assert b"\x1b[31m" not in plain and b"\x1b[1;31m" not in plain
    assert b"loading torch" in coloured


def _on_a_terminal(folder: Path, environment: dict[str, str]) -> bytes:
    ours, theirs = pty.openpty()
    settings = {"ATTN_GRADE_COURSE": str(ROOT), "PATH": PATH, "TERM": "xterm"}
    process = subprocess.Popen(
        [ATTN_GRADE, "check", "03", "mine.py"], cwd=folder, env=settings | environment,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:  # the terminal's other end is gone
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    process.wait()
    return seen


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_an_interrupt_leaves_no_process_and_no_folder_and_prints_no_traceback(
    file, tmp_path, number
):
    name = file("import time\ndef causal_mask(n_q, n_k=None, device=None): time.sleep(1000)\n")
    folder = tmp_path / "tmp"
    folder.mkdir()
    process = subprocess.Popen(
        [ATTN_GRADE, "check", "03", name], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={"ATTN_GRADE_COURSE": str(ROOT), "PATH": PATH, "TMPDIR": str(folder)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # into the call
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == "" and errors == "stopped: nothing was graded\n"
    assert list(folder.iterdir()) == []


def test_a_missing_stub_is_told_how_to_come_back(tmp_path):
    shutil.copy(ROOT / "course.toml", tmp_path)
    done = subprocess.run(
        [ATTN_GRADE, "check", "03"], cwd=tmp_path, text=True, capture_output=True, check=False,
        env={"PATH": PATH},
    )  # fmt: skip
    assert done.returncode == 2 and "attn-grade reset 03" in done.stderr


@pytest.mark.slow
def test_an_empty_file_from_elsewhere_is_sent_to_the_lesson(learner, file):
    done = learner("check", "03", file(""))
    assert done.returncode == 1 and "Next: attn-grade lesson 03" in done.stdout


def test_a_file_from_elsewhere_that_cannot_be_read_is_the_one_to_check_again(learner, file):
    name = file(RIGHT + "(")
    done = learner("check", "03", name)
    assert done.returncode == 1 and done.stdout.rstrip().endswith(f"attn-grade check 03 {name}")


@pytest.mark.slow
def test_the_file_of_another_exercise_is_sent_to_that_one(learner, file):
    name = file(RIGHT)
    done = learner("check", "04", name)
    assert done.returncode == 1 and f"Next: attn-grade check 03 {name}" in done.stdout


def test_beside_a_failing_case_stands_what_was_printed_in_it(learner, file):
    done = learner("check", "03", file(TOP_LEFT), "--format", "json")
    failed = next(s for s in json.loads(done.stdout)["steps"] if s["verdict"] == "failed")
    assert failed["case"]["call"].startswith("causal_mask(2, 5")
    assert failed["output"] == "CANARY-PRINT 2\n"


@pytest.mark.parametrize("way", ["apart", "spawn"])
@pytest.mark.slow
def test_every_way_of_starting_workers_gives_the_same_marks(learner, file, way):
    done = learner("check", "03", file(TOP_LEFT), "--format", "json", ATTN_GRADE_WORKERS=way)
    assert json.loads(done.stdout)["score"] == 19


# -- what follows from a report, whatever it was made of -------------------------------

P, F, N, R = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_STARTED, Verdict.RAISED
G = Verdict.GRADER_ERROR


@pytest.fixture
def after(tmp_path, monkeypatch):
    """What `check` of the stub prints, and its exit code, once the steps have these verdicts."""
    course = Course.open(lay_out(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def checked(exercise: str, *verdicts: Verdict, **said: object) -> tuple[int, str]:
        one = course.exercise(exercise)
        one.stub.write_text(one.fresh_stub, encoding="utf-8")
        steps = [
            StepResult(step, verdict, step.points if verdict is P else 0, **said)
            for step, verdict in zip(one.steps, verdicts, strict=True)
        ]
        report = report_of(*steps, exercise=one.id, title=one.title)
        monkeypatch.setattr(checking, "_graded", lambda *_: report)
        done = CliRunner().invoke(main, ["check", one.number])
        return done.exit_code, done.output.splitlines()[-1].rpartition("attn-grade ")[2]

    return checked


@pytest.mark.parametrize(
    "exercise, verdicts, code, command",
    [
        ("01", (P, P, P), 0, "lesson 02"),
        ("03", (P,), 0, "list"),  # it is the last
        ("01", (N, N, N), 1, "lesson 01"),
        ("01", (P, P, N), 1, "check 01"),
        ("01", (P, P, F), 1, "hint 01 halve"),
        ("01", (N, N, F), 1, "hint 01 double"),  # which the failure may come from
        ("01", (P, G, P), 3, "doctor"),
        ("01", (F, G, P), 3, "doctor"),
    ],
)
def test_the_exit_code_and_the_next_command_follow_from_the_verdicts(
    after, exercise, verdicts, code, command
):
    assert after(exercise, *verdicts) == (code, command)


def test_what_holds_up_every_step_is_to_be_mended_and_checked_again(after):
    assert after("01", R, R, R, message="'(' was never closed.") == (1, "check 01")


def test_a_function_that_is_not_there_is_no_reason_to_read_the_lesson_again(after):
    said = {"message": "There is no `double` in this file.", "case": Case("double(1.0)")}
    assert after("01", N, N, N, **said) == (1, "check 01")


def test_a_check_of_the_stub_is_kept_as_an_attempt(after, tmp_path):
    after("01", P, F, P)
    course = Course.open(tmp_path)
    assert progress.load(course).of(course.exercises[0]).best == 5
