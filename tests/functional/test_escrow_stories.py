"""Whole escrows: real daemons, real agents, real money of a chain that is worth nothing."""

from __future__ import annotations

from tests.functional.kit.market import Market
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role


def test_the_vendor_gets_the_agreed_amount_less_the_fee(market: Market) -> None:
    """From signed terms to a payout with ten confirmations, in the vendor's own wallet."""
    deal = market.funded_deal(amount=3 * ATOMIC)

    deal.buyer.release()
    deal.finish()

    assert deal.received(Role.VENDOR) == 3 * ATOMIC - deal.payout_fee()
    assert deal.received(Role.BUYER) == 0
    assert deal.overview().confirmations >= 10


def test_a_deposit_is_seen_as_pending_before_it_counts(market: Market) -> None:
    deal = market.keyed_deal()

    deal.pay()
    deal.until(deal.is_seen_pending)
    mined_at = market.devnet.chain.height
    market.mine(9)
    assert not deal.is_funded()
    market.mine(1)
    deal.until(deal.is_funded)

    reports = deal.overview().reports
    assert all(report.height >= mined_at + 10 for report in reports.values())


def test_a_deposit_may_come_in_two_outputs(market: Market) -> None:
    deal = market.keyed_deal(amount=2 * ATOMIC)

    deal.fund(ATOMIC // 2, 3 * ATOMIC // 2)
    deal.buyer.release()
    deal.finish()

    assert deal.received(Role.VENDOR) == 2 * ATOMIC - deal.payout_fee()


def test_what_was_paid_too_much_goes_back_to_the_buyer(market: Market) -> None:
    deal = market.keyed_deal(amount=2 * ATOMIC)

    deal.fund(2 * ATOMIC + 7 * ATOMIC // 10)
    deal.buyer.release()
    deal.finish()

    assert deal.received(Role.VENDOR) == 2 * ATOMIC - deal.payout_fee()
    assert deal.received(Role.BUYER) == 7 * ATOMIC // 10


def test_three_escrows_at_once_do_not_disturb_each_other(market: Market) -> None:
    deals = [market.proposed_deal(amount=(1 + at) * ATOMIC) for at in range(3)]
    for deal in deals:
        deal.accept()
    for deal in deals:
        deal.until(deal.is_keyed)
    assert len({deal.address for deal in deals}) == 3
    for deal in deals:
        deal.pay()
    market.mine(10)
    for deal in deals:
        deal.until(deal.is_funded)
        deal.buyer.release()
    for deal in deals:
        deal.until(deal.is_broadcast)
    market.mine(10)
    for deal in deals:
        deal.until(deal.is_completed)

        assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()


def test_an_agent_that_restarts_amid_the_key_exchange_starts_a_new_attempt(
    market: Market,
) -> None:
    deal = market.accepted_deal()
    deal.until(deal.is_keying)

    market.vendor.kill()
    assert not deal.is_keyed(), "it was killed in the middle"
    market.vendor.start()

    deal.until(deal.is_keyed)
    deal.fund()
    deal.buyer.release()
    deal.finish()
    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()


def test_a_coordinator_that_is_killed_midway_loses_nothing(market: Market) -> None:
    deal = market.accepted_deal()
    deal.until(deal.is_keying)

    market.coordinator.kill()
    market.coordinator.start()
    deal.until(deal.is_keyed)
    deal.fund()

    deal.buyer.release()
    market.coordinator.kill()
    market.coordinator.start()
    deal.finish()

    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
    assert market.audit_is_intact()


def test_a_vendor_who_was_away_finds_everything_again(market: Market) -> None:
    """Stopped in order while the deposit comes in and the buyer consents."""
    deal = market.keyed_deal()
    market.vendor.stop()

    deal.pay()
    market.mine(10)
    market.until(lambda: deal.reported(Role.BUYER) == deal.amount, what="the buyer reports it")
    assert not deal.is_funded(), "one report is never enough"
    market.vendor.start()

    deal.until(deal.is_funded)
    deal.buyer.release()
    deal.finish()
    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
