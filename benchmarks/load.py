"""``make load``: many agents connected and waiting, escrows set up beside them; ``build/load.json``.

SIMULATION: the wallets and the agents' work are replaced. What a wallet would say in a key exchange
is random bytes; all messages are made, signed and sealed beforehand, in this process. Everything else
is real: the coordinator's process, HTTP, WebSockets, its judging of every signature, its database.

A *waiting agent* is an account of its own with a token and an open WebSocket. The escrows are those of
some of them, who are paired and whose sockets get what is said.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks import soak
from benchmarks.books import SqliteBooks
from benchmarks.processes import usage
from benchmarks.relay import Crowd, script
from benchmarks.simulating import LoadFailed, enrol, say, waiting
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Message
from tripartite.validation.figures import percentile

_RESULT: Final = Path("build") / "load.json"
_AGENTS: Final = 10_000
_MINUTES: Final = 3.0
_SOAKING_AGENTS: Final = 1_000
_SOAK_MINUTES: Final = 20.0
_TRIOS: Final = 10
_SPEAKERS: Final = 16
_NO_NODE: Final = "http://127.0.0.1:9"
"""Nothing is paid here, so no node is asked."""


def main() -> None:
    """Connect, say, print, write. Ends with 1 if a message or a connection was lost."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if given.soak:
        sys.exit(
            soak.EXIT_STATUS[
                soak.run(
                    agents=given.agents or _SOAKING_AGENTS,
                    rate=given.rate,
                    minutes=given.minutes or _SOAK_MINUTES,
                    on_postgresql=given.postgresql,
                )
            ]
        )
    with tempfile.TemporaryDirectory(prefix="tripartite-load-") as place:
        coordinator = CoordinatorProcess(Path(place) / "coordinator", node_url=_NO_NODE)
        coordinator.start()
        try:
            figures = measure(
                coordinator, given.agents or _AGENTS, given.rate, given.minutes or _MINUTES
            )
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
    tokens = enrol(SqliteBooks(coordinator.database), agents - len(Role) * _TRIOS)
    tokens += [token.reveal() for crowd in crowds for token in crowd.tokens.values()]
    began = time.monotonic()
    with waiting(coordinator, tokens) as ask:
        connecting = time.monotonic() - began
        idle = usage(coordinator.pid)
        _say(f"{agents} agents connected in {connecting:.0f} s, {idle.rss_mib:.0f} MiB")
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
        "rss_mib_waiting": round(idle.rss_mib, 1),
        "rss_mib_after": round(loaded.rss_mib, 1),
        "kib_per_waiting_agent": round((idle.rss_mib - alone.rss_mib) * 1024 / agents, 1),
        "cpu_share": round((loaded.cpu_seconds - idle.cpu_seconds) / seconds, 2),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    for name, value in figures.items():
        _say(f"{name}: {value}")
    return figures


def _say_all(
    scripts: Sequence[tuple[Crowd, Sequence[Message]]], rate: int
) -> tuple[list[float], float]:
    """Say all set-ups, each begun at its time; seconds per message, and of all together."""
    began = time.monotonic()

    def begin(number: int) -> list[float]:
        time.sleep(max(began + number * 60 / rate - time.monotonic(), 0.0))
        crowd, messages = scripts[number]
        return list(say(crowd.coordinator.url, crowd.tokens, messages))

    with ThreadPoolExecutor(_SPEAKERS) as threads:
        took = [one for several in threads.map(begin, range(len(scripts))) for one in several]
    return took, time.monotonic() - began


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--agents", type=int, help="connected and waiting (10000; a soak: 1000)")
    parser.add_argument("--rate", type=int, default=100, help="escrows a minute (100)")
    parser.add_argument("--minutes", type=float, help="for so long (3; a soak: 20)")
    parser.add_argument("--soak", action="store_true", help="whole lives; does anything grow?")
    parser.add_argument("--postgresql", action="store_true", help="a soak on PostgreSQL")
    return parser.parse_args()


if __name__ == "__main__":
    main()
