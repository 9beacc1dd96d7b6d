"""A real coordinator process for a test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tripartite.devnet.coordinator_process import WITHOUT_LIMITS

COMMAND = (sys.executable, "-c", "from tripartite.cli.serve import app; app()")


@dataclass(frozen=True)
class Served:
    """A coordinator that answers."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    metrics: str

    @property
    def shared(self) -> Path:
        """Where its processes tell each other what they counted."""
        return self.log.parent / "metrics"

    @property
    def websocket(self) -> str:
        return self.url.replace("http", "ws", 1) + "/api/events/ws"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(home: Path, *arguments: str, **settings: str) -> Iterator[Served]:
    """``tripartite serve`` in its own process, stopped at the end of the block.

    ``settings`` are environment variables without their prefix.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRIPARTITE_")},
        "TRIPARTITE_SETTINGS_FILE": "",
        "TRIPARTITE_DATA_DIR": str(home),
        "TRIPARTITE_NETWORK": "regtest",
        "TRIPARTITE_PORT": str(free_port()),
        "TRIPARTITE_METRICS_PORT": str(free_port()),
        **WITHOUT_LIMITS,
        **{f"TRIPARTITE_{name}": value for name, value in settings.items()},
    }
    log = home / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), log.read_text()
        metrics = f"http://127.0.0.1:{environment['TRIPARTITE_METRICS_PORT']}"
        yield Served(process, line.split()[1], log, metrics)
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0, log.read_text()
        process.stdout.close()  # type: ignore[union-attr]  # piped above
