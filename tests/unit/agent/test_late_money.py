"""Money that comes when everything is paid out: it is told of, and goes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.agent.market import NOW, Market, Trader
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent import asked_looks
from tripartite.agent.wallets.records import Sighting, SlotsTaken
from tripartite.domain.deposits import LEAST_LATE, Output
from tripartite.domain.lifecycle import Event, State, Teller
from tripartite.domain.money import ATOMIC
from tripartite.protocol.admission import observe
from tripartite.protocol.envelope import Kind, read_envelope

LATE = ATOMIC // 3


def is_final(trader: Trader) -> None:
    """The trader's own node shows the payout ten blocks deep."""
    trader.node.confirmations = 10
    trader.seconds += 1_000
    trader.work()


def time_passes(trader: Trader, since_end: timedelta, since_look: timedelta) -> None:
    """The end and the last look were so long ago."""
    noted = f"{(NOW - since_end).isoformat()} {(NOW - since_look).isoformat()}"
    trader.opened.journal.set_setting(f"late_looks/{ESCROW_ID}", noted)
    trader.seconds += 100_000
    trader.reconciler.stir(block=True)


def late(trader: Trader, amount: int = LATE) -> None:
    trader.wallets.late = Sighting((Output("ef" * 32, 7, amount, 150),), 200, 1_700_000_000)
    time_passes(trader, timedelta(hours=1), timedelta(hours=1))


@pytest.fixture
def completed(market: Market) -> Market:
    """A release that is final for everybody."""
    market.release()
    for trader in market.traders.values():
        is_final(trader)
    after, _ = observe(market.record, Event.RELEASE_CONFIRMED, by=Teller.CHAIN)
    market.coordinator.records[ESCROW_ID] = after
    return market


def test_money_after_the_end_is_told_and_goes_back_to_the_buyer(completed: Market) -> None:
    for trader in (completed.buyer, completed.vendor):
        late(trader)

    completed.settle()

    assert completed.record.state is State.REFUNDING
    payout = completed.record.payout
    assert payout is not None
    assert (payout.event, payout.attempt) == (Event.DEPOSIT_ARRIVED_LATE, 2)
    assert payout.txid is not None
    assert completed.buyer.wallets.plans[-1].gross(300).parts == (300, 0, 0, 0)
    for trader in (completed.buyer, completed.vendor):
        assert trader.alarms == ["money_after_the_end"]


def test_whoever_asks_for_a_look_does_not_wait_for_the_next_one(completed: Market) -> None:
    """Once: the next look comes when it would have come."""
    for trader in (completed.buyer, completed.vendor):
        late(trader)
        time_passes(trader, timedelta(days=100), timedelta(hours=1))
    completed.settle()
    assert completed.record.late == {}, "the next look is hours away"

    for trader in (completed.buyer, completed.vendor):
        asked_looks.ask(trader.opened.journal, ESCROW_ID)
        assert trader.reconciler.asked() == {ESCROW_ID}
    completed.settle()

    assert completed.record.payout is not None
    assert completed.record.payout.event is Event.DEPOSIT_ARRIVED_LATE
    for trader in (completed.buyer, completed.vendor):
        trader.work()
        assert trader.reconciler.asked() == set()


def test_a_look_that_was_asked_for_is_tried_again_soon_while_all_wallets_are_busy(
    completed: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = completed.buyer
    time_passes(buyer, timedelta(days=100), timedelta(hours=1))
    asked_looks.ask(buyer.opened.journal, ESCROW_ID)
    buyer.reconciler.asked()

    def busy(*_: object, **__: object) -> Sighting:
        raise SlotsTaken("All are in the middle of something.")

    with monkeypatch.context() as patch:
        patch.setattr(buyer.wallets, "left_over", busy)
        pause = buyer.work()
    assert pause is not None
    assert 0 < pause <= 2
    assert buyer.reconciler.asked() == {ESCROW_ID}

    buyer.work()
    assert buyer.reconciler.asked() == set()


def test_what_only_one_wallet_sees_opens_nothing(completed: Market) -> None:
    late(completed.buyer)

    completed.settle()

    assert completed.record.state is State.COMPLETED
    assert completed.buyer.alarms == ["money_after_the_end"]


def test_what_is_not_worth_a_payout_opens_nothing(completed: Market) -> None:
    for trader in (completed.buyer, completed.vendor):
        late(trader, LEAST_LATE - 1)

    completed.settle()

    assert completed.record.state is State.COMPLETED
    assert completed.buyer.alarms == []


def test_whose_node_is_slower_hears_of_late_money_without_alarm(market: Market) -> None:
    """The arbiter has not seen the end yet when the others speak of what came after it."""
    market.release()
    for trader in (market.buyer, market.vendor):
        is_final(trader)
    after, _ = observe(market.record, Event.RELEASE_CONFIRMED, by=Teller.CHAIN)
    market.coordinator.records[ESCROW_ID] = after
    for trader in (market.buyer, market.vendor):
        late(trader)
        trader.work()
    assert market.record.state is State.REFUNDING

    market.arbiter.hear()
    market.arbiter.work()
    assert market.arbiter.case.record.state is State.RELEASING
    assert market.arbiter.alarms == []
    market.arbiter.node.confirmations = 10
    market.arbiter.work()

    assert market.arbiter.case.record == market.record
    assert market.arbiter.alarms == []


@pytest.mark.parametrize(
    ("since_end", "since_look", "looked"),
    [
        (timedelta(hours=1), timedelta(minutes=5), False),
        (timedelta(hours=1), timedelta(minutes=7), True),
        (timedelta(days=365), timedelta(hours=23), False),
        (timedelta(days=365), timedelta(hours=25), True),
    ],
)
def test_the_longer_it_is_over_the_more_seldom_it_is_looked_at(
    completed: Market, since_end: timedelta, since_look: timedelta, looked: bool
) -> None:
    time_passes(completed.buyer, since_end, since_look)

    completed.buyer.work()

    assert ("left_over" in completed.buyer.wallets.calls) == looked


def test_an_arbiter_looks_at_nothing_that_is_over(completed: Market) -> None:
    time_passes(completed.arbiter, timedelta(days=9), timedelta(days=9))

    completed.arbiter.work()

    assert "left_over" not in completed.arbiter.wallets.calls


def test_a_late_refund_is_final_by_its_own_transaction_alone(completed: Market) -> None:
    """What ended the escrow before is deep in the chain, and says nothing of the new money."""
    for trader in (completed.buyer, completed.vendor):
        late(trader)
    completed.buyer.work()
    completed.vendor.hear()
    completed.vendor.work()

    assert completed.record.broadcasts == {}
    kinds = [read_envelope(text).kind for text in completed.coordinator.texts[ESCROW_ID]]
    assert kinds.count(Kind.DEPOSIT_REPORT) == 4
