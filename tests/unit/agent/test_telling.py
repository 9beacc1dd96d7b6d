"""Payouts that the record doesn't know: noticed by themselves, and told."""

from __future__ import annotations

from tests.unit.agent.market import TXID, Market, Trader
from tests.unit.agent.test_settling_by_files import copy_of
from tests.unit.protocol.trade import ESCROW_ID, KEY_IMAGE
from tripartite.agent.decisions import Decision
from tripartite.agent.offline.bundles import Bundle
from tripartite.agent.offline.settling import begin, carry_on, make_desk
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.parties import Role
from tripartite.monero.monerod import KeyImageStatus
from tripartite.protocol.envelope import Kind, read_envelope


def by_files(market: Market) -> None:
    """From a funded escrow: the buyer releases, and both exchange files until it is paid."""
    buyer, vendor = market.buyer, market.vendor
    buyer.decide(Decision.RELEASE)

    def go_on(trader: Trader, *heard: Trader) -> None:
        bundles = [Bundle(ESCROW_ID, copy_of(other)) for other in heard]
        taken = begin(trader.opened.journal, ESCROW_ID, bundles)
        desk = make_desk(trader.opened, "files-1", trader.node, trader.wallets)
        carry_on(desk, ESCROW_ID, taken, sleep=lambda _: None)

    go_on(buyer)
    go_on(vendor, buyer)
    go_on(buyer, vendor)
    go_on(vendor, buyer)
    go_on(buyer, vendor)
    for trader in (buyer, vendor):
        trader.put_together("run-2")


def mined(market: Market, confirmations: int) -> None:
    for trader in market.traders.values():
        trader.node.confirmations = confirmations


def woken(trader: Trader) -> set[str]:
    trader.seconds += 1_000
    return trader.reconciler.stir(block=True)


def states(market: Market) -> set[State]:
    """What the coordinator says."""
    return {market.record.state}


def kinds(market: Market) -> list[Kind]:
    return [read_envelope(text).kind for text in market.coordinator.texts[ESCROW_ID]]


def test_a_living_coordinator_hears_of_what_was_settled_by_files(market: Market) -> None:
    """It knew of nothing but a funded escrow. Both agents tell it, and the third comes along."""
    market.fund()
    by_files(market)
    assert states(market) == {State.FUNDED}
    mined(market, 1)

    for trader in (market.buyer, market.vendor):
        assert woken(trader) == {ESCROW_ID}
        trader.work()

    assert market.record.broadcasts == {TXID: Event.RELEASE_CONFIRMED}
    assert states(market) == {State.RELEASING}
    assert kinds(market)[-2:] == [Kind.PAYOUT_SEEN, Kind.PAYOUT_SEEN]
    mined(market, 10)
    market.arbiter.hear()
    for trader in market.traders.values():
        woken(trader)
        trader.work()
    assert {one.case.record.state for one in market.traders.values()} == {State.COMPLETED}
    assert kinds(market).count(Kind.PAYOUT_SEEN) == 2, "each tells it once"
    assert [woken(one) for one in (market.buyer, market.vendor)] == [set(), set()]


def test_what_only_one_tells_ends_nothing(market: Market) -> None:
    market.fund()
    by_files(market)
    mined(market, 10)

    woken(market.buyer)
    market.buyer.work()

    assert market.record.broadcasts == {}
    assert market.record.seen == {Role.BUYER: (TXID, Event.RELEASE_CONFIRMED)}


def test_a_coordinator_that_refuses_to_hear_changes_nothing_of_what_goes_by_files(
    market: Market,
) -> None:
    market.fund()
    by_files(market)
    mined(market, 1)
    market.coordinator.refusals = ["no"]

    woken(market.buyer)
    market.buyer.work()

    assert market.buyer.case.frozen is not None
    assert market.buyer.case.frozen.code == "by_files"
    assert woken(market.buyer) == {ESCROW_ID}, "it is told later"


def test_outputs_that_are_spent_by_something_unknown_are_noticed_at_the_next_block(
    market: Market,
) -> None:
    """The buyer has built; the vendor paid itself with the arbiter, and says nothing."""
    other = "77" * 32
    market.fund()
    market.vendor.wallets.trouble["cosign"] = []
    market.buyer.decide(Decision.RELEASE)
    for trader in (market.buyer, market.vendor, market.buyer):
        trader.hear()
        trader.work()
    assert kinds(market)[-1] is Kind.PAYOUT_TXSET
    assert woken(market.buyer) == set()
    market.buyer.node.images = {KEY_IMAGE: KeyImageStatus.SPENT_IN_CHAIN}
    market.buyer.node.confirmations = 1
    market.buyer.wallets.spending = (other,)

    assert woken(market.buyer) == {ESCROW_ID}
    market.buyer.work()

    assert market.record.seen == {Role.BUYER: (other, Event.RELEASE_CONFIRMED)}
    woken(market.buyer)
    market.buyer.work()
    assert kinds(market).count(Kind.PAYOUT_SEEN) == 1


def test_a_human_hears_of_spent_money_where_the_outcome_is_not_known(market: Market) -> None:
    """In a dispute the state doesn't say which payout the two others made."""
    market.release()
    assert market.record.payout is not None
    market.buyer.node.confirmations = None
    market.vendor.node.confirmations = None
    from tests.unit.agent.test_endings import dispute  # noqa: PLC0415 — only this story argues

    dispute(market, market.buyer)
    market.buyer.node.images = {KEY_IMAGE: KeyImageStatus.SPENT_IN_CHAIN}
    market.buyer.wallets.spending = ("77" * 32,)

    for _ in range(2):
        assert ESCROW_ID in woken(market.buyer)
        market.buyer.work()

    assert market.buyer.alarms.count("payout_unrecorded") == 1
    assert market.record.seen == {}


def test_all_escrows_are_asked_about_in_one_question(market: Market) -> None:
    market.release()
    asked = market.buyer.node.asked

    woken(market.buyer)

    assert market.buyer.node.asked == asked + 1
