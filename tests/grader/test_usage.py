"""What a process uses is asked of the kernel, children and orphans included."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import usage
from grader.exchange import Allowance, Line
from grader.sandbox import Nursery, open_nursery

BUSY = 0.3  # seconds of CPU
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


def test_a_process_is_told_of_its_own_time_and_memory():
    before = usage.cpu_seconds(os.getpid())
    until = time.process_time() + BUSY
    while time.process_time() < until:
        pass
    assert BUSY - 0.03 <= usage.cpu_seconds(os.getpid()) - before < 4 * BUSY
    assert 1 << 20 < usage.memory(os.getpid()) < 1 << 40


def test_nothing_is_told_of_a_process_that_is_gone():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert usage.cpu_seconds(gone.pid) == usage.memory(gone.pid) == 0
    assert usage.cpu_seconds_of_tree(gone.pid) == 0


SOURCE = """
import os, time


def burn():
    until = time.process_time() + {busy}
    while time.process_time() < until:
        pass


def alone():
    burn()


def in_a_child_that_lives_on():
    read, write = os.pipe()
    if not os.fork():
        burn()
        os.write(write, b"!")
        time.sleep(60)
    os.read(read, 1)


def in_an_orphan():
    read, write = os.pipe()
    if not os.fork():
        if not os.fork():
            os.setsid()
            burn()
            os.write(write, b"!")
            os._exit(0)
        os._exit(0)
    os.wait()
    os.close(write)
    os.read(read, 2)
    os.read(read, 2)  # the pipe is closed: the orphan has ended
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with contextlib.closing(open_nursery("apart")) as nursery:
        yield nursery


@linux
@pytest.mark.parametrize("function", ["alone", "in_a_child_that_lives_on", "in_an_orphan"])
def test_a_submission_cannot_compute_without_its_being_seen(nursery, function):
    allowance = Allowance(cpu_seconds=10, submission_seconds=60, memory_mib=1024, output_kib=64)
    line = Line(nursery, allowance)
    load = {
        "op": "load", "source": SOURCE.format(busy=BUSY), "name": "submission",
        "path": "mine.py", "kernels": [], "operations": [], "device": "cpu", "given": {},
        "imports": ["os", "time"],
    }  # fmt: skip
    assert "value" in line.ask(load)
    call = {"op": "call", "function": function, "mode": "value", "args": (), "kwargs": {},
            "cotangent": None}  # fmt: skip
    before = line.cpu_of_all()
    assert line.ask(call) == {"value": None, "fired": []}
    time.sleep(0.05)  # for the nursery to reap what was left to it
    assert BUSY - 0.03 <= line.cpu_of_all() - before < 4 * BUSY
    line.close()
    assert line.cpu_of_all() == 0
