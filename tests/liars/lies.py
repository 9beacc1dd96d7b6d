"""Every lie has a name, somebody who tells it, and the answer that an honest agent gives.

``lie`` marks the story that tells one. What was told in a run, and what was refused, is written to
``build/lies.json``; ``docs/threat-model.md`` lists them all, and a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

MARK: Final = "lie"


def lie(name: str, *, by: str, answer: str) -> pytest.MarkDecorator:
    """This story tells a lie; ``answer`` is an error code.

    Or it is ``ignored``: an agent has no reason to notice words that it never believes.
    """
    return pytest.mark.lie(name=name, by=by, answer=answer)


class Book:
    """What was told in a run, and what was refused. A plugin of pytest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: list[object] = []
        self._refused = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Whichever process ran the story."""
        told = [entry for name, entry in report.user_properties if name == MARK]
        # A report of the story's teardown has the same properties.
        if report.when == "call":
            self._told += told
            self._refused += len(told) if report.passed else 0

    def pytest_sessionfinish(self) -> None:
        """Write it; nothing if no lie was told."""
        if self._told:
            self._path.parent.mkdir(exist_ok=True)
            book = {"told": len(self._told), "refused": self._refused, "lies": self._told}
            self._path.write_text(json.dumps(book, indent=1) + "\n")
