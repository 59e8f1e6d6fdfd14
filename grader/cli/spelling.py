"""Commands spelt so that they work when they are pasted where they were printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "attn-grade"


def command(folder: Path | None, verb: str, *more: str) -> str:
    """`attn-grade VERB …`, with the --course that was given and a path where PATH lacks it."""
    where = ["--course", str(folder)] if folder is not None else []
    return shlex.join([_program(), *where, verb, *more])


def _program() -> str:
    """Our name if the shell finds this very program by it, else the way to it from here."""
    running = Path(sys.argv[0])
    found = shutil.which(NAME)
    if running.name != NAME or (found and os.path.samefile(found, running)):
        return NAME
    try:
        return str(running.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(running.absolute())


def as_typed(path: Path) -> str:
    """A path as a learner would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # elsewhere, from nowhere, a loop of links
        return str(path)
