"""A worker answers in time or is ended with its whole tree, and its line tells why."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
import torch

from grader.exchange import Allowance, Line, WorkerDied
from grader.sandbox import open_nursery
from grader.worker import wire

ALLOWANCE = Allowance(cpu_seconds=1, submission_seconds=60, memory_mib=512, output_kib=4)
GO_ROUND = "import torch; o = torch.os; sys = torch.sys\n"  # past the courtesy on imports


@pytest.fixture(scope="session")
def nursery():
    with contextlib.closing(open_nursery("apart")) as nursery:
        yield nursery


@pytest.fixture
def line_to(nursery):
    """A line to a fresh worker that has loaded this source."""
    lines = []

    def loaded(source: str, allowance: Allowance = ALLOWANCE) -> Line:
        line = Line(nursery, allowance)
        lines.append(line)
        load(line, source)
        return line

    yield loaded
    for line in lines:
        with contextlib.suppress(OSError):
            line.close()


def load(line: Line, source: str) -> None:
    answer = line.ask(
        {"op": "load", "source": source, "name": "submission", "path": "mine.py",
         "kernels": [], "operations": [], "device": "cpu",
         "imports": ["torch", "math", "time", "dataclasses", "inspect", "__future__"]}
    )  # fmt: skip
    assert answer == {"value": None, "fired": []}, answer


def call(line: Line, function: str, *args, mode="value", **kwargs):
    return line.ask(
        {"op": "call", "function": function, "mode": mode, "args": args, "kwargs": kwargs,
         "cotangent": None}
    )  # fmt: skip


def died(line: Line, function: str, *args) -> WorkerDied:
    with pytest.raises(WorkerDied) as caught:
        call(line, function, *args)
    return caught.value


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_function_is_called_with_what_was_sent_and_its_value_comes_back(line_to):
    line = line_to("def f(x, n=1): return x * n, len(x.shape)")
    value, dims = call(line, "f", torch.ones(2, 2), n=3)["value"]
    assert torch.equal(value, torch.full((2, 2), 3.0)) and dims == 2


def test_strides_and_identity_reach_the_function(line_to):
    line = line_to("def f(x, y): return [list(x.stride()), x is y, x.requires_grad]")
    x = torch.ones(2, 3).mT.requires_grad_()
    assert call(line, "f", x, x)["value"] == [[1, 3], True, True]


def test_an_exception_comes_back_as_text_with_the_line_in_the_submission(line_to):
    source = "class Odd(ValueError):\n    pass\ndef g():\n    raise Odd('no')\ndef f():\n    g()\n"
    raised = call(line_to(source), "f")["raised"]
    assert raised == {"type": "Odd", "builtin": "ValueError", "text": "no", "line": 4}


def test_an_exception_that_cannot_be_printed_is_still_an_exception(line_to):
    source = "class E(Exception):\n    def __str__(self): raise SystemExit\ndef f(): raise E"
    assert call(line_to(source), "f")["raised"]["text"] == ""


def test_a_missing_function_is_named(line_to):
    assert call(line_to("x = 1"), "f")["missing"] == "f"


def test_a_value_the_wire_cannot_carry_is_named_by_its_type(line_to):
    assert (
        call(line_to("def f(x): return x.numpy()"), "f", torch.ones(1))["unsendable"]
        == "numpy.ndarray"
    )


def test_the_submission_is_a_registered_module_with_its_source(line_to):
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport inspect\n"
        "@dataclass\nclass P:\n    x: int\ndef f(): return [P(2).x, inspect.getsource(f)[:7]]\n"
    )
    line = line_to(source)
    assert call(line, "f")["value"] == [2, "def f()"]


def test_prints_are_kept_up_to_the_limit_and_never_block(line_to):
    line = line_to("def f():\n    for _ in range(300): print('x' * 9_999)\n    return 1")
    line.begin_step(5)
    assert call(line, "f")["value"] == 1
    assert line.printed() == "x" * 4096


def test_prints_belong_to_the_step_they_were_made_in(line_to):
    line = line_to("def f(x): print(x)")
    call(line, "f", "one")
    line.begin_step(1)
    call(line, "f", "two")
    assert line.printed() == "two\n"


def test_a_warning_of_torch_does_not_show_the_graders_files(line_to):
    line = line_to("import torch\ndef f(x): return x.T")
    call(line, "f", torch.ones(2, 2, 2))
    assert line.printed().startswith("UserWarning: The use of `x.T`")
    assert ".py" not in line.printed().splitlines()[0]


def test_input_is_empty_and_the_environment_too(line_to):
    line = line_to(GO_ROUND + "def f(): return [sys.stdin.read(), sorted(o.environ)]")
    assert call(line, "f")["value"] == ["", ["HOME", "LANG", "TMPDIR"]]


def test_no_descriptor_but_its_own_is_inherited(line_to):
    line = line_to(GO_ROUND + "def f(): return sorted(o.listdir('/proc/self/fd'), key=int)")
    numbers = call(line, "f")["value"]
    assert numbers[:4] == ["0", "1", "2", "3"] and len(numbers) == 5  # the fifth lists the folder


def test_the_working_folder_is_empty_private_and_gone_afterwards(line_to):
    source = (
        "def f():\n    open('x', 'w').write('y')\n"
        "    return [o.getcwd(), o.stat('.').st_mode & 0o777]\n"
    )
    line = line_to(GO_ROUND + source)
    folder, mode = call(line, "f")["value"]
    assert Path(folder, "x").exists() and mode == 0o700
    line.close()
    assert not Path(folder).exists()


def test_an_endless_loop_is_ended_by_its_cpu_time(line_to):
    line = line_to("def f():\n    while True: pass")
    line.begin_step(0.3)
    found = died(line, "f")
    assert found.how == "timed_out" and not found.by_the_wall


def test_waiting_is_ended_by_the_wall(line_to):
    line = line_to("import time\ndef f(): time.sleep(100)")
    line.begin_step(0.05)
    found = died(line, "f")
    assert found.how == "timed_out" and found.by_the_wall


@pytest.mark.parametrize(
    "body, words",
    [
        ("o._exit(0)", "ended itself with exit code 0"),
        ("o.abort()", "aborted"),
        ("o.kill(o.getpid(), 11)", "segmentation fault"),
        ("o.close(3); sys.modules['time'].sleep(100)", "stopped answering"),
    ],
)
def test_a_death_is_told_by_its_cause(line_to, body, words):
    found = died(line_to(GO_ROUND + f"def f(): {body}"), "f")
    assert found.how == "crashed" and words in found.detail


def test_memory_is_limited(line_to):
    line = line_to("import torch\ndef f():\n    return torch.ones(1 << 30).sum()")
    assert "allocate" in call(line, "f")["raised"]["text"]


def test_an_answer_nobody_asked_for_ends_the_worker(line_to):
    forge = (
        "w = sys.modules['grader.worker.wire']\n"
        "def f():\n"
        "    for b in w.frame(99, {'value': 5, 'fired': []}): o.write(3, b)\n"
        "    return 1\n"
    )
    line = line_to(GO_ROUND + forge)
    with pytest.raises(wire.WireError):
        call(line, "f")


@pytest.mark.parametrize("escape", ["", "o.setsid()"], ids=["child", "own session"])
def test_what_a_submission_leaves_running_ends_with_it(line_to, escape):
    source = (
        "import time\ndef f():\n    pid = o.fork()\n    if pid: return pid\n"
        f"    {escape}\n    time.sleep(1000)\n"
    )
    line = line_to(GO_ROUND + source)
    child = call(line, "f")["value"]
    assert alive(child)
    line.close()
    assert not alive(child)


def test_a_crash_leaves_the_nursery_fit_for_the_next(line_to):
    died(line_to(GO_ROUND + "def f(): o._exit(3)"), "f")
    assert call(line_to("def f(): return 1"), "f")["value"] == 1


@pytest.mark.parametrize(
    "signal",
    [pytest.param(9, id="killed"), pytest.param(19, id="stopped", marks=pytest.mark.slow)],
)
def test_a_nursery_that_its_worker_did_away_with_is_replaced(signal):
    """The worker's parent is the nursery, and nothing keeps a submission from a signal to it."""
    with contextlib.closing(open_nursery("apart")) as nursery:
        line = Line(nursery, ALLOWANCE)
        load(line, GO_ROUND + f"def f():\n    o.kill(o.getppid(), {signal})\n    o._exit(0)")
        found = died(line, "f")
        assert found.how == "crashed"
        line = Line(nursery, ALLOWANCE)
        load(line, "def f(): return 1")
        assert call(line, "f")["value"] == 1
        if hasattr(os, "sched_getaffinity"):  # it is not kept where its worker was kept
            load(line, GO_ROUND + "def f(): return sorted(o.sched_getaffinity(o.getppid()))")
            everywhere = call(line, "f")["value"]
            line.close()
            assert everywhere == sorted(os.sched_getaffinity(0))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no choice of processors here")
