"""From facts to findings, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.agent.market import TXID, Market, PowerCut, dies_at
from tests.unit.protocol.trade import ESCROW_ID
from tripartite.agent.doctor import (
    Ailment,
    Facts,
    NodeFacts,
    PayoutFacts,
    Remedy,
    Spending,
    WalletFacts,
    diagnose,
)
from tripartite.agent.examining import note_diagnosis
from tripartite.agent.ports import Boundary
from tripartite.agent.reconciling import Reconciler
from tripartite.domain.parties import Role
from tripartite.monero.errors import SubmitRejected
from tripartite.protocol.envelope import read_envelope

NODE = NodeFacts(own_network=True, recent_enough=True, height=120, target=0)
WALLET = WalletFacts(
    height=120, had_cache=True, import_needed=False, unlocked=5, spending=Spending.UNSPENT
)
PAYOUT = PayoutFacts(attempt=1, turn=((Role.BUYER, "build_payout"),), announced=False, known=None)
WELL = Facts(
    role=Role.VENDOR,
    frozen=None,
    payout=PAYOUT,
    node=NODE,
    has_wallet=True,
    wallet_seen=True,
    wallet=WALLET,
    trouble=None,
)


@pytest.mark.parametrize(
    ("facts", "ailment", "remedy"),
    [
        (replace(WELL, frozen="position_rewritten"), Ailment.FROZEN, Remedy.LOOK),
        (replace(WELL, node=None), Ailment.NODE_UNREACHABLE, Remedy.MEND),
        (
            replace(WELL, node=replace(NODE, own_network=False)),
            Ailment.NODE_WRONG_NETWORK,
            Remedy.MEND,
        ),
        (
            replace(WELL, node=replace(NODE, recent_enough=False)),
            Ailment.VERSION_TOO_OLD,
            Remedy.MEND,
        ),
        (replace(WELL, node=replace(NODE, target=900)), Ailment.NODE_BEHIND, Remedy.WAIT),
        (replace(WELL, has_wallet=False, wallet=None), Ailment.WALLET_MISSING, Remedy.MEND),
        (replace(WELL, wallet=None), Ailment.WALLET_RPC_DEAD, Remedy.MEND),
        (
            replace(WELL, wallet=replace(WALLET, had_cache=False)),
            Ailment.CACHE_LOST,
            Remedy.RESTART,
        ),
        (replace(WELL, wallet=replace(WALLET, height=90)), Ailment.WALLET_BEHIND, Remedy.WAIT),
        (replace(WELL, payout=None), Ailment.NO_PAYOUT, Remedy.WAIT),
        (
            replace(
                WELL,
                payout=replace(PAYOUT, announced=True, known=True),
                wallet=replace(WALLET, spending=Spending.IN_POOL),
            ),
            Ailment.ON_ITS_WAY,
            Remedy.WAIT,
        ),
        (
            replace(
                WELL,
                payout=replace(PAYOUT, announced=True, known=True),
                wallet=None,
                wallet_seen=False,
            ),
            Ailment.ON_ITS_WAY,
            Remedy.WAIT,
        ),
        (
            replace(WELL, payout=replace(PAYOUT, announced=True, known=True, elsewhere=True)),
            Ailment.ELSEWHERE,
            Remedy.LOOK,
        ),
        (
            replace(WELL, payout=replace(PAYOUT, announced=True, known=True)),
            Ailment.ELSEWHERE,
            Remedy.LOOK,
        ),
        (
            replace(WELL, payout=replace(PAYOUT, announced=True, known=False)),
            Ailment.VANISHED,
            Remedy.RESEND,
        ),
        (
            replace(WELL, wallet=replace(WALLET, spending=Spending.MINED)),
            Ailment.OVERTAKEN,
            Remedy.LOOK,
        ),
        (replace(WELL, trouble="submit_rejected"), Ailment.REJECTED, Remedy.RESTART),
        (replace(WELL, trouble="stale_multisig_data"), Ailment.STALE_DATA, Remedy.RESTART),
        (replace(WELL, trouble="payout_round_spent"), Ailment.STALE_DATA, Remedy.RESTART),
        (replace(WELL, trouble="payout_balance_differs"), Ailment.STALE_DATA, Remedy.RESTART),
        (replace(WELL, trouble="cosigner_behind"), Ailment.IMPORT_NEEDED, Remedy.RESTART),
        (
            replace(WELL, wallet=replace(WALLET, import_needed=True)),
            Ailment.IMPORT_NEEDED,
            Remedy.RESTART,
        ),
        (replace(WELL, trouble="bad_txset"), Ailment.TXSET_UNREADABLE, Remedy.RESTART),
        (replace(WELL, trouble="payout_amount_wrong"), Ailment.NOT_AS_AGREED, Remedy.LOOK),
        (replace(WELL, wallet=replace(WALLET, unlocked=0)), Ailment.MONEY_LOCKED, Remedy.WAIT),
        (WELL, Ailment.OTHERS_TURN, Remedy.ASK),
        (replace(WELL, role=Role.BUYER), Ailment.OWN_TURN, Remedy.WAIT),
    ],
)
def test_each_trouble_is_recognised_by_its_facts(
    facts: Facts, ailment: Ailment, remedy: Remedy
) -> None:
    first, *_ = diagnose(facts)

    assert (first.ailment, first.remedy) == (ailment, remedy)
    assert first.advice


def test_what_is_broken_below_hides_what_rests_on_it() -> None:
    """A wallet that can't reach its node has stale data, too; only the node is worth mending."""
    (only,) = diagnose(replace(WELL, node=None, wallet=None, trouble="stale_multisig_data"))

    assert only.ailment is Ailment.NODE_UNREACHABLE


