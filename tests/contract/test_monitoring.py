"""Stories with real daemons: Prometheus scrapes a busy coordinator, Alertmanager tells somebody.

On SQLite alone: what the database says is compared on both engines elsewhere.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from scripts import dashboard
from tests.contract.daemons import (
    Prometheus,
    Receiver,
    alertmanager,
    prometheus,
    receiver,
    until,
)
from tests.contract.engines import Sqlite, use_database
from tests.contract.kit import AMOUNT, TXID, Answer, Api, Deal, Market, open_account
from tests.contract.serving import Served, served
from tripartite.coordinator.recovery.keys import deadline_key
from tripartite.coordinator.recovery.models import Standing
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind
from tripartite.protocol.identity import Identity

AWAY = "http://127.0.0.1:9"  # nobody listens on the discard port: calls to this node fail


class HttpApi(Api):
    """The same client, over the network: so that the server has something to count."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(token)
        self._address = address

    def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            connection.request(
                method,
                path,
                "" if body is None else json.dumps(body),
                {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            )
            response = connection.getresponse()
            text = response.read()
            return Answer(response.status, json.loads(text), dict(response.headers))
        finally:
            connection.close()


class Load:
    """Escrows through the whole protocol, one after the other, until told to stop."""

    def __init__(self, market: Market) -> None:
        self.deals: list[Deal] = []
        self._market = market
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        assert self._failures == []

    def _run(self) -> None:
        try:
            while not self._stopping.wait(0.2):
                self.deals.append(self._market.broadcast_deal(TXID))
        except BaseException as error:  # noqa: BLE001 — whatever it is, the test shows it
            self._failures.append(error)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Sqlite(tmp_path_factory.mktemp("sqlite")).database() as url:
        use_database(url)
        yield url


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("coordinator")
    with served(home, DATABASE_URL=database, MIGRATE="yes", MONEROD_URL=AWAY) as running:
        yield running


@pytest.fixture(scope="module")
def market(server: Served) -> Market:
    address = server.url.removeprefix("http://")
    people = {}
    for role in Role:
        person = open_account(role.value)
        object.__setattr__(person, "api", HttpApi(address, person.token))
        people[role] = person
    return Market(people)


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    with receiver() as somebody:
        yield somebody


@pytest.fixture(scope="module")
def watching(
    server: Served, told: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    home = tmp_path_factory.mktemp("monitoring")
    with (
        alertmanager(home / "alertmanager", receiver=told.url) as alerts,
        prometheus(
            home / "prometheus",
            target=server.metrics.removeprefix("http://"),
            alertmanager=alerts,
        ) as running,
    ):
        yield running


def test_every_panel_shows_data_of_a_coordinator_under_load(
    market: Market, watching: Prometheus
) -> None:
    until(lambda: watching.ask("escrows_total"), what="the first scrape")
    load = Load(market)
    try:
        for panel in dashboard.PANELS:
            for query in panel.queries:
                until(partial(_shows, watching, query.expr), what=f"{panel.title}: {query.expr}")
    finally:
        load.stop()

    assert watching.target()["health"] == "up"
    # And they are the right ones.
    (escrows,) = until(lambda: watching.ask("escrows_total == " + str(len(load.deals))), what="all")
    assert escrows["metric"]["instance"]


def _shows(watching: Prometheus, query: str) -> bool:
    """Whether there are samples, and one at least is a number."""
    return any(not math.isnan(float(one["value"][1])) for one in watching.ask(query))


def test_a_stuck_escrow_raises_an_alert_that_reaches_somebody(
    market: Market, watching: Prometheus, told: Receiver
) -> None:
    """Six hours without activity, as the database has them; the rest is the running server's."""
    deal = market.broadcast_deal(TXID)
    standing = Standing.objects.filter(pk=deal.escrow_id, phase__startswith="releasing")
    until(standing.exists, what="the server knows that it is being paid out")
    assert _alerts(told, "StuckTransaction") == []

    standing.update(last_activity=now() - timedelta(hours=6))
    with write_transaction():
        wake(deadline_key(deal.escrow_id), at=now())

    (alert,) = until(lambda: _alerts(told, "StuckTransaction"), what="somebody is told")
    assert alert["status"] == "firing"
    assert alert["labels"]["severity"] == "critical"
    sent = json.dumps(told.received)
    assert deal.record is not None
    for value in (deal.escrow_id, deal.record.address, TXID, str(AMOUNT)):
        assert str(value) not in sent

    reason = deal.sealed(Role.BUYER, Kind.DISPUTE, round_=0, attempt=0)
    market.say(deal, Role.BUYER, Kind.DISPUTE, **reason)
    until(
        lambda: any(one["status"] == "resolved" for one in _alerts(told, "StuckTransaction")),
        what="and told that it is over",
    )


def test_neither_log_nor_prometheus_knows_an_escrow(
    market: Market, watching: Prometheus, server: Served
) -> None:
    """Refused requests, too, whose addresses have an escrow's id in them."""
    deal = market.broadcast_deal(TXID)
    buyer = market.people[Role.BUYER]
    assert buyer.api.post(f"/api/escrow/{deal.escrow_id}/messages", {"envelope": "x"}).status == 422
    assert buyer.api.get(f"/api/escrow/{deal.escrow_id}/nothing").status == 404
    assert buyer.api.delete(f"/api/escrow/{deal.escrow_id}").status == 405
    route = 'http_requests_total{route="api/escrow/<escrow_id>", status="405"}'
    until(lambda: watching.ask(route), what="a scrape after these")

    assert deal.record is not None
    values = [deal.escrow_id, deal.record.address, TXID, str(AMOUNT), buyer.token]
    values += [text for one in market.people.values() for text in _public(one.identity)]
    kept = {
        "log": server.log.read_text(),
        "metrics": "".join(path.read_text() for path in server.shared.iterdir()),
        "Prometheus": json.dumps(watching.ask('{__name__=~".+"}')),
    }
    # They do tell of it: an empty text would leak nothing, either.
    assert "request_refused" in kept["log"]
    assert "http_requests" in kept["metrics"]
    assert "escrows_by_status" in kept["Prometheus"]
    assert [(name, one) for name, text in kept.items() for one in values if str(one) in text] == []


def _public(identity: Identity) -> tuple[str, ...]:
    return (identity.public.sign, identity.public.seal, identity.public.fingerprint)


def test_a_coordinator_that_is_gone_raises_an_alert(
    told: Receiver, watching: Prometheus, server: Served
) -> None:
    """The last story of this module: it ends the server."""
    assert _alerts(told, "CoordinatorDown") == []

    server.process.terminate()

    until(lambda: _alerts(told, "CoordinatorDown"), what="somebody is told")


def _alerts(told: Receiver, name: str) -> list[dict[str, Any]]:
    return [
        alert
        for message in told.received
        for alert in message["alerts"]
        if alert["labels"]["alertname"] == name
    ]
