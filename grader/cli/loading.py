"""What takes a moment and is said meanwhile; the import of torch above all."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

from grader.errors import GraderFault


@contextlib.contextmanager
def saying(what: str) -> Iterator[None]:
    """Say what takes a moment, on a terminal only, and wipe it away afterwards."""
    live = sys.stderr is not None and sys.stderr.isatty()
    if live:
        sys.stderr.write(f"{what} …")
        sys.stderr.flush()
    try:
        yield
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def load_torch() -> None:
    """Import torch, in the shortest time; raises `GraderFault` where that fails."""
    # torch brings numpy, whose thread pool would outlive neither fork nor purpose.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The collector would walk what torch makes again and again while it is made, and once
    # more at the end: a fifth of the time. What is frozen is never walked, in no worker either.
    gc.disable()
    try:
        with saying("loading torch"):
            import torch  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: a shared library that is not there
        says = f"torch cannot be imported ({error}); see `attn-grade doctor`"
        raise GraderFault(says) from None
    finally:
        gc.freeze()
        gc.enable()
