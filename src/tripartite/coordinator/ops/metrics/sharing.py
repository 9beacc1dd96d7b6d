"""Add up what several processes of one node have counted.

Each process writes its totals into a file of its own in ``<DATA_DIR>/metrics``, once a second if
they changed, and holds a lock for as long as it lives. Whoever answers a scrape adds up all files.
What a process that has ended left behind is moved into one file, ``ended.json``: counts go on
across restarts, and the number of files stays that of the processes.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tripartite.coordinator.ops.metrics.tally import Cells, Key, add_up

_ENDED: Final = "ended.json"


@dataclass(frozen=True, slots=True)
class Counted:
    """What one process, or all, have counted; ``connections`` to the database are open now."""

    cells: Cells
    connections: int = 0
    processes: int = 1


class Share:
    """This process's file. ``close`` leaves it for the others to add up."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self.token = f"{os.getpid()}-{secrets.token_hex(4)}"
        # Locked under another name first: a reader never meets the lock of a living process open.
        fresh = directory / f"{self.token}.new"
        self._lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.rename(directory / f"{self.token}.lock")
        self._written = ""

    def write(self, counted: Counted) -> None:
        """Tell the others."""
        text = _dump(counted.cells, connections=counted.connections)
        if text != self._written:
            _replace(self._directory / f"{self.token}.json", text)
            self._written = text

    def close(self) -> None:
        """Let go of the lock, as the end of the process would."""
        os.close(self._lock)


@dataclass(slots=True)
class _Ended:
    """The sums of all that have ended, and whose: a file that is in them must not count twice."""

    cells: dict[Key, list[float]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)


def read_others(directory: Path, *, but: str) -> Counted:
    """What all processes but the one with the token ``but`` have counted, ended ones included.

    Only the sole reader may call this: it also tidies up after those that have ended.
    """
    ended = _read_ended(directory)
    sums: dict[Key, list[float]] = {}
    connections, processes = 0, 0
    gone: list[str] = []
    for lock in sorted(directory.glob("*.lock")):
        token = lock.stem
        if token == but:
            continue
        if _is_alive(lock):
            living = _load(directory / f"{token}.json")
            add_up(sums, living.cells)
            connections += living.connections
            processes += 1
        else:
            gone.append(token)
            if token not in ended.tokens:
                add_up(ended.cells, _load(directory / f"{token}.json").cells)
    if gone:
        # First the sums that name the file, then the file: killed in between, nothing is counted
        # twice and nothing is lost.
        ended.tokens = gone
        _write_ended(directory, ended)
        for token in gone:
            (directory / f"{token}.json").unlink(missing_ok=True)
            (directory / f"{token}.lock").unlink(missing_ok=True)
    add_up(sums, ended.cells)
    return Counted(sums, connections, processes)


def _is_alive(lock: Path) -> bool:
    try:
        file = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_ended(directory: Path) -> _Ended:
    try:
        content = json.loads((directory / _ENDED).read_text())
    except (FileNotFoundError, ValueError):  # ValueError: torn by a power cut
        return _Ended()
    return _Ended({tuple(key): cell for key, cell in content["cells"]}, content["tokens"])


def _write_ended(directory: Path, ended: _Ended) -> None:
    _replace(
        directory / _ENDED,
        json.dumps(
            {"cells": [[key, cell] for key, cell in ended.cells.items()], "tokens": ended.tokens}
        ),
    )


def _load(file: Path) -> Counted:
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):  # nothing counted yet; torn by a power cut
        return Counted({})
    return Counted({tuple(key): cell for key, cell in content["cells"]}, content["connections"])


def _dump(cells: Cells, *, connections: int) -> str:
    return json.dumps(
        {"cells": [[key, cell] for key, cell in cells.items()], "connections": connections}
    )


def _replace(file: Path, text: str) -> None:
    """Readers see the old content or the new. Not synced: after a power cut, counts start anew."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)
