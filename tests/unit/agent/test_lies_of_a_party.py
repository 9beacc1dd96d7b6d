"""What a party can claim, and what the others' agents say to it; told on paper wallets."""

from __future__ import annotations

import pytest

from tests.unit.agent.market import Market
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent import resolving
from tripartite.agent.decisions import Decision
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import State
from tripartite.monero.errors import BadTxset, KeyExchangeBadMessage
from tripartite.monero.monerod import KeyImageStatus
from tripartite.protocol.envelope import Kind, read_envelope


def test_a_mined_transaction_that_spends_something_else_ends_nothing(market: Market) -> None:
    """Neither for the builder, nor for the arbiter, whose wallet stays closed."""
    market.release()
    for trader in (market.buyer, market.arbiter):
        trader.node.spends = "2e" * 32
        trader.node.confirmations = 0
        trader.seconds += 100
        trader.work()

        assert trader.case.record.state is State.RELEASING
        assert trader.case.frozen is not None
        assert trader.case.frozen.code == "payout_elsewhere"
        assert "examine" not in trader.wallets.calls


def test_after_a_look_a_signer_begins_anew_what_was_announced_falsely(market: Market) -> None:
    market.release()
    market.buyer.node.spends = "2e" * 32
    market.buyer.node.confirmations = 10
    market.buyer.seconds += 100
    market.buyer.work()
    said = len(market.coordinator.received)
    market.buyer.decide(Decision.RESUME)

    market.buyer.work()

    restart, *_ = [read_envelope(text) for text in market.coordinator.received[said:]]
    assert (restart.kind, restart.body) == (Kind.PAYOUT_RESTART, {"reason": "payout_elsewhere"})
    assert market.buyer.case.frozen is None
    assert market.record.payout is not None
    assert market.record.payout.attempt == 2


def test_whoever_lost_a_dispute_asks_its_own_wallet_about_the_payout(market: Market) -> None:
    """Arbiter and vendor could stand behind any transaction together; the buyer's wallet knows."""
    market.fund()
    resolving.store(
        market.buyer.opened, resolving.dispute(market.buyer.opened, ESCROW_ID, "nothing arrived")
    )
    market.settle()
    opened = market.arbiter.opened
    resolving.store(opened, resolving.rule(opened, ESCROW_ID, 10_000, None))
    market.settle()
    market.buyer.wallets.images = (KeyImageStatus.UNSPENT,)
    market.buyer.node.confirmations = 10
    market.buyer.seconds += 100

    market.buyer.work()

    assert market.buyer.wallets.learned == ("aa", "aa"), "what the signers exported, sealed to it"
    assert market.buyer.case.frozen is not None
    assert market.buyer.case.frozen.code == "payout_elsewhere"


def test_a_mined_transaction_that_spends_nothing_of_the_own_wallet_ends_nothing(
    market: Market,
) -> None:
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
