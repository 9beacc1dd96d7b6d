"""Stories about the coordinator's own node and what it says of a payout."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.kit import KEY_IMAGE, TX, TXID, Market
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.watch.keys import PAYOUT, payout_key
from tripartite.coordinator.watch.node import NODE_KEY, OwnNode, watch_node
from tripartite.coordinator.watch.payouts import watch_payouts
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.parties import Network, Role
from tripartite.monero.errors import RpcUnreachable
from tripartite.monero.monerod import (
    FoundTransactions,
    KnownTransaction,
    NodeInfo,
    NodeVersion,
    Submission,
)
from tripartite.protocol.envelope import Kind


class ScriptedNode:
    """A node that says what the test wants it to."""

    def __init__(self, network: Network = Network.REGTEST) -> None:
        self.network = network
        self.transaction: KnownTransaction | None = None
        self.others: tuple[KnownTransaction, ...] = ()
        self.reachable = True
        self.spends = KEY_IMAGE
        self.sent: list[str] = []

    def mined(self, *, confirmations: int) -> None:
        self.transaction = KnownTransaction(
            TXID, False, 200, confirmations, False, "", (self.spends,)
        )

    def in_pool(self) -> None:
        self.transaction = KnownTransaction(TXID, True, None, 0, False, "", (self.spends,))

    def get_info(self) -> NodeInfo:
        self._answer()
        return NodeInfo(self.network, 210, 0, "00" * 32, True, False, False, 0, "0.18.4.0")

    def get_version(self) -> NodeVersion:
        return NodeVersion(3, 14, True)

    def get_transactions(self, txids: Sequence[str], *, prune: bool = False) -> FoundTransactions:
        self._answer()
        if self.transaction is None:
            return FoundTransactions((), tuple(txids))
        return FoundTransactions((self.transaction, *self.others), ())

    def send_raw_transaction(self, blob: str) -> Submission:
        self.sent.append(blob)
        return Submission(True, True, frozenset())

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self) -> None:
        if not self.reachable:
            raise RpcUnreachable("Start it.")


class Watch:
    """A deal whose payout was broadcast, and a runner that looks at it when told to."""

    def __init__(self, market: Market, node: ScriptedNode) -> None:
        self.market, self.node = market, node
        self.deal = market.broadcast_deal()
        own = OwnNode(Network.REGTEST, lambda: node)
        self._runner = Runner(
            {PAYOUT: watch_payouts(own, required=10, pause=timedelta(0)), NODE_KEY: watch_node(own)}
        )

    def look(self) -> dict[str, Any]:
        """Look once; the escrow's summary after it."""
        WorkItem.objects.filter(due__isnull=False).update(due="2026-01-01T00:00:00Z")
        self._runner.step()
        summary: dict[str, Any] = (
            self.market.people[Role.VENDOR].api.get(f"/api/escrow/{self.deal.escrow_id}").body
        )
        return summary

    @property
    def work(self) -> WorkItem:
        return WorkItem.objects.get(key=payout_key(self.deal.escrow_id))

    def events(self) -> list[str]:
        events = self.market.people[Role.BUYER].api.get("/api/events?after=20").body["events"]
        return [one["type"] for one in events if one["type"].startswith("Transaction")]


@pytest.fixture
def watch(market: Market) -> Watch:
    return Watch(market, ScriptedNode())


def test_a_payout_is_final_at_ten_confirmations_and_not_before(watch: Watch) -> None:
    watch.node.in_pool()
    assert watch.look()["payout"]["confirmations"] == 0
    watch.node.mined(confirmations=1)
    watch.look()
    watch.node.mined(confirmations=9)
    shown = watch.look()
    assert (shown["state"], shown["payout"]["confirmations"]) == ("releasing", 9)

    watch.node.mined(confirmations=10)
    shown = watch.look()

    assert (shown["state"], shown["payout"]["confirmations"]) == ("completed", 10)
    assert shown["payout"]["height"] == 200
    assert watch.events() == ["TransactionSeen", "TransactionSeen", "TransactionConfirmed"]
    assert watch.work.due is None