def test_grader_and_worker_share_a_processor_while_their_line_is_open(line_to):
    before = os.sched_getaffinity(0)
    asking = "def processors():\n    return sorted(o.sched_getaffinity(0))\n"
    line = line_to(GO_ROUND + asking)
    assert call(line, "processors")["value"] == sorted(os.sched_getaffinity(0))
    assert len(os.sched_getaffinity(0)) == 1
    line.close()
    assert os.sched_getaffinity(0) == before


def test_where_no_processor_may_be_chosen_a_worker_still_ends_and_its_folder_goes(
    line_to, monkeypatch
):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refused, raising=False)
    line = line_to(GO_ROUND + "def f(): return o.getpid(), o.getcwd()")
    pid, folder = call(line, "f")["value"]
    line.close()
    assert not alive(pid) and not Path(folder).exists()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no choice of processors here")
@pytest.mark.parametrize("when", ["before", "while it is open"])
def test_a_grader_that_was_put_on_one_processor_stays_there_after_a_line(line_to, when):
    line_to("").close()
    before = os.sched_getaffinity(0)
    here = {min(before)}
    try:
        if when == "before":
            os.sched_setaffinity(0, here)
        line = line_to("")
        here = here if when == "before" else before - os.sched_getaffinity(0) or before
        os.sched_setaffinity(0, here)
        line.close()
        assert os.sched_getaffinity(0) == here
    finally:
        os.sched_setaffinity(0, before)


