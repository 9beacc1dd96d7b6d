"""Every form in which money can come, and every way in which a payout can go astray."""

from __future__ import annotations

from collections.abc import Callable

from tests.functional.kit.market import Market
from tripartite.devnet.deals import Deal
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC, parse_xmr
from tripartite.domain.parties import Role

AMOUNT = 2 * ATOMIC


def test_what_is_missing_is_shown_and_a_top_up_counts(market: Market) -> None:
    """Three payments, the last one too large: the surplus goes back with the payout."""
    deal = market.keyed_deal()
    deal.pay(ATOMIC // 2, ATOMIC // 4)
    deal.until(_missing(deal, "1.25"), what="both show what is missing")
    market.mine(10)
    deal.pay(ATOMIC)
    deal.until(_missing(deal, "0.25"), what="the top-up counts at once")
    assert deal.state is State.AWAITING_DEPOSIT

    deal.fund(ATOMIC // 2)
    deal.until(lambda: deal.buyer.status()["surplus"] == "0.25")
    market.mine(10)
    deal.buyer.release()
    deal.finish()

    assert deal.receipts() == (ATOMIC // 4, AMOUNT - deal.payout_fee(), 0, 0)


def test_larger_amounts_wait_for_more_confirmations(market: Market) -> None:
    deal = market.keyed_deal(more=("--confirmations", "1:12", "--confirmations", "100:20"))

    deal.pay()
    market.mine(11)
    deal.until(lambda: len(_pending(deal)) == 2, what="both see it")
    assert deal.state is State.AWAITING_DEPOSIT
    market.mine(1)

    deal.until(deal.is_funded)


def test_a_locked_deposit_counts_only_once_it_can_be_spent(market: Market) -> None:
    deal = market.keyed_deal()
    unlocked_at = market.devnet.chain.height + 16

    deal.pay(unlock_time=unlocked_at)
    market.mine(12)
    deal.until(lambda: all(_locked(deal)) and len(_locked(deal)) == 2, what="both see it locked")
    assert deal.state is State.AWAITING_DEPOSIT
    assert deal.buyer.status()["missing"] == "2"
    market.mine(unlocked_at - market.devnet.chain.height + 1)
    deal.until(deal.is_funded)

    deal.buyer.release()
    deal.finish()
    assert deal.received(Role.VENDOR) == AMOUNT - deal.payout_fee()


def test_a_deposit_that_a_reorganisation_takes_away_and_brings_back(market: Market) -> None:
    """In a pool again it isn't there; mined again, it is paid out as if nothing had happened."""
    deal = market.keyed_deal()
    txid = deal.pay()
    market.mine(10)
    deal.until(deal.is_funded)

    market.devnet.chain.pop(10)
    market.devnet.chain.forget(txid)
    market.mine(11)
    deal.look()
    deal.until(lambda: deal.state is State.AWAITING_DEPOSIT, what="the deposit is gone")
    deal.until(_missing(deal, "2"), what="all of it is missing")
    market.devnet.chain.send_again(txid)
    market.mine(10)
    deal.mine_until(deal.is_funded)

    deal.buyer.release()
    deal.finish()
    assert deal.received(Role.VENDOR) == AMOUNT - deal.payout_fee()


def test_a_payout_that_vanished_is_sent_again_and_not_built_anew(market: Market) -> None:
    """Dropped from the pool, then thrown out of the chain: it is the same transaction each time."""
    deal = market.funded_deal()
    deal.buyer.release()
    deal.until(deal.is_broadcast)
    first = deal.txid

    market.devnet.chain.forget(first)
    deal.until(lambda: market.devnet.chain.knows(first), what="somebody sent it again")
    market.mine(3)
    market.devnet.chain.pop(3)
    market.devnet.chain.forget(first)
    for party in market.parties.values():
        party.pause()
    deal.until(lambda: market.devnet.chain.knows(first), what="the coordinator sent it again")
    for party in market.parties.values():
        party.resume()
    deal.finish()

    assert deal.txid == first
    assert deal.received(Role.VENDOR) == AMOUNT - deal.payout_fee()
    assert deal.signed_payouts() == 1
    deal.until(deal.is_over_for_all)


def test_a_payout_sent_before_a_dispute_is_the_outcome_if_it_is_mined(market: Market) -> None:
    deal = market.funded_deal()
    deal.buyer.release()
    deal.until(deal.is_broadcast)

    deal.buyer.dispute("I was deceived")
    deal.until(deal.is_disputed)
    market.mine(10)
    deal.mine_until(deal.is_paid_out)

    assert deal.state is State.COMPLETED
    assert deal.received(Role.VENDOR) == AMOUNT - deal.payout_fee()
    deal.until(deal.is_over_for_all, what="every agent's own node showed it")


def _missing(deal: Deal, amount: str) -> Callable[[], bool]:
    """Both traders' agents, and the coordinator, say that so much XMR is missing."""
    return lambda: (
        {deal.buyer.status()["missing"], deal.vendor.status()["missing"]} == {amount}
        and deal.overview().missing == parse_xmr(amount)
    )


def _pending(deal: Deal) -> list[int]:
    return [report.pending for report in deal.overview().reports.values() if report.pending]


def _locked(deal: Deal) -> list[int]:
    return [report.locked for report in deal.overview().reports.values()]
