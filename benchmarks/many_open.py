"""``python -m benchmarks.many_open``: memory and answers of a coordinator with 10,000 open escrows.

They are in a private PostgreSQL: a few were said over HTTP, in four states, and the others are copies
of those. Then another process asks 100 times a second, for a minute: which escrows are mine, how does
one stand, what was said in it, what happened since. Writes ``build/many_open.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, cast

import psycopg

from benchmarks.asking import Order
from benchmarks.copies import copy_escrow
from benchmarks.processes import usage
from benchmarks.relay import Crowd, set_up
from benchmarks.simulating import say
from tests.contract import postgres
from tests.unit.protocol.trade import Trade
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.validation.figures import percentile

RESULT: Final = Path("build") / "many_open.json"
MOST_MIB: Final = 200.0
MOST_MS: Final = 100.0

_TRIOS: Final = 10
_STATES: Final = 4
_NO_NODE: Final = "http://127.0.0.1:9"
_SETTLE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
_WARM_UP_SECONDS: Final = 5.0
_WARM_UP_RATE: Final = 20.0
_SEED: Final = 8
_RECENT: Final = 200
"""Events that a caller who reads the log has missed, at the most."""
_SHARES: Final[Mapping[str, int]] = {
    "list of 20": 25,
    "list of 100": 5,
    "escrow": 30,
    "messages": 20,
    "events": 20,
}
"""Of 100 questions. A page shows 20 escrows; 100 are the most that the API gives at once."""
_LONG_LISTS: Final[Mapping[str, int]] = {
    "list of 100": 30,
    "escrow": 30,
    "messages": 20,
    "events": 20,
}
"""The same with the longest lists only."""


class NotSettled(Exception):
    """The coordinator didn't come to rest after the escrows were said."""


def main() -> None:
    """Fill, ask, print, write. Slow figures are no failure; a bad answer is."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tripartite-open-")))
        url = stack.enter_context(postgres.cluster()).create("open")
        coordinator = CoordinatorProcess(place / "node", node_url=_NO_NODE, database_url=url)
        coordinator.start()
        stack.callback(coordinator.stop)
        assert coordinator.pid is not None
        alone = usage(coordinator.pid).rss_mib
        shares = _LONG_LISTS if given.long_lists else _SHARES
        questions = fill(coordinator, url, given.escrows, shares)
        if given.profile:
            print(f"the coordinator's process is {coordinator.pid}", flush=True)
        order = Order(coordinator.url, given.rate, given.seconds, _SEED, questions)
        # The first answers import what is imported lazily, and open the database's connections.
        asked(replace(order, seconds=_WARM_UP_SECONDS, rate=_WARM_UP_RATE), coordinator.pid)
        cpu = usage(coordinator.pid).cpu_seconds
        answers, most = asked(order, coordinator.pid)
        used = usage(coordinator.pid)
    found = cast("Mapping[str, list[float]]", answers["ms"])
    every = [one for some in found.values() for one in some]
    figures = {
        "open_escrows": given.escrows,
        "requests_per_second": given.rate,
        "long_lists": given.long_lists,
        "requests": len(every),
        "bad_answers": answers["bad"],
        "api_ms_p50": round(percentile(every, 50), 1),
        "api_ms_p99": round(percentile(every, 99), 1),
        "api_ms_longest": round(max(every), 1),
        "slowest_ms_at_second": answers["slowest"],
        "api_ms_p99_aim": MOST_MS,
        "api_ms_p99_by_kind": {kind: percentile(some, 99) for kind, some in found.items()},
        "rss_mib_alone": round(alone, 1),
        "rss_mib_most": round(most, 1),
        "rss_mib_aim": MOST_MIB,
        "cpu_share": round((used.cpu_seconds - cpu) / given.seconds, 2),
        "database": "PostgreSQL",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        print(f"{name}: {value}")
    if answers["bad"]:
        sys.exit(1)


def fill(
    coordinator: CoordinatorProcess, url: str, escrows: int, shares: Mapping[str, int]
) -> Sequence[tuple[str, str, str]]:
    """Have that many open escrows; what may be asked about them. Raises NotSettled."""
    crowds = [Crowd(coordinator) for _ in range(_TRIOS)]
    originals: list[tuple[Crowd, str]] = []
    for number in range(_TRIOS * _STATES):
        crowd = crowds[number % _TRIOS]
        trade = set_up(crowd.identities)
        _go_on(trade, number // _TRIOS)
        messages = [admission.message for admission in trade.log]
        for _ in say(coordinator.url, crowd.tokens, messages):
            pass
        originals.append((crowd, trade.terms.escrow_id))
    _settle(url, len(originals))
    with psycopg.connect(url) as database:
        at = len(originals)
        for number, (_, escrow_id) in enumerate(originals):
            last = len(originals) + (escrows - len(originals)) * (number + 1) // len(originals) - 1
            if last >= at:
                copy_escrow(database, escrow_id, first=at, last=last)
                at = last + 1
        database.execute("ANALYZE")
        head = database.execute("SELECT max(cursor) FROM events_event").fetchone()
        mine = database.execute(
            "SELECT t.digest, p.escrow_id FROM escrows_participant p"
            " JOIN accounts_apitoken t ON t.account_id = p.account_id ORDER BY p.escrow_id, p.role"
        ).fetchall()
    assert head is not None
    tokens = [token.reveal() for crowd in crowds for token in crowd.tokens.values()]
    by_digest = {hashlib.sha256(token.encode()).hexdigest(): token for token in tokens}
    pairs = [(by_digest[str(digest)], str(escrow_id)) for digest, escrow_id in mine]
    return tuple(_questions(pairs, int(str(head[0])), shares))


def asked(order: Order, pid: int) -> tuple[Mapping[str, object], float]:
    """The answers that another process got, and the most MiB that this one held meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.asking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.close()
        most = 0.0
        until = time.monotonic() + order.seconds
        while time.monotonic() < until and process.poll() is None:
            most = max(most, usage(pid).rss_mib)
            time.sleep(_POLL_SECONDS)
        answers = json.loads(process.stdout.read())
    return cast("Mapping[str, object]", answers), max(most, usage(pid).rss_mib)


