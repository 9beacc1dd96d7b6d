"""Two people without an agent of their own: wallets registered, terms agreed, money paid by clicks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.functional.kit.market import Market
from tests.functional.kit.visitor import Visitor
from tripartite.devnet import programs
from tripartite.devnet.api import Answer, Api, Overview
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.processes import WalletRpcProcess

AMOUNT = ATOMIC
PASSWORD = Secret("correct horse battery staple")


@dataclass(frozen=True)
class Guest:
    """An account whose agent the operator runs."""

    name: str
    token: Secret
    fingerprint: str
    wallet: WalletRpcProcess


@pytest.fixture
def guests(market: Market) -> Iterator[dict[Role, Guest]]:
    """Buyer and vendor with a wallet-rpc each, and the attach process that works for them.

    The guard of custody is lowered to a warning meanwhile: on regtest, where it may be.
    """
    coordinator, devnet = market.coordinator, market.devnet
    coordinator.overruled = {"TRIPARTITE_CUSTODY_GUARD": "warn"}
    coordinator.stop()
    coordinator.start()
    with ExitStack() as stack:
        stack.callback(coordinator.start)
        stack.callback(coordinator.stop)
        stack.callback(setattr, coordinator, "overruled", {})
        directory = devnet.directory / f"attached-{secrets.token_hex(4)}"
        directory.mkdir(mode=0o700)
        attach = programs.start(
            "attach", "--watching", "1",
            directory=directory, name="attach", settings=coordinator.settings(),
        )  # fmt: skip
        stack.callback(attach.stop)
        log = directory / "attach.log"
        attach.wait_until(lambda: b"ready attach" in log.read_bytes(), seconds=60.0)
        guests = {}
        for role in (Role.BUYER, Role.VENDOR):
            wallet = WalletRpcProcess.start(
                directory / role.value, node_url=devnet.chain.url, network=Network.REGTEST
            )
            stack.callback(wallet.stop)
            guests[role] = _guest(market, role, wallet)
        yield guests


def _guest(market: Market, role: Role, wallet: WalletRpcProcess) -> Guest:
    name = f"{role.value}-{secrets.token_hex(4)}"
    with market.coordinator.api() as api:
        token = api.open_account(name, PASSWORD)
    # It answers only when the attach process has made the key, or asks to come again.
    with Api(market.coordinator.url, token, seconds=60.0) as api:
        made: list[Answer] = []

        def is_made() -> bool:
            made.append(api.ask("POST", "/api/agent/attach", {}))
            return made[-1].status == 200

        market.until(is_made, what="identity made")
    return Guest(name, token, str(made[-1].body["fingerprint"]), wallet)


def test_two_parties_without_agents_trade_by_clicks(
    market: Market, guests: dict[Role, Guest]
) -> None:
    """From registered wallets to a final payout; their arbiter has an agent at home."""
    buyer, vendor = guests[Role.BUYER], guests[Role.VENDOR]
    escrow = _propose(market, buyer, vendor)
    market.until(lambda: _overview(market, vendor, escrow) is not None, what="proposed")
    with (
        Visitor(market.coordinator.url, buyer.name, PASSWORD) as buying,
        Visitor(market.coordinator.url, vendor.name, PASSWORD) as selling,
    ):
        address = market.devnet.purses.address(Role.VENDOR)
        selling.decide(escrow, "accept", {"payout_address": address})
        _arbiter_accepts(market, escrow, *guests.values())
        for guest, browser in ((buyer, buying), (vendor, selling)):
            browser.send(f"/escrows/{escrow}/wallet-rpc", _login(guest))
        _reach(market, buyer, escrow, State.AWAITING_DEPOSIT)

        deposit = _at(market, buyer, escrow).address
        assert deposit is not None
        market.devnet.payer.pay(deposit, [AMOUNT])
        market.mine(10)
        _reach(market, buyer, escrow, State.FUNDED)
        assert "agent online" in buying.read(f"/escrows/{escrow}")

        question = buying.decide(escrow, "release")
        assert "Release the money to the vendor?" in question
        market.until(lambda: _at(market, buyer, escrow).txid is not None, what="paid out")
        market.mine(10)
        _reach(market, buyer, escrow, State.COMPLETED)
        shown = buying.read(f"/escrows/{escrow}")

    paid = _at(market, buyer, escrow)
    assert paid.txid is not None
    assert paid.confirmations >= 10
    income = market.devnet.purses.received(Role.VENDOR, paid.txid)
    assert income == AMOUNT - market.devnet.chain.fee(paid.txid)
    assert "Release to the vendor" in shown


def _propose(market: Market, buyer: Guest, vendor: Guest) -> str:
    with market.coordinator.api(buyer.token) as api:
        answer = api.post(
            "/api/attached/escrows",
            {
                "role": "buyer",
                "counterparty": vendor.name,
                "arbiter": market.arbiter.name,
                "amount": str(AMOUNT),
                "subject": "a bicycle",
                "payout_address": market.devnet.purses.address(Role.BUYER),
            },
        )
    return str(answer["escrow_id"])


def _arbiter_accepts(market: Market, escrow: str, *others: Guest) -> None:
    market.until(lambda: market.arbiter.escrow(escrow) is not None, what="heard by the arbiter")
    expected = [word for one in others for word in ("--expect-fingerprint", one.fingerprint)]
    market.arbiter.run(
        "accept", escrow, "--payout-address", market.arbiter.address, *expected, "--yes"
    )


def _login(guest: Guest) -> dict[str, str]:
    login = guest.wallet.login
    return {
        "rpc_url": guest.wallet.url,
        "rpc_user": login.user,
        "rpc_password": login.password.reveal(),
    }


def _overview(market: Market, guest: Guest, escrow: str) -> Overview | None:
    with market.coordinator.api(guest.token) as api:
        answer = api.ask("GET", f"/api/escrow/{escrow}")
    return Overview.read(answer.body) if answer.status == 200 else None


def _at(market: Market, guest: Guest, escrow: str) -> Overview:
    found = _overview(market, guest, escrow)
    assert found is not None
    return found


def _reach(market: Market, guest: Guest, escrow: str, state: State) -> None:
    market.until(lambda: _at(market, guest, escrow).state is state, what=state.value)
