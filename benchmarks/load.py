"""``make load``: many agents connected and waiting, escrows set up beside them; ``build/load.json``.

SIMULATION: the wallets and the agents' work are replaced. What a wallet would say in a key exchange
is random bytes; all messages are made, signed and sealed beforehand, in this process. Everything else
is real: the coordinator's process, HTTP, WebSockets, its judging of every signature, its database.

A *waiting agent* is an account of its own with a token and an open WebSocket. The escrows are those of
some of them, who are paired and whose sockets get what is said.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from benchmarks.processes import usage
from benchmarks.relay import Crowd, script
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, Message
from tripartite.validation.figures import percentile

_RESULT: Final = Path("build") / "load.json"
_TRIOS: Final = 10
_SPEAKERS: Final = 16
_NO_NODE: Final = "http://127.0.0.1:9"
"""Nothing is paid here, so no node is asked."""


class LoadFailed(Exception):
    """A message was refused, or an agent lost its connection."""


def main() -> None:
    """Connect, say, print, write. Ends with 1 if a message or a connection was lost."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="tripartite-load-") as place:
        coordinator = CoordinatorProcess(Path(place) / "coordinator", node_url=_NO_NODE)
        coordinator.start()
        try:
            figures = measure(coordinator, given.agents, given.rate, given.minutes)
        finally:
            coordinator.stop()
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    _say(f"written to {_RESULT}")


def measure(
    coordinator: CoordinatorProcess, agents: int, rate: int, minutes: float
) -> Mapping[str, object]:
    """The figures. ``rate`` is escrows per minute. Raises LoadFailed."""
    assert coordinator.pid is not None
    crowds = [Crowd(coordinator) for _ in range(_TRIOS)]
    count = round(rate * minutes)
    _say(f"SIMULATED wallets; writing {count} set-ups of 18 messages")
    scripts = [(crowds[n % _TRIOS], script(crowds[n % _TRIOS].identities)) for n in range(count)]
    alone = usage(coordinator.pid)
    tokens = _enrol(coordinator, agents - len(Role) * _TRIOS)
    tokens += [token.reveal() for crowd in crowds for token in crowd.tokens.values()]
    began = time.monotonic()
    with _waiting(coordinator, tokens) as ask:
        connecting = time.monotonic() - began
        waiting = usage(coordinator.pid)
        _say(f"{agents} agents connected in {connecting:.0f} s, {waiting.rss_mib:.0f} MiB")
        took, seconds = _say_all(scripts, rate)
        loaded = usage(coordinator.pid)
        still = ask()
        if still["open"] != len(tokens):
            raise LoadFailed(f"of {len(tokens)} agents only {still['open']} are connected still")
    figures = {
        "simulation": "wallets and agents are simulated; the coordinator and its work are real",
        "agents": agents,
        "escrows": count,
        "escrows_per_minute": round(count / seconds * 60, 1),
        "messages": len(took),
        "pushed_frames": still["frames"],
        "seconds_to_connect": round(connecting, 1),
        "message_ms_p50": round(1_000 * percentile(took, 50), 1),
        "message_ms_p99": round(1_000 * percentile(took, 99), 1),
        "message_ms_longest": round(1_000 * max(took), 1),
        "rss_mib_alone": round(alone.rss_mib, 1),
        "rss_mib_waiting": round(waiting.rss_mib, 1),
        "rss_mib_after": round(loaded.rss_mib, 1),
        "kib_per_waiting_agent": round((waiting.rss_mib - alone.rss_mib) * 1024 / agents, 1),
        "cpu_share": round((loaded.cpu_seconds - waiting.cpu_seconds) / seconds, 2),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    for name, value in figures.items():
        _say(f"{name}: {value}")
    return figures


def _enrol(coordinator: CoordinatorProcess, count: int) -> list[str]:
    """So many accounts with a token each; the tokens.

    Written into the database: hashing their passwords would take longer than all the rest.
    """
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
    database = sqlite3.connect(coordinator.database, timeout=60.0)
    with database:
        for number, token in enumerate(tokens):
            row = database.execute(
                "INSERT INTO accounts_account (password, is_superuser, name, is_staff, is_arbiter,"
                " is_active, created_at) VALUES ('!', 0, ?, 0, 0, 1, ?)",
                (f"waiting-{number}", now),
            )
            database.execute(
                "INSERT INTO accounts_apitoken (account_id, digest, label, scope, created_at)"
                " VALUES (?, ?, 'load', 'full', ?)",
                (row.lastrowid, hashlib.sha256(token.encode()).hexdigest(), now),
            )
    database.close()
    return tokens


class _Ask:
    """How many agents are connected still."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, line: str = "") -> Mapping[str, object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return cast("Mapping[str, object]", json.loads(self._process.stdout.readline()))


@contextmanager
def _waiting(coordinator: CoordinatorProcess, tokens: Sequence[str]) -> Iterator[_Ask]:
    """While this lasts, agents with these tokens are connected."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.waiting_agents"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ask = _Ask(process)
        url = f"ws{coordinator.url.removeprefix('http')}/api/events/ws?after=0"
        answer = ask(json.dumps({"url": url, "tokens": list(tokens)}))
        if answer["failed"]:
            raise LoadFailed(f"not all agents could connect: {answer}")
        yield ask
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _say_all(
    scripts: Sequence[tuple[Crowd, Sequence[Message]]], rate: int
) -> tuple[list[float], float]:
    """Say all set-ups, each begun at its time; seconds per message, and of all together."""
    began = time.monotonic()

    def begin(number: int) -> list[float]:
        time.sleep(max(began + number * 60 / rate - time.monotonic(), 0.0))
        return list(_set_up(*scripts[number]))

    with ThreadPoolExecutor(_SPEAKERS) as threads:
        took = [one for several in threads.map(begin, range(len(scripts))) for one in several]
    return took, time.monotonic() - began


def _set_up(crowd: Crowd, messages: Sequence[Message]) -> Iterator[float]:
    """One set-up over one connection; the seconds until each message was stored and answered.

    Raises LoadFailed.
    """
    place = urlsplit(crowd.coordinator.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    for message in messages:
        opening = message.kind is Kind.PROPOSE
        path = "/api/escrow" if opening else f"/api/escrow/{message.escrow_id}/messages"
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {crowd.tokens[message.role].reveal()}",
            "Idempotency-Key": message.digest,
        }
        began = time.monotonic()
        connection.request("POST", path, json.dumps({"envelope": message.text}).encode(), headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.CREATED:
            raise LoadFailed(f"{message.kind.value}: {response.status} {answer[:500]!r}")
        yield time.monotonic() - began
    connection.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000, help="connected and waiting (10000)")
    parser.add_argument("--rate", type=int, default=100, help="escrows a minute (100)")
    parser.add_argument("--minutes", type=float, default=3.0, help="for so long (3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
