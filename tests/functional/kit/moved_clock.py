"""``python -m tests.functional.kit.moved_clock serve …``: a coordinator whose clock a test moves.

The hours that it is ahead stand in the file ``hours_ahead`` of its data directory. No production
code knows of this: the one place where the coordinator reads the time is replaced.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from tripartite.cli.main import main
from tripartite.coordinator import storing

NAME = "hours_ahead"
ENTRY = (sys.executable, "-m", "tests.functional.kit.moved_clock")


class MovedClock:
    """Real time plus the hours in the file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + timedelta(hours=float(self._file.read_text()))


def move(directory: Path, hours: float) -> None:
    """Set the clock of the coordinator with this data directory. A rename: never half a number."""
    fresh = directory / f".{NAME}"
    fresh.write_text(str(hours))
    fresh.replace(directory / NAME)


if __name__ == "__main__":
    clock = MovedClock(Path(os.environ["TRIPARTITE_DATA_DIR"]) / NAME)
    setattr(storing, "datetime", clock)  # noqa: B010 — mypy forbids it written plainly
    main()
