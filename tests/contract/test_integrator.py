"""The example of the integrator's guide, run against a real coordinator that sends real webhooks."""

from __future__ import annotations

import importlib.util
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contract.kit import Api, Deal, Market, report
from tests.contract.serving import Served, served
from tests.contract.test_notifications import certificate
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLE = DOCS / "examples/shop.py"
PATIENCE = 30.0

__all__ = ["certificate"]  # a fixture

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shop", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop"] = module
    spec.loader.exec_module(module)
    return module


class Door(ThreadingHTTPServer):
    """The shop's web server."""

    take: Callable[[dict[str, str], bytes], int]

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answered = threading.Semaphore(0)
        self.statuses: list[int] = []


class Handler(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.take({k.lower(): v for k, v in self.headers.items()}, body)
        self.server.statuses.append(status)
        self.send_response(status)
        self.end_headers()
        self.server.answered.release()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Door(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(market: Market, database: str, door: Door, tmp_path: Path) -> Iterator[Served]:
    private = f"localhost:{door.server_port}"
    with served(tmp_path, DATABASE_URL=database, MIGRATE="yes", NOTIFY_PRIVATE=private) as running:
        yield running


def state_of(deal: Deal) -> str:
    assert deal.record is not None
    return deal.record.state.value


def test_a_shop_sends_when_its_agent_agrees_and_hears_refusals_and_repeats_safely(
    market: Market,
    server: Served,
    door: Door,
    example: Any,  # noqa: ANN401 — a module
) -> None:
    deal = market.attested_deal()
    coordinator = example.Coordinator(server.url, market.people[Role.VENDOR].token)
    agent = {"says": "awaiting_deposit"}
    shop = example.Shop(coordinator, lambda _: agent["says"])
    order = shop.orders[deal.escrow_id] = example.Order(deal.amount)
    door.take = shop.take
    shop.subscribe(f"https://localhost:{door.server_port}/news")

    for role in (Role.BUYER, Role.VENDOR):
        market.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))
    assert door.answered.acquire(timeout=PATIENCE), server.log.read_text()
    assert order.status == "waiting", "the coordinator alone is not believed"

    agent["says"] = state_of(deal)
    shop.catch_up()
    assert order.status == "send it"
    assert door.statuses == [204]
    assert shop.cursor > 0

    with pytest.raises(example.CoordinatorSaysNo) as refusal:
        coordinator.get(f"/api/escrow/{'ab' * 16}")
    assert (refusal.value.status, refusal.value.code) == (404, "escrow_unknown")

    body = b'{"kind":"webhook","url":"https://news.example/x"}'
    first, again = (coordinator._ask("POST", "/api/notifications", body, key="k") for _ in "12")
    assert first == again
    channels = Api(market.people[Role.VENDOR].token).get("/api/notifications").body["channels"]
    assert len(channels) == 2


def test_news_that_somebody_else_made_is_turned_away(example: Any, engine: object) -> None:  # noqa: ANN401 — a module
    coordinator = example.Coordinator("http://127.0.0.1:1", "x")
    shop = example.Shop(coordinator, lambda _: "funded", secret="whsec_" + "YWJj" * 8)
    forged = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}

    assert shop.take(forged, b"{}") == 400


def test_the_guide_shows_the_example_as_it_is(engine: object) -> None:
    guide = (DOCS / "guides/integrator.md").read_text()

    assert f"```python\n{EXAMPLE.read_text()}```" in guide