def _go_on(trade: Trade, stage: int) -> None:
    """From the deposit's address to one of four states in which an escrow is open."""
    if stage > 0:
        trade.fund()
    if stage == 2:
        trade.say(Role.BUYER, Kind.RELEASE)
    if stage == 3:
        trade.dispute(Role.BUYER)


def _settle(url: str, escrows: int) -> None:
    """Wait until each escrow has its deadline: copies have what their originals have."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        with psycopg.connect(url) as database:
            row = database.execute("SELECT count(*) FROM recovery_standing").fetchone()
        if row is not None and int(str(row[0])) >= escrows:
            return
        time.sleep(_POLL_SECONDS)
    with psycopg.connect(url) as database:
        work = database.execute(
            "SELECT key, due, lease_until, failures, last_error FROM work_workitem"
            " WHERE key NOT LIKE 'deadline:%'"
        ).fetchall()
    raise NotSettled(f"not all of {escrows} escrows are watched: {work}")


def _questions(
    pairs: Sequence[tuple[str, str]], head: int, shares: Mapping[str, int]
) -> Iterator[tuple[str, str, str]]:
    """Some of each kind, in these shares, about escrows and from callers drawn by chance."""
    chance = random.Random(_SEED)
    for kind, share in shares.items():
        for _ in range(share * 20):
            token, escrow_id = chance.choice(pairs)
            paths = {
                "list of 20": "/api/escrow?limit=20",
                "list of 100": "/api/escrow?limit=100",
                "escrow": f"/api/escrow/{escrow_id}",
                "messages": f"/api/escrow/{escrow_id}/messages",
                "events": f"/api/events?after={max(head - chance.randrange(_RECENT), 0)}",
            }
            yield kind, paths[kind], token


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_open", description=__doc__)
    parser.add_argument("--escrows", type=int, default=10_000, help="open ones (10000)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for so long (60)")
    parser.add_argument("--long-lists", action="store_true", help="every list is one of 100")
    parser.add_argument("--profile", action="store_true", help="say which process to look into")
    return parser.parse_args()


if __name__ == "__main__":
    main()
