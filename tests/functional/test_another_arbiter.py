"""An arbiter whose agent is gone for good is replaced: real daemons, real agents."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest

from tests.functional.kit.market import Market
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import Party
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.lifecycle import State
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer, net_of_fee, ruling
from tripartite.domain.succession import RESERVE

AMOUNT = 2 * ATOMIC


@pytest.fixture
def erin(market: Market, devnet: Devnet) -> Iterator[Party]:
    """One more arbiter's agent at the same coordinator."""
    party = Party(
        Role.ARBITER,
        devnet.directory / "erin",
        coordinator=market.coordinator,
        node_url=devnet.chain.url,
    )
    party.name = "erin-the-other-arbiter"
    party.join(Secret(secrets.token_urlsafe(16)))
    party.address = devnet.purses.address(Role.ARBITER)
    party.start()
    yield party
    party.stop()


def test_money_whose_arbiter_is_gone_is_moved_and_ruled_on_by_another(
    market: Market, erin: Party
) -> None:
    old = market.funded_deal(amount=AMOUNT, more=("--arbiter-fee", "1"))
    old.buyer.dispute("nothing arrived")
    old.until(old.is_disputed)
    market.arbiter.stop()

    printed = market.buyer.run(
        "replace-arbiter", old.escrow_id, "--arbiter", erin.name, "--arbiter-fee", "2.5",
        "--expect-fingerprint", erin.fingerprint, "--yes",
    )  # fmt: skip
    (new_id,) = re.findall(r"^escrow ([0-9a-f]{32})$", printed, re.MULTILINE)
    others = Community(market.coordinator, {**market.parties, Role.ARBITER: erin})
    amount = AMOUNT - RESERVE[Network.REGTEST]
    new = Deal(market.devnet, others, new_id, amount=amount, subject=old.subject)
    market.deals.append(new)
    new.until(new.is_proposed_to_all)
    # Where the vendor is paid is known from the old escrow.
    market.vendor.run("accept", new_id, "--expect-fingerprint", erin.fingerprint, "--yes")
    new.arbiter.accept()
    new.until(new.is_keyed)

    shown = "".join(market.buyer.decide("move", old.escrow_id).split())
    old.until(lambda: bool(old.vendor.status()["offers"]), what="the vendor hears of it")
    assert new.address in shown
    market.vendor.decide("move", new_id)
    old.until(old.is_broadcast)
    market.mine(UNLOCK_DEPTH)
    new.mine_until(new.is_funded)
    old.until(old.is_paid_out)

    moved = AMOUNT - old.payout_fee()
    assert old.state is State.SETTLED
    assert old.buyer.status()["moves_to"] == new_id
    assert old.receipts() == (0, 0, 0, 0), "all of it went to the new wallet"
    assert (new.reported(Role.BUYER), new.reported(Role.VENDOR)) == (moved, moved)

    new.vendor.dispute("it was delivered")
    new.until(new.is_disputed)
    new.arbiter.rule(winner=Role.VENDOR)
    new.finish()

    fees = FeeRule(NetworkFeeBearer.PAYEE, 250, 0)
    split = net_of_fee(
        ruling(amount, moved, fees, vendor_bps=10_000), new.payout_fee(), fees.bearer
    )
    assert new.state is State.COMPLETED
    assert new.receipts() == split.parts
    assert split.buyer == moved - amount, "what the move left over"
    assert market.audit_is_intact()