def test_a_node_out_of_reach_says_neither_yes_nor_no(watch: Watch) -> None:
    watch.node.reachable = False

    shown = watch.look()

    assert shown["state"] == "releasing"
    assert watch.work.failures == 1
    assert watch.work.due is not None
    watch.node.reachable = True
    watch.node.mined(confirmations=12)
    assert watch.look()["state"] == "completed"


def test_a_payout_that_vanishes_is_noted_and_looked_for_again(watch: Watch) -> None:
    watch.node.mined(confirmations=3)
    watch.look()
    watch.node.transaction = None

    shown = watch.look()
    watch.look()

    assert shown["state"] == "releasing"
    assert shown["payout"]["confirmations"] == 0
    assert watch.events() == ["TransactionSeen", "TransactionVanished"]
    watch.node.mined(confirmations=10)
    assert watch.look()["state"] == "completed"


def test_a_payout_never_seen_has_not_vanished(watch: Watch) -> None:
    watch.look()

    assert watch.events() == []
    assert watch.work.due is not None


def test_a_payout_that_our_node_lacks_is_sent_again_as_it_was_announced(watch: Watch) -> None:
    watch.node.mined(confirmations=3)
    watch.look()
    assert watch.node.sent == []
    watch.node.transaction = None

    watch.look()

    assert watch.node.sent == [TX]


def test_a_rival_payout_that_was_mined_is_the_outcome(watch: Watch) -> None:
    """A second one was announced; the first one is what the miners took."""
    watch.market.say(
        watch.deal, Role.BUYER, Kind.PAYOUT_RESTART, body={"reason": "rejected"}, attempt=1
    )
    watch.market.pay_out(watch.deal, "99" * 32, attempt=2)
    watch.node.mined(confirmations=10)

    shown = watch.look()

    assert (shown["state"], shown["payout"]["txid"]) == ("completed", TXID)


def test_an_announced_transaction_that_spends_something_else_ends_nothing(watch: Watch) -> None:
    """Whoever signed last named another's transaction: the builder had said what it would spend."""
    watch.node.spends = "2e" * 32
    watch.node.mined(confirmations=10)

    shown = watch.look()
    watch.look()

    assert (shown["state"], shown["payout"]["elsewhere"]) == ("releasing", True)
    assert watch.events() == ["TransactionElsewhere"], "once"
    watch.node.spends = KEY_IMAGE
    watch.node.mined(confirmations=10)
    shown = watch.look()
    assert (shown["state"], shown["payout"]["elsewhere"]) == ("completed", False)


def test_a_true_payout_counts_though_another_transaction_was_announced_too(watch: Watch) -> None:
    watch.market.say(
        watch.deal, Role.BUYER, Kind.PAYOUT_RESTART, body={"reason": "rejected"}, attempt=1
    )
    foreign = "99" * 32
    watch.market.pay_out(watch.deal, foreign, attempt=2)
    watch.node.mined(confirmations=10)
    assert watch.node.transaction is not None
    watch.node.others = (KnownTransaction(foreign, False, 100, 500, False, "", ("2e" * 32,)),)

    shown = watch.look()

    assert (shown["state"], shown["payout"]["txid"]) == ("completed", TXID)


def test_a_node_of_another_network_is_not_believed(market: Market) -> None:
    watch = Watch(market, ScriptedNode(Network.MAINNET))
    watch.node.mined(confirmations=100)

    assert watch.look()["state"] == "releasing"
    assert watch.work.last_error == "node_of_another_network"


def test_without_a_node_nothing_is_confirmed(market: Market) -> None:
    market.broadcast_deal()
    runner = Runner(
        {PAYOUT: watch_payouts(OwnNode(Network.REGTEST, None), required=10, pause=timedelta(0))}
    )

    runner.step()

    assert WorkItem.objects.get().last_error == "node_missing"
    assert Escrow.objects.get().state == "releasing"


def test_the_network_page_shows_what_the_node_said(market: Market) -> None:
    own = OwnNode(Network.REGTEST, ScriptedNode)
    runner = Runner({NODE_KEY: watch_node(own)})
    api = market.people[Role.BUYER].api
    before = api.get("/api/network").body
    with write_transaction():
        wake(NODE_KEY, at=now())

    runner.step()

    assert before["height"] is None
    after = api.get("/api/network").body
    assert (after["height"], after["monerod_version"]) == (210, "0.18.4.0")
    assert after["network"] == "regtest"
