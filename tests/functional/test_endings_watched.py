"""What agents notice by themselves, without being asked: real daemons, real agents."""

from __future__ import annotations

from pathlib import Path

from tests.functional.kit.market import Market
from tests.functional.test_offline_stories import machine_of, payout_in
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role


def test_a_living_coordinator_recognises_what_two_parties_settled_by_files(
    market: Market, tmp_path: Path
) -> None:
    """It knows of nothing but a funded escrow; both agents tell it, and the arbiter hears."""
    deal = market.funded_deal()
    buyer, vendor = machine_of(market.buyer, market), machine_of(market.vendor, market)
    files = [tmp_path / f"{n}.json" for n in range(5)]
    for party in (market.buyer, market.vendor):
        party.stop()
    buyer.run("release", deal.escrow_id, "--yes")
    buyer.settle(deal.escrow_id, to=files[1])
    vendor.settle(deal.escrow_id, heard=files[1], to=files[2])
    buyer.settle(deal.escrow_id, heard=files[2], to=files[3])
    txid = payout_in(vendor.settle(deal.escrow_id, heard=files[3], to=files[4]))
    buyer.settle(deal.escrow_id, heard=files[4])
    assert deal.state is State.FUNDED
    for party in (market.buyer, market.vendor):
        party.start()

    market.mine(1)
    deal.until(lambda: deal.state is State.RELEASING, what="both agents have told it")
    market.mine(9)
    deal.until(deal.is_over_for_all, what="everybody has found out")

    assert (deal.state, deal.txid) == (State.COMPLETED, txid)
    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()


def test_money_that_comes_when_all_is_paid_out_goes_back_by_itself(market: Market) -> None:
    deal = market.funded_deal()
    deal.buyer.release()
    deal.finish()
    deal.until(deal.is_over_for_all)
    released, late = deal.txid, deal.amount // 3

    deal.pay(late)
    market.mine(10)
    deal.look()
    deal.until(lambda: deal.state is State.REFUNDING, what="both agents have seen it")
    deal.finish()

    assert (deal.state, deal.txid == released) == (State.REFUNDED, False)
    assert deal.receipts() == (late - deal.payout_fee(), 0, 0, 0)
    assert "money_after_the_end" in deal.buyer.alarms()
    deal.until(deal.is_over_for_all)
