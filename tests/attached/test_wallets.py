"""Wallet RPCs registered with a running coordinator, and what its attach process does with them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.functional.daemons import chain, node  # noqa: F401 — fixtures
from tests.functional.kit.hall import Guest, Hall
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.connection import Login
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import MonerodProcess, WalletRpcProcess

ESCROWS = 50
WALLET_RPCS = 3


@pytest.fixture(scope="module")
def hall(
    tmp_path_factory: pytest.TempPathFactory,
    node: MonerodProcess,  # noqa: F811 — the fixture of that name
) -> Iterator[Hall]:
    """One coordinator node and one attach process on SQLite, and three wallet-rpcs."""
    running = Hall.open(tmp_path_factory.mktemp("hall"), node)
    try:
        running.add_node()
        running.add_attach(workers=6)
        running.add_wallets(WALLET_RPCS)
        for name in ("bob", "vera", "art"):
            running.guest(name)
        yield running
    finally:
        running.stop()
    assert running.troubles() == []


@pytest.fixture
def escrow(hall: Hall) -> str:
    """An escrow on record, proposed by bob's attached agent."""
    return proposed(hall, 1)[0]


def proposed(hall: Hall, count: int) -> list[str]:
    bob, vera, art = (hall.guests[name] for name in ("bob", "vera", "art"))
    escrows = [hall.propose(bob, vera, art) for _ in range(count)]
    hall.until(lambda: all(hall.state(bob, one) == "created" for one in escrows))
    return escrows


def refusal(hall: Hall, escrow: str, url: str, login: Login | None = None) -> tuple[int, str]:
    body = {
        "rpc_url": url,
        "rpc_user": "" if login is None else login.user,
        "rpc_password": "" if login is None else login.password.reveal(),
        "role": "buyer",
    }
    answer = hall.ask_to_register(hall.guests["bob"], escrow, body)
    return answer.status, answer.code


def test_a_wrong_login_is_told(hall: Hall, escrow: str) -> None:
    wallet = hall.wallets[0]

    wrong = refusal(hall, escrow, wallet.url, Login("tripartite", Secret("guessed")))

    assert wrong == (422, "wallet_rpc_login_wrong")


def test_nobody_at_home_is_told(hall: Hall, escrow: str) -> None:
    assert refusal(hall, escrow, "http://127.0.0.1:9") == (422, "rpc_url_refused")
    assert refusal(hall, escrow, "http://127.0.0.1:1099") == (503, "wallet_rpc_unreachable")


def test_another_daemon_is_no_wallet_rpc(hall: Hall, escrow: str) -> None:
    """The coordinator's own node listens on loopback, too: nothing of what it says comes back."""
    status, code = refusal(hall, escrow, hall.node.url)

    assert (status, code) == (503, "wallet_rpc_unreadable")


def test_a_wallet_rpc_of_another_network_is_refused(
    hall: Hall, escrow: str, tmp_path: Path
) -> None:
    with WalletRpcProcess.start(
        tmp_path / "stagenet", node_url=hall.node.url, network=Network.STAGENET
    ) as wallet:
        told = refusal(hall, escrow, wallet.url, wallet.login)

    assert told == (422, "wallet_rpc_of_another_network")


def test_redirects_lead_nowhere(hall: Hall, escrow: str) -> None:
    """A wallet RPC that sends us on to another service of this machine: nobody calls there."""
    with answering(200) as target, answering(307, location=target.url) as first:
        told = refusal(hall, escrow, first.url)

        assert told == (503, "wallet_rpc_unreadable")
        assert (first.calls > 0, target.calls) == (True, 0)


def test_fifty_escrows_on_three_wallet_rpcs_each_get_a_wallet_of_their_own(hall: Hall) -> None:
    escrows = proposed(hall, ESCROWS)
    bob = hall.guests["bob"]

    def register(number: int) -> tuple[int, str, str]:
        wallet = hall.wallets[number % WALLET_RPCS]
        answer = hall.register(bob, escrows[number], Role.BUYER, wallet)
        return (
            answer.status,
            str(answer.body.get("wallet_id", answer.body)),
            str(answer.body.get("wallet_address")),
        )

    with ThreadPoolExecutor(ESCROWS) as at_once:
        answers = list(at_once.map(register, range(ESCROWS)))

    assert {status for status, _, _ in answers} == {201}
    assert len({wallet for _, wallet, _ in answers}) == ESCROWS
    assert len({address for _, _, address in answers}) == ESCROWS
    for number, (_, wallet, _) in enumerate(answers):
        assert (hall.wallets[number % WALLET_RPCS].wallets / f"{wallet}.keys").exists()


def test_three_parties_trade_through_one_shared_wallet_rpc(
    hall: Hall,
    chain: Monerod,  # noqa: F811 — the fixture of that name
) -> None:
    """All three registered the same process: it works for one after the other, and never errs."""
    (escrow,) = proposed(hall, 1)
    for name in ("vera", "art"):
        hall.accept(hall.guests[name], escrow)
    register_all(hall, escrow)

    bob = hall.guests["bob"]
    hall.until(lambda: hall.state(bob, escrow) == "awaiting_deposit")

    with hall.api(bob) as api:
        address = api.escrow(escrow).address
    assert address is not None


def register_all(hall: Hall, escrow: str) -> None:
    """Everybody with the first wallet-rpc."""

    def register(one: tuple[Guest, Role]) -> int:
        return hall.register(one[0], escrow, one[1], hall.wallets[0]).status

    everybody = [
        (hall.guests["bob"], Role.BUYER),
        (hall.guests["vera"], Role.VENDOR),
        (hall.guests["art"], Role.ARBITER),
    ]
    with ThreadPoolExecutor(3) as at_once:
        assert list(at_once.map(register, everybody)) == [201, 201, 201]


class Answering:
    """A little server that counts its calls."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.calls = 0


@contextmanager
def answering(status: int, *, location: str = "") -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            mine.calls += 1
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    mine = Answering(server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield mine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