def test_what_waits_for_blocks_still_says_whose_turn_it_is() -> None:
    found = diagnose(replace(WELL, node=replace(NODE, target=900)))

    assert [one.ailment for one in found] == [Ailment.NODE_BEHIND, Ailment.OTHERS_TURN]


def test_a_running_agents_wallet_that_nobody_looked_into_is_not_called_dead() -> None:
    found = diagnose(replace(WELL, wallet=None, wallet_seen=False))

    assert [one.ailment for one in found] == [Ailment.OTHERS_TURN]


def test_nothing_is_built_anew_while_nobody_knows_whether_the_money_is_spent() -> None:
    found = diagnose(replace(WELL, trouble="submit_rejected", wallet=None, wallet_seen=False))

    assert Remedy.RESTART not in [one.remedy for one in found]


def test_a_payout_in_the_pool_is_no_rival() -> None:
    spent = replace(WALLET, spending=Spending.IN_POOL)
    found = diagnose(
        replace(WELL, wallet=spent, payout=replace(PAYOUT, announced=True, known=True))
    )

    assert [one.ailment for one in found] == [Ailment.ON_ITS_WAY]


def test_a_payout_that_the_network_refuses_is_built_anew_without_a_human(market: Market) -> None:
    """It was signed and stored, and the network doesn't want it; the money is unspent."""
    market.vendor.at = dies_at(Boundary.SIGNED)
    with pytest.raises(PowerCut):
        market.release()
    market.vendor.restart()
    found = diagnose(replace(WELL, trouble="submit_rejected"))
    vendor = Reconciler(
        market.vendor.desk, monotonic=lambda: market.vendor.seconds, doctor=lambda _: found
    )
    market.vendor.reconciler = vendor
    market.vendor.wallets.trouble["resubmit"] = [SubmitRejected("Ask the node.")]

    market.settle()
    assert market.vendor.work() is None
    market.settle()

    assert "payout_restart" in [read_envelope(text).kind for text in market.coordinator.received]
    assert market.record.payout is not None
    assert (market.record.payout.attempt, market.record.payout.txid) == (2, TXID)


def test_an_alarm_is_raised_once_for_what_a_person_must_mend(market: Market) -> None:
    market.fund()
    journal = market.vendor.opened.journal
    found = diagnose(replace(WELL, node=None))

    for _ in range(3):
        note_diagnosis(journal, ESCROW_ID, found)

    assert market.vendor.alarms == ["node_unreachable"]
