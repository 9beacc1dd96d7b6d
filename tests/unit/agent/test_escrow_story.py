"""One escrow, told by three agents whose wallets and coordinator are of paper."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.agent.market import TXID, Market
from tests.unit.protocol.trade import DEPOSIT_ADDRESS, KEY_IMAGE, terms
from tripartite.agent.decisions import Decision
from tripartite.domain.lifecycle import Event, State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import read_envelope


def test_agents_carry_accepted_terms_to_an_attested_address(market: Market) -> None:
    market.agree()

    assert market.record.state is State.AWAITING_DEPOSIT
    for trader in market.traders.values():
        assert trader.case.record == market.record
        assert trader.case.record.address == DEPOSIT_ADDRESS
        assert trader.desk.book.address(trader.case.escrow_id, 1) == DEPOSIT_ADDRESS


def test_nothing_is_said_before_a_human_accepts(market: Market) -> None:
    market.propose()
    market.settle()

    assert [read_envelope(text).role for text in market.coordinator.received] == [Role.BUYER]


def test_buyer_and_vendor_report_the_deposit_and_the_arbiter_rests(market: Market) -> None:
    market.fund()

    assert market.record.state is State.FUNDED
    assert set(market.record.reports) == {Role.BUYER, Role.VENDOR}
    assert "deposits" not in market.arbiter.wallets.calls


def test_a_new_height_alone_is_no_news(market: Market) -> None:
    market.fund()
    said = len(market.coordinator.received)

    for trader in (market.buyer, market.vendor):
        trader.wallets.deposit(terms().amount_due, top=200)
        trader.seconds += 1_000
    market.settle()

    assert len(market.coordinator.received) == said


def test_the_wallet_is_not_asked_again_before_its_time(market: Market) -> None:
    market.agree()
    looks = market.buyer.wallets.calls.count("deposits")

    market.buyer.work()
    market.buyer.work()

    assert market.buyer.wallets.calls.count("deposits") == looks


def test_a_release_pays_what_the_signed_terms_say(market: Market) -> None:
    market.release()

    assert market.record.state is State.RELEASING
    assert market.record.payout is not None
    assert market.record.payout.txid == TXID
    (built,), (signed,) = market.buyer.wallets.plans, market.vendor.wallets.plans
    assert replace(built, key_images=(KEY_IMAGE,)) == signed, "the builder has said what it spends"
    assert built.event is Event.RELEASE_SIGNED
    assert (built.amount, built.multisig_address) == (terms().amount, DEPOSIT_ADDRESS)


def test_ten_confirmations_on_the_own_node_end_the_escrow(market: Market) -> None:
    market.release()
    for trader in market.traders.values():
        trader.node.confirmations = 9
        trader.seconds += 100
    market.settle()
    assert market.buyer.case.record.state is State.RELEASING

    for trader in market.traders.values():
        trader.node.confirmations = 10
        trader.seconds += 100
        trader.work()

    assert {one.case.record.state for one in market.traders.values()} == {State.COMPLETED}


def test_a_payout_that_vanished_is_sent_again_without_a_wallet(market: Market) -> None:
    market.release()
    asked = list(market.buyer.wallets.calls)

    market.buyer.seconds += 100
    market.buyer.work()

    assert market.buyer.node.sent[-1] == "dd"
    assert market.buyer.wallets.calls == asked


def test_a_vendor_gives_the_money_back(market: Market) -> None:
    market.fund()

    market.vendor.decide(Decision.REFUND)
    market.settle()

    assert market.record.state is State.REFUNDING
    assert "cosign" in market.buyer.wallets.calls


def test_calling_it_off_before_money_ends_it_for_all(market: Market) -> None:
    market.agree()

    market.vendor.decide(Decision.CANCEL)
    market.settle()

    assert {one.case.record.state for one in market.traders.values()} == {State.CANCELLED}


def test_a_release_that_comes_too_early_is_settled_with_the_reason(market: Market) -> None:
    market.agree()

    number = market.buyer.decide(Decision.RELEASE)
    market.settle()

    assert market.buyer.desk.decisions.intent(number).outcome == "move_not_open"
    assert market.record.state is State.AWAITING_DEPOSIT
