"""The worker's side of a conversation: load one submission, answer calls until the line ends."""

from __future__ import annotations

import builtins
import inspect
import linecache
import os
import socket
import sys
import threading
import traceback
import types
import warnings
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from grader.worker import limits as worker_limits
from grader.worker import measure, wire
from grader.worker.asking import Ask, asking, asking_class
from grader.worker.imports import restricted_import
from grader.worker.objects import Objects, function_named
from grader.worker.traps import Traps, install

Message = dict[str, Any]


@dataclass
class Bench:
    """What one worker holds: the submission's module and the traps it runs under."""

    module: types.ModuleType | None = None
    path: str = ""
    traps: Traps | None = None
    ask: Ask | None = None  # the grader, while a call is open
    objects: Objects = field(default_factory=Objects)

    def keep(self, value: object) -> wire.Handle | None:
        """A handle for an object of one of the submission's own classes."""
        if self.module is None or type(value).__module__ != self.module.__name__:
            return None
        return self.objects.handle(value)

    def asks(self, question: Message) -> Message:
        """The grader's reply to a question that comes up while a call is open."""
        assert self.ask is not None
        return self.ask(question)


def serve(channel: socket.socket, limits: worker_limits.WorkerLimits) -> None:
    """Answer requests on `channel` until it ends; never returns an error, only answers."""
    worker_limits.confine(limits)
    # One thread: the same numbers on every machine, and no idle pool counted as CPU time.
    torch.set_num_threads(1)
    if limits.cuda:  # seconds of CPU, which are not the submission's
        torch.zeros(1, device="cuda")
    bench = Bench()
    one_at_a_time = threading.RLock()  # a submission may ask from threads of its own

    def fill(view: memoryview) -> None:
        while len(view):
            count = channel.recv_into(view)
            if not count:
                raise EOFError
            view = view[count:]

    def send(buffers: list[bytes | memoryview]) -> None:
        for buffer in buffers:
            channel.sendall(buffer)

    send(wire.frame(0, {"ready": True}))
    while True:
        try:
            number, request = wire.read(fill, faithful=True, resolve=bench.objects.thing)
        except EOFError:
            return

        def ask(question: Message, number: int = number) -> Message:
            # Whoever watches the submission's calls has no business with these.
            with one_at_a_time, torch._C.DisableTorchFunction():
                send(wire.frame(number, {"ask": question}))
                reply: Message = wire.read(fill, faithful=True)[1]  # its handles are the grader's
                return reply

        bench.ask = ask
        send(_reply(number, answer(bench, request), bench))


def _reply(number: int, message: Message, bench: Bench) -> list[bytes | memoryview]:
    """The frame of an answer; a value the wire cannot carry becomes its type's name."""
    try:
        return wire.frame(number, message, bench.keep)
    except wire.Unsendable as unsendable:
        says = str(unsendable)
    except Exception as error:  # a value that fails while it is looked at
        says = f"a value that cannot be read ({type(error).__name__})"
    return wire.frame(number, {"unsendable": says, "fired": message["fired"]})


def answer(bench: Bench, request: Message) -> Message:
    """What a request comes to: a value, or how the student's code failed to give one."""
    try:
        message = _load(bench, request) if request["op"] == "load" else _call(bench, request)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's too
        message = {"raised": _raised(error, bench.path, request["op"] == "load")}
    _flush()
    message["fired"] = bench.traps.taken() if bench.traps else []
    return message


def _load(bench: Bench, request: Message) -> Message:
    """Run the submission as a registered module, so that dataclasses and typing work."""
    source, name, bench.path = request["source"], request["name"], request["path"]
    bench.traps = install(request["kernels"], request["operations"], request["device"])
    module = types.ModuleType(name)
    module.__file__ = bench.path
    module.__dict__["__builtins__"] = dict(vars(builtins)) | {
        "__import__": restricted_import(frozenset(request["imports"]), name)
    }
    sys.modules[name] = module
    lines = source.splitlines(keepends=True)
    linecache.cache[bench.path] = (len(source), None, lines, bench.path)
    bench.module = module
    with bench.traps.watching():
        exec(compile(source, bench.path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    classes: dict[str, type] = {}
    for given, members in request.get("given", {}).items():
        if members is None:
            module.__dict__[given] = asking(given, bench.asks, classes)
        else:
            classes[given] = asking_class(given, members, bench.asks, name, classes)
    module.__dict__.update(classes)
    return {"value": None}


def _call(bench: Bench, request: Message) -> Message:
    """What comes of a call; a result that is to be kept stays here, and is named by a handle."""
    assert bench.module is not None and bench.traps is not None
    name, mode, args = request["function"], request["mode"], request["args"]
    if request.get("afresh"):
        bench.objects.clear()
    function = function_named(vars(bench.module), name, mode)
    member = name.partition(".")[2] if mode != "read" else ""
    more = {"cotangent": request["cotangent"]} if mode == "gradients" else {}
    with bench.traps.watching():
        if function is None or (member and not _has(args[0], member)):
            return {"missing": name}
        value = measure.MODES[mode](function, args, request["kwargs"], **more)
    return {"value": bench.objects.kept(value) if mode == "kept" else value}


def _has(thing: object, member: str) -> bool:
    """Whether an object has a member; it has a property that raises, which is not asked here."""
    return inspect.getattr_static(thing, member, None) is not None or hasattr(thing, member)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # the student may have put anything there
            continue


def _raised(error: BaseException, path: str, loading: bool) -> Message:
    """An exception as text: its type, the nearest builtin type, its words and its line."""
    try:
        text = str(error)[:2000]
    except BaseException:  # an exception whose __str__ raises
        text = ""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__)
             if frame.f_code.co_filename == path]  # fmt: skip
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno or 0)
    return {
        "type": type(error).__name__[:100],
        "builtin": measure.builtin_kind(error),
        "text": text,
        # While the file is loaded, the line at its top level is where to look.
        "line": (lines[0] if loading else lines[-1]) if lines else None,
    }


def _no_debugger(*args: Any, **kwargs: Any) -> NoReturn:
    """What `breakpoint()` does here, where nobody sits at a keyboard."""
    raise RuntimeError(
        "breakpoint() waits for a keyboard, and there is none while your work is graded. "
        "What you print is shown in the report."
    )


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning without the place it came from, which is mostly the grader's or torch's."""
    return f"{category.__name__}: {message}\n"


def take_streams(out: int, err: int) -> None:
    """Make the two pipes this process's stdout and stderr, and nothing its stdin."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    options: Any = {"encoding": "utf-8", "errors": "backslashreplace", "closefd": False}
    sys.stdin = open(0, **options)  # noqa: SIM115 - these stay open
    sys.stdout = open(1, "w", buffering=1 << 14, **options)  # noqa: SIM115
    warnings.formatwarning = _warning
    sys.breakpointhook = _no_debugger
    sys.stderr = open(2, "w", buffering=1, **options)  # noqa: SIM115
