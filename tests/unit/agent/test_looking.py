"""When wallets are opened to look at deposits: as seldom as can be, and never too late."""

from __future__ import annotations

import threading

import pytest

from tests.unit.agent.market import Market
from tests.unit.protocol.trade import ESCROW_ID, terms
from tripartite.agent.decisions import Decision
from tripartite.agent.pulse import Pulse
from tripartite.agent.wallets.records import Sighting, SlotsTaken
from tripartite.domain.deposits import Output
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Network
from tripartite.monero.errors import RpcUnreachable
from tripartite.monero.monerod import NodeInfo


def looks(market: Market) -> int:
    return market.buyer.wallets.calls.count("deposits")


def hour_by_hour(market: Market, hours: float = 0.9) -> None:
    """Time passes; the agent works whenever it wants to."""
    for _ in range(100):
        market.buyer.seconds += hours * 36
        market.buyer.work()


@pytest.fixture
def waiting(market: Market) -> Market:
    """An escrow that waits for money, at an agent whose node is asked for news."""
    market.agree()
    market.buyer.reconciler.stir(block=True)
    market.buyer.seconds += 100
    market.buyer.work()
    return market


def test_while_nothing_happens_no_wallet_is_opened(waiting: Market) -> None:
    before = looks(waiting)

    hour_by_hour(waiting)

    assert looks(waiting) == before


def test_a_change_of_the_pool_is_looked_at_at_once(waiting: Market) -> None:
    before = looks(waiting)
    waiting.buyer.seconds += 100
    waiting.buyer.wallets.deposit(terms().amount_due, height=None)

    assert waiting.buyer.reconciler.stir(block=False) == {ESCROW_ID}
    waiting.buyer.work()

    assert looks(waiting) > before
    assert waiting.record.reports[waiting.buyer.role].pending == terms().amount_due


def test_a_busy_pool_is_not_looked_at_all_the_time(waiting: Market) -> None:
    waiting.buyer.seconds += 100
    before = looks(waiting)
    for _ in range(100):
        waiting.buyer.reconciler.stir(block=False)
        waiting.buyer.seconds += 1
        waiting.buyer.work()

    assert looks(waiting) - before == 100 / waiting.buyer.desk.pace.watching


def test_what_happens_during_a_look_is_not_missed(
    waiting: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallets, reconciler = waiting.buyer.wallets, waiting.buyer.reconciler
    look = wallets.deposits
    waiting.buyer.seconds += 100
    reconciler.stir(block=False)

    def slow(ref: object) -> object:
        seen = look(ref)  # type: ignore[arg-type]  # handed through
        reconciler.stir(block=True)
        return seen

    monkeypatch.setattr(wallets, "deposits", slow)
    pause = waiting.buyer.work()

    assert pause is not None
    assert 0 < pause <= waiting.buyer.desk.pace.watching


def test_a_look_that_found_no_free_slot_is_made_soon_though_no_news_come(
    waiting: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block that it was made for was the last for a while."""
    waiting.buyer.seconds += 100
    waiting.buyer.wallets.deposit(terms().amount_due)
    waiting.buyer.reconciler.stir(block=True)

    def taken(ref: object) -> object:
        raise SlotsTaken("Look again later.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(waiting.buyer.wallets, "deposits", taken)
        pause = waiting.buyer.work()
    assert pause == waiting.buyer.desk.pace.watching
    waiting.buyer.seconds += pause
    waiting.buyer.work()

    assert waiting.record.reports[waiting.buyer.role].confirmed == terms().amount_due


def test_money_that_is_there_waits_for_blocks_only(waiting: Market) -> None:
    for trader in waiting.traders.values():
        trader.wallets.deposit(terms().amount_due)
        trader.seconds += 10_000
    waiting.settle()
    assert waiting.record.state is State.FUNDED

    assert waiting.buyer.reconciler.stir(block=False) == set()
    assert waiting.buyer.reconciler.stir(block=True) == {ESCROW_ID}


def test_a_cancelled_escrow_is_watched_for_late_money(waiting: Market) -> None:
    waiting.vendor.decide(Decision.CANCEL)
    waiting.settle()

    assert waiting.buyer.reconciler.stir(block=True) == {ESCROW_ID}


class PaperNews:
    """A node that shows what the test wants."""

    def __init__(self) -> None:
        self.top = "aa"
        self.pool: frozenset[str] = frozenset()
        self.silent = False
        self.asked = threading.Event()

    def get_info(self) -> NodeInfo:
        self.asked.set()
        if self.silent:
            raise RpcUnreachable("Start it.")
        return NodeInfo(Network.REGTEST, 100, 0, self.top, True, False, False, 0, "0.18.4.0")

    def get_pool(self) -> frozenset[str]:
        return self.pool


def test_the_pulse_tells_a_block_from_a_pool_and_nothing_from_both() -> None:
    node, told = PaperNews(), list[bool]()
    heart = Pulse(node, told.append, seconds=1, failed=lambda _: None)

    heart.beat()
    heart.beat()
    node.pool = frozenset({"11"})
    heart.beat()
    node.top, node.pool = "bb", frozenset()
    heart.beat()

    assert told == [True, False, True]


def test_a_silent_node_stops_no_pulse() -> None:
    node, told, bugs = PaperNews(), list[bool](), list[BaseException]()
    node.silent = True
    beaten = threading.Event()

    def stirred(block: bool) -> None:
        told.append(block)
        beaten.set()

    heart = Pulse(node, stirred, seconds=0.01, failed=bugs.append)
    heart.start()
    assert node.asked.wait(10)
    node.silent = False
    assert beaten.wait(10)
    heart.stop()

    assert told[0]
    assert bugs == []


def test_a_deposit_in_too_many_parts_is_an_alarm_once_for_each_degree(waiting: Market) -> None:
    buyer = waiting.buyer
    for parts in (101, 120, 141, 150):
        outputs = tuple(Output("ef" * 32, index, 1, 101) for index in range(parts))
        buyer.wallets.sighting = Sighting(outputs, 120, 1_700_000_000)
        buyer.seconds += 100
        buyer.reconciler.stir(block=True)
        buyer.work()

    assert buyer.alarms == ["deposit_in_too_many_parts", "deposit_in_many_parts"]
    assert buyer.case.frozen is None
