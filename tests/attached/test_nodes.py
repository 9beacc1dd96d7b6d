"""Two coordinator nodes and two attach processes over one PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle

import psycopg
import pytest

from tests.contract import postgres
from tests.contract.postgres import Cluster
from tests.functional.daemons import node  # noqa: F401 — the fixture
from tests.functional.kit.hall import Guest, Hall, Node
from tripartite.domain.parties import Role
from tripartite.monero.processes import MonerodProcess

ESCROWS = 10
LEASE_SECONDS = 6.0
OUTAGE_SECONDS = 30.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture(scope="module")
def hall(
    tmp_path_factory: pytest.TempPathFactory,
    cluster: Cluster,
    node: MonerodProcess,  # noqa: F811 — the fixture of that name
) -> Iterator[Hall]:
    """Everything twice; the wallet-rpcs are started when a story needs more."""
    url = cluster.create("hall")
    running = Hall.open(tmp_path_factory.mktemp("hall"), node, DATABASE_URL=url)
    try:
        for _ in range(2):
            running.add_node()
        for _ in range(2):
            running.add_attach(lease=LEASE_SECONDS)
        running.add_wallets(len(Role))
        for name in ("bob", "vera", "art"):
            running.guest(name)
        yield running
    finally:
        running.stop()
    assert running.troubles() == []


def test_a_killed_attach_process_is_replaced_within_its_lease(hall: Hall, cluster: Cluster) -> None:
    """One is killed with the key exchange in its hands; the other brings it to its end."""
    victim, heir = hall.attaches
    escrow, held = in_the_hands_of(victim, heir, hall, cluster)

    victim.kill()
    killed = time.monotonic()
    heir.resume()
    hall.until(lambda: taken_over(cluster, held), seconds=60.0)
    seconds = time.monotonic() - killed

    bob = hall.guests["bob"]
    hall.until(lambda: hall.state(bob, escrow) == "awaiting_deposit", seconds=300.0)
    victim.start()
    # Runners look once a second, and this machine may be busy.
    assert seconds < LEASE_SECONDS + 10.0


def test_a_process_that_sleeps_through_its_lease_can_not_write_any_more(
    hall: Hall, cluster: Cluster
) -> None:
    """It is stopped in the middle of its work and wakes when another has gone on."""
    sleeper, heir = hall.attaches
    escrow, held = in_the_hands_of(sleeper, heir, hall, cluster)
    before = len(sleeper.said("work_lost"))

    sleeper.pause()
    heir.resume()
    hall.until(lambda: taken_over(cluster, held), seconds=60.0)
    sleeper.resume()

    bob = hall.guests["bob"]
    hall.until(lambda: hall.state(bob, escrow) == "awaiting_deposit", seconds=300.0)
    hall.until(lambda: len(sleeper.said("work_lost")) > before)
    assert positions_are_whole(cluster, escrow)


def test_postgresql_away_for_half_a_minute_loses_nothing(hall: Hall, cluster: Cluster) -> None:
    """In the middle of a key exchange; nobody is restarted."""
    escrow = under_way(hall)
    bob = hall.guests["bob"]
    hall.until(lambda: holds(cluster, escrow))

    cluster.stop()
    time.sleep(OUTAGE_SECONDS)  # the story is about this time
    cluster.start()

    hall.until(lambda: hall.state(bob, escrow) == "awaiting_deposit", seconds=300.0)
    assert positions_are_whole(cluster, escrow)


def test_ten_escrows_at_once_on_two_nodes_reach_their_address(hall: Hall, cluster: Cluster) -> None:
    """Everybody registers for all ten at once, asking either node; no wallet is shared."""
    escrows = proposed(hall, ESCROWS)
    # One for each wallet: opening them anew for each step would take most of the time. Sharing is
    # another story.
    hall.add_wallets(ESCROWS * len(Role) - len(hall.wallets))
    wallets = cycle(hall.wallets)
    jobs = [
        (guest, escrow, role, next(wallets), number % 2)
        for number, escrow in enumerate(escrows)
        for guest, role in everybody(hall)
    ]

    with ThreadPoolExecutor(len(jobs)) as at_once:
        answers = list(
            at_once.map(
                lambda job: hall.register(*job[:4], node=job[4]), jobs
            )  # all start together
        )

    assert [answer.status for answer in answers] == [201] * len(jobs)
    assert len({answer.body["wallet_id"] for answer in answers}) == len(jobs)
    bob = hall.guests["bob"]
    hall.until(
        lambda: all(hall.state(bob, one, node=1) == "awaiting_deposit" for one in escrows),
        seconds=900.0,
    )
    rows = mappings(cluster)
    assert len(rows) == len(set(rows)) == len(jobs)
    assert len({wallet for _, _, wallet in rows}) == len(jobs), "no wallet is shared"


def everybody(hall: Hall) -> list[tuple[Guest, Role]]:
    return list(zip((hall.guests[name] for name in ("bob", "vera", "art")), Role, strict=True))


def proposed(hall: Hall, count: int) -> list[str]:
    """Escrows that all three have accepted."""
    bob, vera, art = (hall.guests[name] for name in ("bob", "vera", "art"))
    escrows = [hall.propose(bob, vera, art) for _ in range(count)]
    hall.until(lambda: all(hall.state(bob, one) == "created" for one in escrows))
    for escrow in escrows:
        for guest in (vera, art):
            hall.accept(guest, escrow, node=1)
    return escrows


def under_way(hall: Hall) -> str:
    """An escrow whose three wallets were just registered."""
    (escrow,) = proposed(hall, 1)
    for number, (guest, role) in enumerate(everybody(hall)):
        assert hall.register(guest, escrow, role, hall.wallets[number]).status == 201
    return escrow


def in_the_hands_of(
    holder: Node, other: Node, hall: Hall, cluster: Cluster
) -> tuple[str, dict[str, int]]:
    """An escrow that ``holder`` works on just now, and its leases; ``other`` is stopped."""
    hall.until(lambda: not leases(cluster, ""))
    other.pause()
    escrow = under_way(hall)
    held: dict[str, int] = {}

    def works() -> bool:
        held.update(leases(cluster, escrow))
        return bool(held)

    hall.until(works)
    return escrow, held


def asked(cluster: Cluster, question: str, *values: object) -> list[tuple[object, ...]]:
    with closing(psycopg.connect(cluster.url("hall"))) as connection:
        return connection.execute(question.encode(), values).fetchall()


def mappings(cluster: Cluster) -> list[tuple[object, ...]]:
    return asked(cluster, "SELECT escrow_id, role, wallet_id FROM escrow_wallet_mappings")


def holds(cluster: Cluster, escrow: str) -> bool:
    """Whether somebody works on this escrow just now."""
    return bool(leases(cluster, escrow))


def leases(cluster: Cluster, escrow: str) -> dict[str, int]:
    """Whatever is being worked on in this escrow, or in any, and the epochs of the leases."""
    rows = asked(
        cluster,
        "SELECT key, epoch FROM work_workitem WHERE key LIKE %s AND lease_until > now()",
        f"attached:{escrow}%",
    )
    return {str(key): int(str(epoch)) for key, epoch in rows}


def taken_over(cluster: Cluster, held: dict[str, int]) -> bool:
    """Whether each lease has gone to somebody else, or its work is done."""
    rows = asked(
        cluster,
        "SELECT key, epoch, lease_until IS NULL FROM work_workitem WHERE key = ANY(%s)",
        list(held),
    )
    return all(free or int(str(epoch)) > held[str(key)] for key, epoch, free in rows)


def positions_are_whole(cluster: Cluster, escrow: str) -> bool:
    rows = asked(
        cluster,
        "SELECT position FROM relay_message WHERE escrow_id = %s ORDER BY position",
        escrow,
    )
    return [row[0] for row in rows] == list(range(1, len(rows) + 1))
