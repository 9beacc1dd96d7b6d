"""``make bench``, second half: several nodes over one PostgreSQL; writes ``build/nodes.json``.

What is measured, and on what: this machine, a private PostgreSQL without fsync, our own load from
the same cores. So requests per second are a lower bound, and mostly tell whether a second node
costs anything.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Final, cast
from urllib.parse import urlsplit

import psycopg

from benchmarks.copies import copy_escrow
from benchmarks.processes import usage
from benchmarks.relay import Crowd, say_set_ups
from tests.contract import postgres
from tests.functional.kit.hall import Hall
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.monero.processes import MonerodProcess

_RESULT: Final = Path("build") / "nodes.json"
_SIZES: Final = (100, 1_000, 10_000)
_BATCHES: Final = 3
_PER_BATCH: Final = 25
_CONNECTIONS: Final = 8
_LOAD_SECONDS: Final = 5.0
_LEASE_SECONDS: Final = 15.0


def main() -> None:
    """Measure, print, write."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tripartite-nodes-")))
        cluster = stack.enter_context(postgres.cluster())
        node = stack.enter_context(MonerodProcess.start(place / "monerod"))
        figures: dict[str, object] = {
            "lease_seconds": _LEASE_SECONDS,
            "takeover_seconds": round(takeover(place, cluster.create("takeover"), node), 2),
        }
        _say(figures)
        coordinators = [
            CoordinatorProcess(
                place / f"node-{number}",
                node_url=node.url,
                database_url=cluster.url("load"),
            )
            for number in range(2)
        ]
        cluster.create("load")
        for coordinator in coordinators:
            coordinator.start()
            stack.callback(coordinator.stop)
        crowd = Crowd(coordinators[0])
        say_set_ups(crowd, 1)
        for count in (1, 2):
            rate = requests_per_second(coordinators[:count], crowd)
            figures[f"requests_per_second_{count}"] = round(rate)
        _say(figures)
        coordinators[1].stop()
        costs: dict[str, float] = {}
        figures["cpu_ms_per_escrow"] = costs
        for size in _SIZES:
            fill(cluster.url("load"), size)
            costs[str(size)] = round(1_000 * cpu_seconds_per_escrow(crowd), 1)
            _say(figures)
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=2) + "\n")


def takeover(place: Path, database_url: str, node: MonerodProcess) -> float:
    """Seconds from the kill of an attach process until another goes on with its work.

    The work is a registration at a wallet-rpc that takes the connection and never answers: so it
    surely is in the victim's hands, and the heir's connection shows when it has it.
    """
    hall = Hall.open(place / "hall", node, DATABASE_URL=database_url)
    try:
        hall.add_node()
        victim, heir = (hall.add_attach(lease=_LEASE_SECONDS) for _ in range(2))
        people = [hall.guest(name) for name in ("bob", "vera", "art")]
        escrow = hall.propose(people[0], people[1], people[2])
        hall.until(lambda: hall.state(people[0], escrow) == "created")
        heir.pause()
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            body = {
                "rpc_url": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "role": Role.BUYER.value,
            }
            asking = threading.Thread(
                target=lambda: hall.ask_to_register(people[0], escrow, body), daemon=True
            )
            asking.start()
            first, _ = silent.accept()
            victim.kill()
            killed = time.monotonic()
            heir.resume()
            second, _ = silent.accept()
            seconds = time.monotonic() - killed
            first.close()
            second.close()
        asking.join(60.0)
        return seconds
    finally:
        hall.stop()


def requests_per_second(coordinators: Sequence[CoordinatorProcess], crowd: Crowd) -> float:
    """Summaries of one escrow, asked for over several connections, the nodes in turn."""
    token = crowd.tokens[Role.BUYER].reveal()
    with coordinators[0].api(crowd.tokens[Role.BUYER]) as api:
        page = cast("list[Mapping[str, object]]", api.get("/api/escrow?limit=1")["escrows"])
    path = f"/api/escrow/{page[0]['escrow_id']}"
    until = time.monotonic() + _LOAD_SECONDS

    def ask(number: int) -> int:
        where = urlsplit(coordinators[number % len(coordinators)].url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port)
        done = 0
        while time.monotonic() < until:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            if response.status != http.client.OK:
                raise RuntimeError(f"a summary was answered with {response.status}")
            done += 1
        connection.close()
        return done

    started = time.monotonic()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        done = sum(threads.map(ask, range(_CONNECTIONS)))
    return done / (time.monotonic() - started)


def cpu_seconds_per_escrow(crowd: Crowd) -> float:
    """CPU time of the coordinator for one whole set-up of 18 messages."""
    pid = crowd.coordinator.pid
    assert pid is not None
    say_set_ups(crowd, 2)
    samples: list[float] = []
    for _ in range(_BATCHES):
        before = usage(pid).cpu_seconds
        say_set_ups(crowd, _PER_BATCH)
        samples.append((usage(pid).cpu_seconds - before) / _PER_BATCH)
    return median(samples)


def fill(url: str, size: int) -> None:
    """Have ``size`` open escrows on record: copies of one that is, with all that belongs to it."""
    with psycopg.connect(url) as database:
        row = database.execute("SELECT escrow_id FROM escrows_escrow LIMIT 1").fetchone()
        count = database.execute("SELECT COUNT(*) FROM escrows_escrow").fetchone()
        assert row is not None
        assert count is not None
        copy_escrow(database, str(row[0]), first=int(count[0]), last=size - 1)
        database.execute("ANALYZE")


def _say(figures: dict[str, object]) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
