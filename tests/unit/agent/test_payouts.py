"""What a payout has to be, from the terms and a wallet's balance alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.plans import ADDRESSES, MULTISIG_ADDRESS, plan, plans
from tripartite.agent.payouts import (
    FEE_FACTOR,
    PayoutPlan,
    PayoutPlanUnsound,
    dust_threshold,
    estimate_fee,
    estimate_weight,
    expected,
    fee_limit,
)
from tripartite.domain.errors import TripartiteError
from tripartite.domain.lifecycle import Event
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer, Recipient


@given(plans(), st.integers(min_value=0, max_value=3 * ATOMIC), st.integers(0, ATOMIC // 10))
def test_a_payout_pays_out_everything_but_the_fee(
    agreed: PayoutPlan, surplus: int, fee: int
) -> None:
    balance = agreed.amount + surplus
    fee = min(fee, balance)
    due = expected(agreed, balance, fee)
    assert sum(due.values()) == balance - fee
    assert all(amount > 0 for amount in due.values())
    assert set(due) <= set(agreed.addresses.values())


def test_a_release_pays_the_vendor_less_the_fees() -> None:
    agreed = plan(fees=FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=200, platform_bps=100))
    assert expected(agreed, ATOMIC, 1000) == {
        ADDRESSES[Recipient.VENDOR]: ATOMIC * 99 // 100 - 1000,
        ADDRESSES[Recipient.PLATFORM]: ATOMIC // 100,
    }


def test_a_refund_pays_the_buyer_everything() -> None:
    agreed = plan(event=Event.REFUND_SIGNED)
    assert expected(agreed, 7, 2) == {ADDRESSES[Recipient.BUYER]: 5}


def test_a_settlement_pays_both() -> None:
    agreed = plan(event=Event.SETTLEMENT_AGREED, vendor_share=ATOMIC // 4)
    assert expected(agreed, ATOMIC, 0) == {
        ADDRESSES[Recipient.BUYER]: ATOMIC * 3 // 4,
        ADDRESSES[Recipient.VENDOR]: ATOMIC // 4,
    }


def test_a_ruling_pays_the_arbiter_too() -> None:
    agreed = plan(
        event=Event.RULED_SPLIT,
        vendor_bps=5000,
        fees=FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=200, platform_bps=0),
    )
    assert expected(agreed, ATOMIC, 0) == {
        ADDRESSES[Recipient.BUYER]: ATOMIC * 49 // 100,
        ADDRESSES[Recipient.VENDOR]: ATOMIC * 49 // 100,
        ADDRESSES[Recipient.ARBITER]: ATOMIC * 2 // 100,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"event": Event.SETTLEMENT_AGREED},
        {"event": Event.RULED_SPLIT},
        {"event": Event.RULED_FOR_VENDOR},
        {"event": Event.RELEASE_SIGNED, "vendor_share": 1},
        {"event": Event.RELEASE_SIGNED, "vendor_bps": 1},
        {"event": Event.SETTLEMENT_AGREED, "vendor_bps": 1},
        {"addresses": {**ADDRESSES, Recipient.BUYER: ADDRESSES[Recipient.VENDOR]}},
        {"addresses": {**ADDRESSES, Recipient.BUYER: MULTISIG_ADDRESS}},
    ],
    ids=str,
)
def test_a_plan_that_could_mean_two_things_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(PayoutPlanUnsound):
        plan(**changes)


def test_an_address_of_another_network_is_refused() -> None:
    with pytest.raises(TripartiteError) as refusal:
        replace(plan(), network=Network.STAGENET)
    assert refusal.value.code == "address_wrong_network"


def test_an_event_that_pays_nobody_has_no_payout() -> None:
    with pytest.raises(PayoutPlanUnsound):
        expected(plan(event=Event.DISPUTE_OPENED), ATOMIC, 0)


def test_a_payee_without_address_is_named() -> None:
    agreed = plan(addresses={Recipient.BUYER: ADDRESSES[Recipient.BUYER]})
    with pytest.raises(PayoutPlanUnsound, match="vendor"):
        expected(agreed, ATOMIC, 0)


@pytest.mark.parametrize(
    ("inputs", "recipients", "fee"),
    # Measured: what wallet-rpc 0.18.0.0 asked on regtest at priority 2.
    [(2, 1, 10_203_700_000), (1, 3, 10_217_800_000), (2, 4, 18_654_300_000)],
)
def test_our_estimate_is_the_fee_that_a_wallet_asks(inputs: int, recipients: int, fee: int) -> None:
    assert estimate_fee(4_700_000, 10_000, inputs=inputs, recipients=recipients) == fee


@given(st.integers(1, 100), st.integers(2, 15))
def test_more_inputs_and_more_outputs_weigh_more(inputs: int, outputs: int) -> None:
    weight = estimate_weight(inputs=inputs, outputs=outputs)
    assert weight < estimate_weight(inputs=inputs + 1, outputs=outputs)
    assert weight < estimate_weight(inputs=inputs, outputs=outputs + 1)


def test_dust_is_what_costs_more_to_spend_than_it_holds() -> None:
    one, two = (estimate_weight(inputs=inputs, outputs=2) for inputs in (1, 2))
    assert dust_threshold(20_000) == 20_000 * (two - one)


@given(st.sampled_from(Network), st.integers(0, 10 * ATOMIC))
def test_a_fee_limit_never_exceeds_the_cap(network: Network, estimate: int) -> None:
    limit = fee_limit(network, estimate)
    assert limit.highest <= ATOMIC
    assert limit.highest <= estimate * FEE_FACTOR
    assert limit.lowest <= estimate
