"""One devnet for all stories on real daemons, of functional tests and of liars."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
