"""Secret files that are made when they are first needed, once, however many processes start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def make_once(path: Path, text: str) -> None:
    """Make the file (0600) with this text, unless another process was faster: then its stays.

    On the disk when this returns. A crash can't leave half a file behind.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = write_beside(path, text)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()


def write_beside(path: Path, text: str) -> Path:
    """A new file (0600) in the same directory, on the disk, that can be given the path's name."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
