"""``make load ARGS=--soak``: whole lives of escrows for twenty minutes, and does anything grow?

SIMULATION: wallets, agents and the node are replaced, as in ``benchmarks.load``. The coordinator is
real, and what it holds is sampled: memory, open files, threads, connections to its database, rows of
work. ``benchmarks.growth`` judges it. Writes ``build/soak.json``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.books import Books, PostgresBooks, SqliteBooks
from benchmarks.growth import Finding, Leftovers, Verdict, growth
from benchmarks.lives import Course
from benchmarks.paper_node import paper_node
from benchmarks.processes import family, usage
from benchmarks.relay import Crowd
from benchmarks.simulating import enrol, waiting
from tests.contract import postgres
from tests.unit.protocol.trade import KEY_IMAGE
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.parties import Role
from tripartite.validation.figures import percentile

_RESULT: Final = Path("build") / "soak.json"
_TRIOS: Final = 10
_REST_SECONDS: Final = 10.0
_SAMPLE_SECONDS: Final = 2.0
_WARM_UP: Final = 0.5
"""The first part of the soak, which isn't judged: caches and pools fill."""
_WARM_ESCROWS: Final = 600
"""Nor are the first escrows, however long they take: the coordinator keeps 256 records parsed, and
SQLite two MiB of pages for each of a dozen connections."""
_SOON: Final = timedelta(minutes=1)
_LATE: Final = timedelta(seconds=10)
_DONE_SECONDS: Final = 60.0

TOLERATED: Final[Mapping[str, float]] = {
    # 80 MiB lie between the coordinator without agents and the 200 it may have at 10,000 open
    # escrows: half of that, for ten thousand that are long gone.
    "rss_mib": 4.0,
    # Whoever forgets one of these in an escrow's life forgets hundreds.
    "files": 5.0,
    "threads": 1.0,
    "connections": 1.0,
    "due": 10.0,
}
"""What each may grow by with 1,000 escrows."""

EXIT_STATUS: Final = {Finding.FLAT: 0, Finding.LEAK: 1, Finding.OPEN: 2}


@dataclass(frozen=True, slots=True)
class Sample:
    """What the coordinator held at one moment; ``seconds`` since the soak began.

    ``due`` are the rows of work whose time has come or comes within a minute, ``late`` those whose
    time was more than ten seconds ago, ``planned`` all others. An escrow that has ended leaves its
    deadline behind, hours away: nobody looks at it before, and then it goes.
    """

    seconds: float
    escrows_ended: int
    escrows_open: int
    rss_mib: float
    files: int
    threads: int
    connections: int
    due: int
    planned: int
    late: int
    failing: int


