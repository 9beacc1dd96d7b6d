"""One devnet for all stories on real daemons, of functional tests and of liars; one log per test."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tripartite.devnet.network import Devnet

# Not the settings of a coordinator that is installed on this machine.
os.environ["TRIPARTITE_SETTINGS_FILE"] = ""


@pytest.fixture(scope="session")
def devnet(request: pytest.FixtureRequest) -> Iterator[Devnet]:
    """Started when the first story asks for it. Its directory stays only if a test failed."""
    failed_before = request.session.testsfailed
    directory = Path(tempfile.mkdtemp(prefix="tripartite-stories-"))
    running = Devnet.start(directory)
    try:
        yield running
    finally:
        running.stop()
        troubles = running.troubles()
        if troubles or request.session.testsfailed > failed_before:
            print(f"\nthe logs of the failed stories are in {directory}")  # noqa: T201 — for people
        else:
            shutil.rmtree(directory)
    assert troubles == []


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """What a test makes of the log ends with it: its sink may be closed when the next one logs."""
    configured, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    structlog.configure(**configured)
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
