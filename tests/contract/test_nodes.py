"""Stories about several coordinator nodes over one database."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract import postgres
from tests.contract.engines import use_database
from tests.contract.kit import Deal, Market
from tests.contract.serving import Served, served
from tests.contract.test_serving import PATIENCE, listen, post, read, say
from tripartite.coordinator.start import bring_tables_up_to_date
from tripartite.domain.parties import Role

OUTAGE_SECONDS = 30.0
"""How long the database is away in the story about that."""


@pytest.fixture
def nodes(market: Market, database: str, tmp_path: Path) -> Iterator[list[Served]]:
    """Two nodes on the test's own database, with one secret key."""
    with ExitStack() as stack:
        yield start_two(stack, tmp_path, database)


def start_two(stack: ExitStack, home: Path, database: str) -> list[Served]:
    started = []
    for number in range(2):
        directory = home / f"node-{number}"
        directory.mkdir()
        settings = {
            "DATABASE_URL": database,
            "MIGRATE": "yes",
            "SECRET_KEY_FILE": str(home / "secret_key"),
        }
        started.append(stack.enter_context(served(directory, **settings)))
    return started


def test_any_node_answers_any_request(market: Market, nodes: list[Served]) -> None:
    """Each message of a deal goes to the other node than the one before it."""
    deal = market.deal()
    buyer = market.people[Role.BUYER]
    text = deal.propose()
    assert post(nodes[0], "/api/escrow", buyer.token, {"envelope": text})[0] == 201

    for number, (role, kind, options) in enumerate(deal.until_attested()):
        envelope = deal.write(role, kind, **options())
        status, answer = post(
            nodes[number % 2],
            f"/api/escrow/{deal.escrow_id}/messages",
            market.people[role].token,
            {"envelope": envelope},
        )
        assert status == 201, answer
        deal.fold(envelope)
    state = buyer.api.get(f"/api/escrow/{deal.escrow_id}").body["state"]
    assert state == "awaiting_deposit"


def test_a_listener_on_one_node_hears_the_other_in_order_and_misses_nothing(
    market: Market, nodes: list[Served]
) -> None:
    """It listens to the first, the buyer speaks to the second, and the connection is lost once."""
    deal = market.attested_deal()
    vendor = market.people[Role.VENDOR].token
    before = len(market.people[Role.VENDOR].api.get("/api/events").body["events"])
    said: list[str] = []
    with listen(nodes[0], vendor) as socket:
        seen = read(socket, before)
        said += [say(nodes[1], market, deal, height) for height in range(100, 110)]
        seen += read(socket, 10)
    said += [say(nodes[1], market, deal, height) for height in range(110, 120)]
    with listen(nodes[0], vendor, after=seen[-1]["cursor"]) as socket:
        seen += read(socket, 10)

    cursors = [event["cursor"] for event in seen]
    assert cursors == sorted(set(cursors))
    heard = [event["data"].get("envelope") for event in seen[before:]]
    assert heard == said


def test_a_killed_node_is_replaced_by_the_other(market: Market, nodes: list[Served]) -> None:
    """Its listener comes back elsewhere with its cursor, and goes on where it stood."""
    deal = market.attested_deal()
    vendor = market.people[Role.VENDOR].token
    before = len(market.people[Role.VENDOR].api.get("/api/events").body["events"])
    with listen(nodes[0], vendor) as socket:
        seen = read(socket, before)
    first, second = nodes
    first.process.kill()
    first.process.wait(timeout=PATIENCE)
    text = say(second, market, deal, 100)

    with listen(second, vendor, after=seen[-1]["cursor"]) as socket:
        assert read(socket, 1)[0]["data"]["envelope"] == text
    first.process.returncode = 0  # killed on purpose: the fixture has nothing to complain about


def test_a_database_that_is_away_for_half_a_minute_costs_nothing(tmp_path: Path) -> None:
    """Two nodes, PostgreSQL stopped and started: what was acknowledged is there, the rest is told
    to come again, and a listener that comes back with its cursor hears everything in order."""
    with postgres.cluster() as cluster, ExitStack() as stack:
        url = cluster.create("outage")
        use_database(url)
        bring_tables_up_to_date(migrate=True)
        market = Market()
        deal = market.attested_deal()
        nodes = start_two(stack, tmp_path, url)
        vendor = market.people[Role.VENDOR].token
        before = len(market.people[Role.VENDOR].api.get("/api/events").body["events"])
        seen = _heard(nodes[0], vendor, before, after=0)
        said = [say(nodes[1], market, deal, height) for height in range(100, 105)]

        cluster.stop()
        stopped = time.monotonic()
        refused = _refused(nodes, market, deal, until=stopped + OUTAGE_SECONDS)
        cluster.start()

        assert refused, "while it is away, everybody is told so"
        assert set(refused) == {(503, "database_unreachable")}
        said += _say_again(nodes, market, deal, range(105, 115))
        seen += _heard(nodes[0], vendor, len(said), after=seen[-1]["cursor"])
        assert [event["data"].get("envelope") for event in seen[before:]] == said
        assert [event["cursor"] for event in seen] == sorted({event["cursor"] for event in seen})
        with listen(nodes[0], vendor, after=seen[-1]["cursor"]) as socket:
            again = say(nodes[1], market, deal, 200)
            assert read(socket, 1)[0]["data"]["envelope"] == again, "news are pushed again"
        assert "uncaught" not in nodes[0].log.read_text() + nodes[1].log.read_text()
        use_database(url)


def _heard(node: Served, token: str, count: int, *, after: int) -> list[dict[str, Any]]:
    """So many events after a cursor; comes back as often as the connection is lost."""
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + PATIENCE
    while len(seen) < count:
        assert time.monotonic() < deadline, "news never came"
        with suppress(ConnectionClosed, InvalidStatus), listen(node, token, after=after) as socket:
            while len(seen) < count:
                seen += read(socket, 1)
                after = seen[-1]["cursor"]
    return seen


def _refused(
    nodes: list[Served], market: Market, deal: Deal, *, until: float
) -> list[tuple[int, str]]:
    """What either node answers while the database is away."""
    path = f"/api/escrow/{deal.escrow_id}/messages"
    told: list[tuple[int, str]] = []
    pause = threading.Event()
    while time.monotonic() < until:
        for node in nodes:
            status, answer = post(node, path, market.people[Role.BUYER].token, {"envelope": "x"})
            told.append((status, answer["code"]))
        pause.wait(1.0)
    return told


def _say_again(nodes: list[Served], market: Market, deal: Deal, heights: range) -> list[str]:
    """Speak through both nodes in turn, repeating what was not taken."""
    said: list[str] = []
    for number, height in enumerate(heights):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                said.append(say(nodes[number % 2], market, deal, height))
                break
            except AssertionError as error:
                answer: Any = error.args[0]
                assert "database_unreachable" in json.dumps(answer, default=str), answer
                assert time.monotonic() < deadline, "it never came back"
    return said