def run(*, agents: int, rate: int, minutes: float, on_postgresql: bool) -> Finding:
    """Soak, print, write. ``rate`` is escrows per minute. Raises LoadFailed."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tripartite-soak-")))
        node = stack.enter_context(paper_node(KEY_IMAGE))
        url = stack.enter_context(postgres.cluster()).create("soak") if on_postgresql else None
        coordinator = CoordinatorProcess(place / "coordinator", node_url=node.url, database_url=url)
        coordinator.start()
        stack.callback(coordinator.stop)
        books: Books = SqliteBooks(coordinator.database) if url is None else PostgresBooks(url)
        figures, finding = measure(coordinator, books, agents=agents, rate=rate, minutes=minutes)
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    _say(f"written to {_RESULT}")
    return finding


def measure(
    coordinator: CoordinatorProcess, books: Books, *, agents: int, rate: int, minutes: float
) -> tuple[Mapping[str, object], Finding]:
    """All figures and the verdict. Raises LoadFailed."""
    course = Course([Crowd(coordinator) for _ in range(_TRIOS)], rate, _REST_SECONDS)
    tokens = enrol(books, agents - len(Role) * _TRIOS)
    tokens += [token.reveal() for crowd in course.crowds for token in crowd.tokens.values()]
    _say(f"SIMULATED wallets and node; {agents} agents, {rate} escrows a minute, {minutes} minutes")
    with waiting(coordinator, tokens) as ask:
        with _sampling(coordinator, books) as samples:
            course.run(round(rate * minutes))
        left = _left_when_done(coordinator, books)
        still = int(str(ask()["open"]))
    verdict = judge(
        samples,
        Leftovers(left.escrows_open, left.late, left.failing, agents_lost=agents - still),
    )
    figures = {
        "simulation": "wallets, agents and node are simulated; the coordinator's work is real",
        "finding": verdict.finding.value,
        "database": books.engine,
        "agents": agents,
        "minutes": minutes,
        "escrows_per_minute": rate,
        "escrows_ended": left.escrows_ended,
        "messages": len(course.took),
        "message_ms_p50": round(1_000 * percentile(course.took, 50), 1),
        "message_ms_p99": round(1_000 * percentile(course.took, 99), 1),
        "rss_mib_first": samples[0].rss_mib,
        "rss_mib_last": samples[-1].rss_mib,
        "left": asdict(verdict.leftovers),
        "growth": {name: one.to_json() for name, one in verdict.growths.items()},
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    for name, value in figures.items():
        _say(f"{name}: {value}")
    return {**figures, "samples": [asdict(one) for one in samples]}, verdict.finding


def judge(samples: Sequence[Sample], left: Leftovers) -> Verdict:
    """What the samples mean; those of the warm-up don't count. Pure."""
    last = samples[-1].seconds if samples else 0.0
    warm = [
        one
        for one in samples
        if one.seconds >= last * _WARM_UP and one.escrows_ended >= _WARM_ESCROWS
    ]
    escrows = [float(one.escrows_ended) for one in warm]
    return Verdict(
        {
            name: growth(escrows, [float(getattr(one, name)) for one in warm], tolerated=tolerated)
            for name, tolerated in TOLERATED.items()
        },
        left,
    )


@contextmanager
def _sampling(coordinator: CoordinatorProcess, books: Books) -> Iterator[list[Sample]]:
    """While this lasts, what the coordinator holds is written down."""
    samples: list[Sample] = []
    stopping = threading.Event()
    began = time.monotonic()

    def go_on() -> None:
        moment = began
        while not stopping.is_set():
            samples.append(_look(coordinator, books, seconds=time.monotonic() - began))
            moment += _SAMPLE_SECONDS
            stopping.wait(max(moment - time.monotonic(), 0.0))

    thread = threading.Thread(target=go_on, name="samples")
    thread.start()
    try:
        yield samples
    finally:
        stopping.set()
        thread.join()


def _left_when_done(coordinator: CoordinatorProcess, books: Books) -> Sample:
    """What is there once every escrow has ended, or after a minute."""
    deadline = time.monotonic() + _DONE_SECONDS
    while True:
        left = _look(coordinator, books, seconds=0.0)
        if not left.escrows_open and not left.late and not left.failing:
            return left
        if time.monotonic() > deadline:
            return left
        time.sleep(_SAMPLE_SECONDS)


def _look(coordinator: CoordinatorProcess, books: Books, *, seconds: float) -> Sample:
    assert coordinator.pid is not None
    pids = family(coordinator.pid)
    states = {
        str(state): int(str(count))
        for state, count in books.rows("SELECT state, count(*) FROM escrows_escrow GROUP BY state")
    }
    ended = sum(states.get(state.value, 0) for state in CLOSED)
    work = books.rows("SELECT due, failures FROM work_workitem WHERE due IS NOT NULL")
    moments, now = [_moment(due) for due, _ in work], datetime.now(UTC)
    return Sample(
        seconds=round(seconds, 1),
        escrows_ended=ended,
        escrows_open=sum(states.values()) - ended,
        rss_mib=round(usage(coordinator.pid).rss_mib, 2),
        files=sum(_count(Path(f"/proc/{pid}/fd")) for pid in pids),
        threads=sum(_count(Path(f"/proc/{pid}/task")) for pid in pids),
        connections=books.connections(pids),
        due=sum(one - now <= _SOON for one in moments),
        planned=sum(one - now > _SOON for one in moments),
        late=sum(now - one > _LATE for one in moments),
        failing=sum(int(str(failures)) > 0 for _, failures in work),
    )


def _count(directory: Path) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return sum(1 for _ in directory.iterdir())
    return 0


def _moment(stored: object) -> datetime:
    """SQLite keeps text in UTC, PostgreSQL moments."""
    moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
