"""A learner's file made afresh: what was in it is kept beside it."""

from __future__ import annotations

import os
from pathlib import Path

from grader.errors import UsageFault


def restore(path: Path, stub: str) -> Path | None:
    """Make `path` the fresh stub; what was there is moved to a name of its own, returned.

    None where nothing was there, `path` itself where it already is that stub. Raises
    `UsageFault` where files cannot be written; nothing is lost then either.
    """
    kept = None
    try:
        if path.is_file() and path.read_bytes() == stub.encode():
            return path
        if os.path.lexists(path):
            kept = _moved_aside(path)
        with path.open("xb") as file:  # never over what an editor may have saved meanwhile
            file.write(stub.encode())
    except OSError as error:
        where = f"; what was in it is in {kept}" if kept else ""
        raise UsageFault(f"{path} cannot be made afresh: {error.strerror}{where}") from None
    return kept


def _moved_aside(path: Path) -> Path:
    """Move a file to the next free name beside it, taken first so that nobody else gets it."""
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.stem}.kept-{number}{path.suffix}")):
        number += 1
    kept.open("xb").close()
    try:
        os.replace(path, kept)
    except OSError:
        kept.unlink()
        raise
    return kept
