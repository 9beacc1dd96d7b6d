"""One log file a day, kept for a week.

The day is part of the name and nothing is ever renamed, so that any number of processes can write
to the same file and change to the next one, each when it has something to say.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

KEPT: Final = 7
"""Days, today included (requirement document, Appendix C: 7 days, rotated daily)."""


def today() -> date:
    """The date, UTC."""
    return datetime.now(UTC).date()


class DailyFile:
    """Lines go to ``<directory>/<name>-<date>.log``, mode 0600; older files are removed."""

    def __init__(self, directory: Path, name: str, *, day: Callable[[], date] = today) -> None:
        """Make the directory (0700) if need be."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._name = name
        self._today = day
        self._lock = threading.Lock()
        self._day: date | None = None
        self._file = -1

    def write(self, text: str) -> int:
        """Add ``text``, which ends with its newline, in one piece."""
        with self._lock:
            if self._today() != self._day:
                self._turn()
            # One write to a file opened for appending: lines of several processes don't mix.
            os.write(self._file, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close today's file; the next line opens it again."""
        with self._lock:
            if self._day is not None:
                os.close(self._file)
                self._day = None

    def _turn(self) -> None:
        if self._day is not None:
            os.close(self._file)
        self._day = self._today()
        path = self._directory / f"{self._name}-{self._day.isoformat()}.log"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._remove_old(before=self._day - timedelta(days=KEPT - 1))

    def _remove_old(self, *, before: date) -> None:
        ours = re.compile(rf"{re.escape(self._name)}-(\d{{4}}-\d\d-\d\d)\.log")
        for path in self._directory.iterdir():
            found = ours.fullmatch(path.name)
            if found and found[1] < before.isoformat():
                # Another process may do the same right now.
                path.unlink(missing_ok=True)
