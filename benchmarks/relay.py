"""How many messages a coordinator relays per second of its own CPU time.

    python -m benchmarks.relay [deals]

Starts a real server (SQLite, synchronous=FULL, as by default) and plays whole set-ups against it
over HTTP: proposal, acceptances, signatures, key exchange, attestations; 18 stored messages per
deal, each signed with real keys beforehand, a few deals at a time. Counts the CPU seconds of the
server process alone, user and system, all threads.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Envelopes are written with the tests' kit, which wants Django's settings; the server has its own.
os.environ.setdefault("TRIPARTITE_NETWORK", "regtest")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")

import django

django.setup()

# ruff: noqa: E402 — models may only be imported once Django is set up
from tests.contract.kit import Deal
from tripartite.domain.parties import Role
from tripartite.protocol.identity import Identity
from tripartite.protocol.pairing import write_card

PASSWORD = "correct horse battery"  # noqa: S105 — for accounts that live for one measurement
CLIENTS = 4


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    messages: int
    seconds: float
    cpu_seconds: float
    rss_mib: float

    @property
    def per_cpu_second(self) -> float:
        return self.messages / self.cpu_seconds


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def post(self, path: str, body: object, token: str | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status >= 300:
            raise RuntimeError(f"{path}: {answer}")
        return answer


@contextmanager
def server(home: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A coordinator on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "TRIPARTITE_DATA_DIR": str(home),
        "TRIPARTITE_NETWORK": "regtest",
        "TRIPARTITE_PORT": str(port),
        "TRIPARTITE_LOG_LEVEL": "warning",
        **settings,
    }
    command = [sys.executable, "-c", "from tripartite.cli.serve import app; app()"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("ready "):
            raise RuntimeError("the coordinator didn't start")
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


def measure(deals: int = 100) -> Figures:
    """Play ``deals`` set-ups and count."""
    with tempfile.TemporaryDirectory() as home, server(Path(home)) as (process, port):
        identities = {role: Identity.generate() for role in Role}
        tokens = _open_accounts(Client(port), port, identities)
        scripts = [_script(identities) for _ in range(deals)]
        parts = [scripts[number::CLIENTS] for number in range(CLIENTS)]
        before, began = cpu_seconds(process.pid), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda part: _play(port, tokens, part), parts))
        seconds, cpu = time.monotonic() - began, cpu_seconds(process.pid) - before
        return Figures(sum(map(len, scripts)), seconds, cpu, rss_mib(process.pid))


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Memory that a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


Script = list[tuple[str, Role, str]]


def _script(identities: dict[Role, Identity]) -> Script:
    """Path, speaker and envelope of every message of one set-up."""
    deal = Deal(identities)
    script = [("/api/escrow", Role.BUYER, deal.propose())]
    for role, kind, options in deal.until_attested():
        text = deal.write(role, kind, **options())
        deal.fold(text)
        script.append((f"/api/escrow/{deal.escrow_id}/messages", role, text))
    return script


def _play(port: int, tokens: dict[Role, str], scripts: list[Script]) -> None:
    client = Client(port)
    for script in scripts:
        for path, role, text in script:
            client.post(path, {"envelope": text}, tokens[role])


def _open_accounts(client: Client, port: int, identities: dict[Role, Identity]) -> dict[Role, str]:
    tokens = {}
    for role, identity in identities.items():
        account = {"name": role.value, "password": PASSWORD}
        client.post("/api/accounts", account)
        tokens[role] = client.post("/api/tokens", {**account, "label": "bench"})["token"]
        card = write_card(
            identity,
            account=role.value,
            coordinator=f"http://127.0.0.1:{port}",
            issued_at=datetime.now(UTC),
        )
        client.post("/api/agent/pair", {"card": card}, tokens[role])
    return tokens


if __name__ == "__main__":
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(
        f"{figures.messages} messages in {figures.seconds:.2f} s, {figures.cpu_seconds:.2f} s of"
        f" CPU: {figures.per_cpu_second:.0f} per CPU-second; {figures.rss_mib:.0f} MiB"
    )
