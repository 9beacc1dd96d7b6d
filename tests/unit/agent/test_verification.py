"""An agent signs the payout that was agreed, and nothing that differs from it by anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.agent.plans import (
    ADDRESSES,
    KEY,
    MULTISIG_ADDRESS,
    PAYMENT_ID,
    STRANGER,
    describe,
    described,
    plan,
    plans,
)
from tripartite.agent import verification
from tripartite.agent.payouts import (
    Move,
    MoveFallsShort,
    PayoutPlan,
    PayoutPlanUnsound,
    estimate_fee,
    expected,
    fee_limit,
)
from tripartite.agent.verification import (
    PayoutPromiseDiffers,
    PayoutRefused,
    check_payout,
    check_promise,
)
from tripartite.domain.errors import Tampered, leaves
from tripartite.domain.lifecycle import Event
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network
from tripartite.domain.settlement import Recipient as Payee
from tripartite.monero.wallet_results import DescribedTransaction, Recipient

FEE = estimate_fee(4_700_000, 10_000, inputs=2, recipients=2)
LIMIT = fee_limit(Network.REGTEST, FEE)
# Two are paid, and both can lose something.
SPLIT = plan(event=Event.SETTLEMENT_AGREED, vendor_share=ATOMIC // 4)


@given(plans(), st.integers(0, ATOMIC), st.integers(LIMIT.lowest, LIMIT.highest))
def test_every_honest_payout_is_let_pass(agreed: PayoutPlan, surplus: int, fee: int) -> None:
    balance = agreed.amount + surplus
    check_payout(describe(agreed, balance, fee), agreed, balance, LIMIT)


def _with(**changes: object) -> Callable[[DescribedTransaction], DescribedTransaction]:
    return lambda honest: replace(honest, **changes)  # type: ignore[arg-type]  # names are given


def _recipients(*recipients: Recipient) -> Callable[[DescribedTransaction], DescribedTransaction]:
    return lambda honest: replace(honest, recipients=recipients)


DUE = expected(SPLIT, ATOMIC, FEE)
BUYER, VENDOR = (Recipient(to, amount) for to, amount in DUE.items())

TAMPERINGS = {
    "payout_locked": [_with(unlock_time=1), _with(unlock_time=2**62)],
    "payout_stranger_paid": [
        _recipients(BUYER, replace(VENDOR, address=STRANGER)),
        _recipients(BUYER, replace(VENDOR, address=MULTISIG_ADDRESS)),
        _recipients(BUYER, replace(VENDOR, address=ADDRESSES[Payee.ARBITER])),
    ],
    "payout_recipient_twice": [
        _recipients(BUYER, replace(VENDOR, amount=VENDOR.amount - 1), replace(VENDOR, amount=1)),
    ],
    "payout_recipient_missing": [
        _recipients(replace(BUYER, amount=BUYER.amount + VENDOR.amount)),
    ],
    "payout_amount_wrong": [
        _recipients(
            replace(BUYER, amount=BUYER.amount - 1), replace(VENDOR, amount=VENDOR.amount + 1)
        ),
        _recipients(replace(BUYER, amount=VENDOR.amount), replace(VENDOR, amount=BUYER.amount)),
    ],
    "payout_change_to_stranger": [_with(change_amount=1, change_address=STRANGER)],
    "payout_change_kept": [
        _with(change_amount=1, change_address=MULTISIG_ADDRESS),
        _with(change_amount=1),
    ],
    "payout_sums_wrong": [
        _with(amount_out=ATOMIC - FEE - 1),
        _with(fee=FEE + 1),
        _with(fee=FEE - 1),
        _recipients(replace(BUYER, amount=BUYER.amount - 1), VENDOR),
        _recipients(BUYER, VENDOR, Recipient(STRANGER, 1)),
    ],
    "payout_balance_differs": [
        _with(amount_in=ATOMIC - 1),
        _with(amount_in=ATOMIC + 1),
    ],
    "payout_dummy_outputs": [_with(dummy_outputs=1)],
    "payout_payment_id": [_with(payment_id="1" * 16), _with(payment_id="1" * 64)],
    "payout_extra": [
        _with(extra=""),
        _with(extra=KEY + "0221" + "00" + "ab" * 32),
        _with(extra=KEY + PAYMENT_ID + "00"),
        _with(extra=KEY + "04" + "03" + "ab" * 96),
        _with(extra=KEY + "04" + "02" + "ab" * 32),
        _with(extra=KEY + KEY),
    ],
}


@pytest.mark.parametrize(
    ("code", "tamper"),
    [
        pytest.param(code, one, id=f"{code}-{number}")
        for code, several in TAMPERINGS.items()
        for number, one in enumerate(several, 1)
    ],
)
def test_every_tampering_is_refused_with_its_own_code(
    code: str, tamper: Callable[[DescribedTransaction], DescribedTransaction]
) -> None:
    (honest,) = describe(SPLIT, ATOMIC, FEE).transactions
    with pytest.raises(PayoutRefused) as refusal:
        check_payout(described(tamper(honest)), SPLIT, ATOMIC, LIMIT)
    assert refusal.value.code == code


def test_two_transactions_or_none_are_refused() -> None:
    honest = describe(SPLIT, ATOMIC, FEE)
    for transactions in ((), honest.transactions * 2):
        with pytest.raises(PayoutRefused) as refusal:
            check_payout(replace(honest, transactions=transactions), SPLIT, ATOMIC, LIMIT)
        assert refusal.value.code == "payout_not_one_transaction"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_in": 1},
        {"amount_out": 1},
        {"fee": 1},
        {"recipients": (VENDOR,)},
        {"recipients": (VENDOR, VENDOR)},
        {"change_amount": 1},
        {"change_address": STRANGER},
    ],
)
def test_sums_that_belong_to_another_set_are_refused(changes: dict[str, object]) -> None:
    honest = describe(SPLIT, ATOMIC, FEE)
    with pytest.raises(PayoutRefused) as refusal:
        check_payout(
            replace(honest, **changes),  # type: ignore[arg-type]  # names are given above
            SPLIT,
            ATOMIC,
            LIMIT,
        )
    assert refusal.value.code == "payout_summary_differs"


@given(st.integers(0, ATOMIC // 2))
def test_a_fee_outside_the_limit_is_refused(fee: int) -> None:
    assume(not LIMIT.lowest <= fee <= LIMIT.highest)
    with pytest.raises(PayoutRefused) as refusal:
        check_payout(describe(SPLIT, ATOMIC, fee), SPLIT, ATOMIC, LIMIT)
    high = fee > LIMIT.highest
    assert refusal.value.code == ("payout_fee_too_high" if high else "payout_fee_too_low")
    assert refusal.value.restart_helps


def test_an_honest_payout_for_another_decision_is_refused() -> None:
    released = describe(plan(), ATOMIC, FEE)
    with pytest.raises(PayoutRefused) as refusal:
        check_payout(released, plan(event=Event.REFUND_SIGNED), ATOMIC, LIMIT)
    assert refusal.value.code == "payout_stranger_paid"


# All of it to the wallet of a successor, whose terms ask for less than arrives.
MOVE = plan(event=Event.SETTLEMENT_AGREED, move=Move(STRANGER, ATOMIC * 9 // 10))


def test_a_move_pays_the_whole_balance_to_the_successor_and_nothing_to_anybody_else() -> None:
    assert expected(MOVE, ATOMIC, FEE) == {STRANGER: ATOMIC - FEE}
    check_payout(describe(MOVE, ATOMIC, FEE), MOVE, ATOMIC, LIMIT)

    (honest,) = describe(MOVE, ATOMIC, FEE).transactions
    (there,) = honest.recipients
    lies = {
        "payout_stranger_paid": _recipients(replace(there, address=ADDRESSES[Payee.BUYER])),
        "payout_recipient_twice": _recipients(
            replace(there, amount=there.amount - 1), replace(there, amount=1)
        ),
        "payout_sums_wrong": _recipients(replace(there, amount=there.amount - 1)),
        "payout_balance_differs": _with(amount_in=ATOMIC - 1),
        "payout_change_kept": _with(change_amount=1, change_address=MULTISIG_ADDRESS),
        "payout_locked": _with(unlock_time=1),
    }
    for code, lie in lies.items():
        with pytest.raises(PayoutRefused) as refused:
            check_payout(described(lie(honest)), MOVE, ATOMIC, LIMIT)
        assert refused.value.code == code
    with pytest.raises(PayoutRefused):  # an honest payout of another kind
        check_payout(describe(SPLIT, ATOMIC, FEE), MOVE, ATOMIC, LIMIT)


def test_a_move_that_would_not_fund_the_successor_is_not_built() -> None:
    due = ATOMIC * 9 // 10
    assert expected(MOVE, due + FEE, FEE) == {STRANGER: due}

    with pytest.raises(MoveFallsShort):
        expected(MOVE, due + FEE - 1, FEE)


def test_a_plan_names_a_share_or_a_move_and_a_move_leads_elsewhere() -> None:
    for changes in (
        {"event": Event.SETTLEMENT_AGREED, "vendor_share": 1, "move": Move(STRANGER, 1)},
        {"event": Event.RELEASE_SIGNED, "move": Move(STRANGER, 1)},
        {"event": Event.SETTLEMENT_AGREED, "move": Move(MULTISIG_ADDRESS, 1)},
        {"event": Event.SETTLEMENT_AGREED, "move": Move(ADDRESSES[Payee.BUYER], 1)},
    ):
        with pytest.raises(PayoutPlanUnsound):
            plan(**changes)


def test_a_payment_to_one_is_padded_with_one_empty_output() -> None:
    (honest,) = describe(plan(), ATOMIC, FEE).transactions
    for dummies in (0, 2):
        with pytest.raises(PayoutRefused) as refusal:
            check_payout(described(replace(honest, dummy_outputs=dummies)), plan(), ATOMIC, LIMIT)
        assert refusal.value.code == "payout_dummy_outputs"


def test_keys_for_subaddresses_are_no_baggage() -> None:
    (honest,) = describe(SPLIT, ATOMIC, FEE).transactions
    keys = "0402" + "ab" * 64
    for extra in (KEY, KEY + keys, KEY + keys + PAYMENT_ID, KEY + PAYMENT_ID + keys):
        check_payout(described(replace(honest, extra=extra)), SPLIT, ATOMIC, LIMIT)


FIELDS = st.sampled_from(["amount_in", "amount_out", "fee", "unlock_time", "change_amount",
                          "dummy_outputs"])  # fmt: skip


@given(plans(), FIELDS, st.integers(1, 2 * ATOMIC), st.booleans())
def test_no_single_number_can_be_altered(
    agreed: PayoutPlan, field: str, by: int, in_sums_too: bool
) -> None:
    balance = agreed.amount
    honest = describe(agreed, balance, FEE)
    (transaction,) = honest.transactions
    altered = replace(transaction, **{field: getattr(transaction, field) + by})
    description = described(altered) if in_sums_too else replace(honest, transactions=(altered,))
    with pytest.raises(PayoutRefused):
        check_payout(description, agreed, balance, LIMIT)


@given(plans(), st.data())
def test_no_recipient_can_be_altered(agreed: PayoutPlan, data: st.DataObject) -> None:
    (honest,) = describe(agreed, agreed.amount, FEE).transactions
    at = data.draw(st.integers(0, len(honest.recipients) - 1))
    one = honest.recipients[at]
    other = data.draw(
        st.one_of(
            st.integers(0, 2 * ATOMIC).map(lambda amount: replace(one, amount=amount)),
            st.sampled_from([STRANGER, MULTISIG_ADDRESS, *ADDRESSES.values()]).map(
                lambda address: replace(one, address=address)
            ),
        )
    )
    assume(other != one)
    recipients = (*honest.recipients[:at], other, *honest.recipients[at + 1 :])
    with pytest.raises(PayoutRefused):
        check_payout(
            described(replace(honest, recipients=recipients)), agreed, agreed.amount, LIMIT
        )


@pytest.mark.parametrize("own", [(), ("1e" * 32,), ("1e" * 32, "2e" * 32, "3e" * 32)])
def test_a_builder_who_told_everybody_of_other_outputs_gets_no_signature(
    own: tuple[str, ...],
) -> None:
    promised = replace(SPLIT, key_images=("1e" * 32, "2e" * 32))

    check_promise(promised, ("2e" * 32, "1e" * 32))
    check_promise(SPLIT, own)
    with pytest.raises(PayoutPromiseDiffers):
        check_promise(promised, own)


def test_every_check_has_a_tampering_here() -> None:
    elsewhere = {
        "payout_not_one_transaction",
        "payout_summary_differs",
        "payout_fee_too_high",
        "payout_fee_too_low",
        "payout_promise_differs",
    }
    ours = {
        leaf.code
        for leaf in leaves(Tampered)
        if issubclass(leaf, PayoutRefused) and leaf.__module__ == verification.__name__
    }
    assert ours == set(TAMPERINGS) | elsewhere
