"""What a party can claim, and what the others' agents say to it; told on paper wallets."""

from __future__ import annotations

import pytest

from tests.unit.agent.market import Market
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import State
from tripartite.monero.errors import BadTxset, KeyExchangeBadMessage
from tripartite.monero.monerod import KeyImageStatus


def test_a_mined_transaction_that_spends_something_else_ends_nothing(market: Market) -> None:
    market.release()
    market.buyer.wallets.images = (KeyImageStatus.UNSPENT,)
    market.buyer.node.confirmations = 10
    market.buyer.seconds += 100

    market.buyer.work()

    assert market.buyer.case.record.state is State.RELEASING
    assert market.buyer.case.frozen is not None
    assert market.buyer.case.frozen.code == "payout_elsewhere"


def test_a_restored_wallet_that_can_not_know_is_no_reason_to_stop(market: Market) -> None:
    market.release()
    market.buyer.wallets.images = (KeyImageStatus.UNSPENT,)
    market.buyer.wallets.import_needed = True
    market.buyer.node.confirmations = 10
    market.buyer.seconds += 100

    market.buyer.work()

    assert market.buyer.case.record.state is State.COMPLETED


def test_whose_wallet_could_not_know_believes_the_chain(market: Market) -> None:
    """The arbiter's wallet has never taken in anybody's multisig data."""
    market.release()
    market.arbiter.node.confirmations = 10
    market.arbiter.seconds += 100

    market.arbiter.work()

    assert market.arbiter.case.record.state is State.COMPLETED


def test_a_payout_that_no_node_takes_is_an_alarm_once(market: Market) -> None:
    market.release()
    market.buyer.node.takes = False

    for _ in range(3):
        market.buyer.seconds += 100
        market.buyer.work()

    assert market.buyer.alarms == ["payout_not_taken"]
    assert market.buyer.case.frozen is None


@pytest.mark.parametrize(
    ("step", "trouble"),
    [
        ("make_multisig", KeyExchangeBadMessage("Not a message.")),
        ("cosign", BadTxset("Not a transaction set.")),
    ],
)
def test_words_that_a_wallet_cannot_take_are_an_alarm(
    market: Market, step: str, trouble: Refused
) -> None:
    market.vendor.wallets.trouble[step] = [trouble]

    market.release()

    assert trouble.code in market.vendor.alarms
    assert market.vendor.case.frozen is None
