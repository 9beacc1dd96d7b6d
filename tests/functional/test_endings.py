"""Every way an escrow can end: real daemons, real agents, the receivers' real wallets."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import cast

from tests.functional.kit.market import Market
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.settlement import (
    FeeRule,
    NetworkFeeBearer,
    Recipient,
    Split,
    divide,
    net_of_fee,
    refund,
    release,
    ruling,
)

AMOUNT = 2 * ATOMIC


def paid(split: Split, fee: int, bearer: NetworkFeeBearer) -> tuple[int, int, int, int]:
    """Buyer, vendor, arbiter, platform: what each has to find in its wallet."""
    return net_of_fee(split, fee, bearer).parts


def test_a_refund_gives_the_buyer_everything_back(market: Market) -> None:
    deal = market.funded_deal()

    deal.vendor.refund()
    deal.finish()

    assert deal.state is State.REFUNDED
    assert deal.receipts() == (AMOUNT - deal.payout_fee(), 0, 0, 0)
    shown = "".join(deal.vendor.shown.split())
    assert deal.devnet.purses.address(Role.BUYER) in shown


def test_two_traders_settle_on_a_split_that_the_other_offered_last(market: Market) -> None:
    deal = market.funded_deal()

    deal.buyer.settle(vendor_share=ATOMIC // 2)
    deal.until(lambda: bool(deal.vendor.status()["offers"]), what="the vendor hears the offer")
    deal.vendor.settle(vendor_share=3 * ATOMIC // 2 + 1)
    deal.until(lambda: len(cast("dict[str, object]", deal.buyer.status()["offers"])) == 2)
    deal.buyer.agree(vendor_share=3 * ATOMIC // 2 + 1)
    deal.finish()

    assert deal.state is State.SETTLED
    fees = FeeRule(NetworkFeeBearer.PAYEE, 0, 0)
    split = divide(AMOUNT, AMOUNT, fees, vendor_share=3 * ATOMIC // 2 + 1)
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.PAYEE)


def test_an_escrow_is_called_off_before_money_and_a_late_deposit_goes_back(
    market: Market,
) -> None:
    """Nobody says anything more: the agents give the buyer's money back by themselves."""
    deal = market.keyed_deal()
    address = deal.address
    deal.vendor.cancel()
    deal.until(deal.is_cancelled)

    market.devnet.payer.pay(address, [AMOUNT // 3])
    market.mine(10)
    deal.look()
    deal.finish()

    assert deal.state is State.REFUNDED
    assert deal.receipts() == (AMOUNT // 3 - deal.payout_fee(), 0, 0, 0)


def test_an_arbiter_rules_for_the_buyer_while_the_vendor_is_away(
    market: Market, tmp_path: Path
) -> None:
    """Reason, evidence and statements reach both others, sealed; the loser's agent isn't needed."""
    photo = tmp_path / "a photo; rm -rf.jpg"
    photo.write_bytes(random.Random(1).randbytes(300 * 1024))
    deal = market.funded_deal(more=("--arbiter-fee", "2.5"))

    deal.buyer.dispute("nothing arrived, tracking number 4711", photo)
    deal.until(deal.is_disputed)
    deal.vendor.state("it was handed to the carrier on the 12th")
    deal.until(lambda: len(cast("list[object]", deal.arbiter.case()["statements"])) == 2)
    deal.until(lambda: _whole_files(deal.arbiter.case()) == 1)
    market.vendor.pause()
    case = deal.arbiter.case()
    deal.arbiter.rule(winner=Role.BUYER)
    deal.finish()

    assert deal.state is State.REFUNDED
    fees = FeeRule(NetworkFeeBearer.PAYEE, 250, 0)
    split = ruling(AMOUNT, AMOUNT, fees, vendor_bps=0)
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.PAYEE)
    assert split.arbiter == AMOUNT * 250 // 10_000
    said = cast("list[dict[str, str]]", case["statements"])
    assert [one["text"] for one in said] == [
        "nothing arrived, tracking number 4711",
        "it was handed to the carrier on the 12th",
    ]
    (file,) = cast("list[dict[str, object]]", case["evidence"])
    kept = Path(str(file["file"]))
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == file["sha256"]
    assert kept.read_bytes() == photo.read_bytes()
    assert kept.name.endswith("-a_photo_rm_-rf.jpg")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not market.coordinator_knows("tracking number 4711", "handed to the carrier")


def _whole_files(case: object) -> int:
    found = cast("dict[str, list[dict[str, object]]]", case)["evidence"]
    return sum(one["size"] is not None for one in found)


def test_a_ruling_is_replaced_and_the_named_trader_is_asked_before_a_split(market: Market) -> None:
    """Every fee there is, the network's shared; the buyer neither asked nor needed."""
    platform = market.devnet.purses.address(Recipient.PLATFORM)
    deal = market.funded_deal(
        more=(
            "--arbiter-fee", "1", "--platform-fee", "0.75", "--platform-address", platform,
            "--network-fee", "shared",
        )
    )  # fmt: skip
    deal.vendor.dispute("she wants the bicycle for nothing")
    deal.until(deal.is_disputed)
    market.buyer.pause()
    deal.arbiter.rule(vendor_percent="50", cosigner=Role.VENDOR)
    deal.until(lambda: deal.arbiter.status()["state"] == "settling", what="it ruled")
    deal.arbiter.rule(vendor_percent="70.01")
    deal.until(lambda: _percent(deal.vendor.case()) == "70.01 %", what="it ruled again")
    deal.until(lambda: "agree" in cast("list[str]", deal.vendor.status()["you_can"]))
    deal.until(lambda: ("vendor", "cosign_payout") in _waits(deal.vendor.status()))
    assert deal.vendor.overview().txid is None, "the vendor was not asked yet"

    deal.vendor.carry_out(vendor_percent="70.01")
    deal.finish()
    market.buyer.resume()

    split = ruling(AMOUNT, AMOUNT, FeeRule(NetworkFeeBearer.SHARED, 100, 75), vendor_bps=7_001)
    assert min(split.parts) > 0
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.SHARED)


def _percent(case: object) -> object:
    payout = cast("dict[str, dict[str, object] | None]", case)["payout"]
    return None if payout is None else payout["vendor_percent"]


def _waits(status: object) -> list[tuple[str, str]]:
    found = cast("dict[str, list[dict[str, str]]]", status)["waiting_on"]
    return [(one["role"], one["what"]) for one in found]


def test_traders_settle_during_a_dispute_without_the_arbiter(market: Market) -> None:
    platform = market.devnet.purses.address(Recipient.PLATFORM)
    deal = market.keyed_deal(
        more=(
            "--arbiter-fee", "3", "--platform-fee", "1", "--platform-address", platform,
            "--network-fee", "payer", "--fee-allowance", "0.05",
        )
    )  # fmt: skip
    deal.fund(AMOUNT + ATOMIC // 20)
    deal.buyer.dispute("a wheel is missing")
    deal.until(deal.is_disputed)
    market.arbiter.pause()

    deal.vendor.settle(vendor_share=ATOMIC)
    deal.until(lambda: bool(deal.buyer.status()["offers"]))
    deal.buyer.agree(vendor_share=ATOMIC)
    deal.finish()

    fees = FeeRule(NetworkFeeBearer.PAYER, 300, 100)
    split = divide(AMOUNT, AMOUNT + ATOMIC // 20, fees, vendor_share=ATOMIC)
    assert split.platform == ATOMIC // 100
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.PAYER)
    assert deal.state is State.SETTLED


def test_a_ruling_for_the_vendor_is_signed_by_arbiter_and_vendor_alone(market: Market) -> None:
    deal = market.funded_deal(more=("--arbiter-fee", "1", "--network-fee", "payer"))
    deal.vendor.dispute("he has it and is silent")
    deal.until(deal.is_disputed)
    market.buyer.pause()

    deal.arbiter.rule(winner=Role.VENDOR)
    deal.finish()

    market.buyer.resume()
    split = ruling(AMOUNT, AMOUNT, FeeRule(NetworkFeeBearer.PAYER, 100, 0), vendor_bps=10_000)
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.PAYER)
    deal.until(deal.is_over_for_all, what="the buyer's agent finds out by itself")


def test_a_release_pays_the_platform_out_of_the_vendors_part(market: Market) -> None:
    platform = market.devnet.purses.address(Recipient.PLATFORM)
    deal = market.funded_deal(
        more=("--platform-fee", "2", "--platform-address", platform, "--network-fee", "shared")
    )

    deal.buyer.release()
    deal.finish()

    split = release(AMOUNT, AMOUNT, FeeRule(NetworkFeeBearer.SHARED, 0, 200))
    assert deal.receipts() == paid(split, deal.payout_fee(), NetworkFeeBearer.SHARED)


def test_an_underpaid_escrow_can_be_refunded(market: Market) -> None:
    deal = market.keyed_deal()
    deal.pay(AMOUNT // 4)
    market.mine(10)
    deal.until(lambda: deal.vendor.status()["missing"] == "1.5", what="how much is missing")
    deal.until(lambda: deal.reported(Role.BUYER) == deal.reported(Role.VENDOR) == AMOUNT // 4)

    deal.vendor.refund()
    deal.finish()

    assert deal.receipts() == paid(refund(AMOUNT // 4), deal.payout_fee(), NetworkFeeBearer.PAYEE)