def test_an_answer_much_larger_than_its_question_is_refused(line_to):
    line = line_to("import torch\ndef f(): return torch.ones(1 << 22)")
    with pytest.raises(wire.WireError):
        call(line, "f")


def test_a_tensor_that_would_be_too_large_is_refused_before_it_is_laid_out(line_to):
    line = line_to("import torch\ndef f(): return torch.zeros(1).expand(10**10)")
    assert "too large" in call(line, "f")["unsendable"]


def test_a_process_name_of_odd_bytes_does_not_switch_the_limit_off(line_to):
    source = (
        "def f():\n    open('/proc/self/comm', 'wb').write(b'\\xff\\xfe')\n    while True: pass"
    )
    line = line_to(source)
    line.begin_step(0.3)
    found = died(line, "f")
    assert found.how == "timed_out" and not found.by_the_wall


def test_an_object_of_the_submission_stays_there_and_can_be_handed_back(line_to):
    line = line_to("class Box:\n    n = 3\ndef make(): return Box()\ndef read(box): return box.n")
    box = call(line, "make")["value"]
    assert isinstance(box, wire.Handle) and box.type_name == "Box"
    assert call(line, "read", box)["value"] == 3


def test_parallel_operations_work_in_a_forked_worker(line_to):
    line = line_to(
        "import torch\ndef f():\n    torch.set_num_threads(2)\n    x = torch.ones(800, 800)\n"
        "    return (x @ x).sum().item()\n"
    )
    line.begin_step(10)
    assert call(line, "f")["value"] == 800.0**3


@pytest.mark.slow
def test_a_spawned_worker_serves_where_there_is_no_fork():
    with contextlib.closing(open_nursery("spawn")) as nursery:
        line = Line(nursery, ALLOWANCE)
        line.begin_step(20)
        line.ask(
            {"op": "load", "source": "def f(x): return x + 1", "name": "submission", "path": "m.py",
             "kernels": [], "operations": [], "imports": [], "device": "cpu"}
        )  # fmt: skip
        assert torch.equal(call(line, "f", torch.ones(1))["value"], torch.full((1,), 2.0))


def test_the_forking_process_keeps_to_one_thread(nursery):
    threads = os.listdir(f"/proc/{nursery._pid}/task")
    assert len(threads) == 1


def test_the_nursery_ends_with_the_process_that_opened_it(tmp_path):
    pid = os.fork()
    if not pid:
        inner = open_nursery("apart")
        (tmp_path / "pid").write_text(str(inner._pid))
        os._exit(0)
    os.waitpid(pid, 0)
    opened = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(opened) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(opened)
