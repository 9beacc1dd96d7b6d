"""Whether a transaction that somebody else built is the payout that was agreed.

The last thing between a signature and the money. It is given what the signer's own wallet reads
out of the transaction set, and compares it with the signer's own plan, balance and fee estimate.
Pure: no I/O, no clock. Every check has its own error code:

PayoutRefused (Tampered)
├── PayoutNotOneTransaction, PayoutSummaryDiffers, PayoutLocked
├── PayoutStrangerPaid, PayoutRecipientTwice, PayoutRecipientMissing, PayoutAmountWrong
├── PayoutChangeToStranger, PayoutChangeKept, PayoutSumsWrong
├── PayoutDummyOutputs, PayoutPaymentId, PayoutExtra
└── PayoutBalanceDiffers, PayoutFeeTooHigh, PayoutFeeTooLow, PayoutPromiseDiffers: an honest builder
    can err here
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import ClassVar, Final

from tripartite.agent.payouts import FeeLimit, PayoutPlan, expected
from tripartite.domain.errors import Tampered
from tripartite.monero.wallet_results import DescribedTransaction, Description

DUST: Final = 0
"""Piconero of change that are let pass. None: two signers can always hit the sum exactly."""


class PayoutRefused(Tampered):
    """The transaction is not the payout that was agreed; it was not signed.

    ``restart_helps`` tells the cases in which an honest builder can be off: its wallet saw
    another balance or its node another fee. A fresh round settles those.
    """

    restart_helps: ClassVar[bool] = False


class PayoutNotOneTransaction(PayoutRefused):
    """The set has another number of transactions than one."""

    code: ClassVar[str] = "payout_not_one_transaction"


class PayoutSummaryDiffers(PayoutRefused):
    """The set's sums are not those of its transaction."""

    code: ClassVar[str] = "payout_summary_differs"


class PayoutLocked(PayoutRefused):
    """The transaction would lock the money it pays."""

    code: ClassVar[str] = "payout_locked"


class PayoutStrangerPaid(PayoutRefused):
    """The transaction pays an address that is not in the contract."""

    code: ClassVar[str] = "payout_stranger_paid"


class PayoutRecipientTwice(PayoutRefused):
    """The transaction pays one address twice."""

    code: ClassVar[str] = "payout_recipient_twice"


class PayoutRecipientMissing(PayoutRefused):
    """Somebody who should be paid is not."""

    code: ClassVar[str] = "payout_recipient_missing"


class PayoutAmountWrong(PayoutRefused):
    """Somebody would get another amount than agreed."""

    code: ClassVar[str] = "payout_amount_wrong"


class PayoutChangeToStranger(PayoutRefused):
    """Change would leave the escrow's wallet."""

    code: ClassVar[str] = "payout_change_to_stranger"


class PayoutChangeKept(PayoutRefused):
    """The transaction would keep money back in the escrow's wallet."""

    code: ClassVar[str] = "payout_change_kept"


class PayoutSumsWrong(PayoutRefused):
    """What goes in is not what comes out and the fee together."""

    code: ClassVar[str] = "payout_sums_wrong"


class PayoutDummyOutputs(PayoutRefused):
    """The transaction has empty outputs that no payment needs."""

    code: ClassVar[str] = "payout_dummy_outputs"


class PayoutPaymentId(PayoutRefused):
    """The transaction carries a payment id that nobody agreed on."""

    code: ClassVar[str] = "payout_payment_id"


class PayoutExtra(PayoutRefused):
    """The transaction carries data that no payment needs."""

    code: ClassVar[str] = "payout_extra"


class PayoutBalanceDiffers(PayoutRefused):
    """The transaction spends another sum than the escrow's wallet holds."""

    code: ClassVar[str] = "payout_balance_differs"
    restart_helps: ClassVar[bool] = True


class PayoutFeeTooHigh(PayoutRefused):
    """The network fee is far above what it needs to be."""

    code: ClassVar[str] = "payout_fee_too_high"
    restart_helps: ClassVar[bool] = True


class PayoutFeeTooLow(PayoutRefused):
    """The network fee is so low that the payout could wait for ever."""

    code: ClassVar[str] = "payout_fee_too_low"
    restart_helps: ClassVar[bool] = True


class PayoutPromiseDiffers(PayoutRefused):
    """The builder told everybody of other outputs than the transaction spends."""

    code: ClassVar[str] = "payout_promise_differs"
    restart_helps: ClassVar[bool] = True


_STOP: Final = "Don't sign. Ask the builder, by another way than the coordinator, what happened."
_AGAIN: Final = "Start the payout again; if that repeats, ask the builder what happened."


def check_payout(description: Description, plan: PayoutPlan, balance: int, limit: FeeLimit) -> None:
    """Return only if signing ``description`` carries out ``plan`` exactly.

    ``balance`` is what the signer's own wallet can spend, in piconero; ``limit`` comes from its
    own estimate. Raises the leaves of PayoutRefused, and what ``expected`` raises when the plan
    itself can't be carried out.
    """
    if len(description.transactions) != 1:
        raise PayoutNotOneTransaction(_STOP, transactions=len(description.transactions))
    (transaction,) = description.transactions
    _check_summary(description, transaction)
    if transaction.unlock_time != 0:
        raise PayoutLocked(_STOP, unlock_time=transaction.unlock_time)
    _check_change(transaction, plan)
    # With change ruled out and the whole balance spent, "exact amounts" and "sums right" pin the
    # fee as well; its size is judged after, so that a wrong amount is never called a wrong fee.
    if transaction.amount_in != balance:
        raise PayoutBalanceDiffers(_AGAIN, spent=transaction.amount_in, balance=balance)
    paid = sum(one.amount for one in transaction.recipients)
    if transaction.amount_out != paid or transaction.amount_in != paid + transaction.fee:
        raise PayoutSumsWrong(_STOP, spent=transaction.amount_in, paid=paid, fee=transaction.fee)
    _check_fee(transaction.fee, limit)
    _check_recipients(transaction, plan, balance)
    _check_baggage(transaction, plan)


def check_promise(plan: PayoutPlan, key_images: Collection[str]) -> None:
    """Return only if the builder's open word names the outputs that the payout spends.

    ``key_images`` are those of what the signer's own wallet can spend, all of which ``check_payout``
    has found spent. With another promise nobody else would know the mined payout for what it is.
    """
    if plan.key_images is not None and sorted(plan.key_images) != sorted(key_images):
        raise PayoutPromiseDiffers(_AGAIN, promised=len(plan.key_images), own=len(key_images))


def _check_summary(description: Description, transaction: DescribedTransaction) -> None:
    """The set's sums say the same as its only transaction: we judge one, people may read both."""
    for name in ("amount_in", "amount_out", "fee", "change_amount", "change_address"):
        if getattr(description, name) != getattr(transaction, name):
            raise PayoutSummaryDiffers(_STOP, field=name)
    # The wallet lists the recipients of the sum in another order.
    if Counter(description.recipients) != Counter(transaction.recipients):
        raise PayoutSummaryDiffers(_STOP, field="recipients")


def _check_change(transaction: DescribedTransaction, plan: PayoutPlan) -> None:
    own = {"", plan.multisig_address}
    if transaction.change_amount > 0 and transaction.change_address not in own:
        raise PayoutChangeToStranger(_STOP, change=transaction.change_amount)
    if transaction.change_amount > DUST:
        raise PayoutChangeKept(_STOP, change=transaction.change_amount)


def _check_fee(fee: int, limit: FeeLimit) -> None:
    if fee > limit.highest:
        raise PayoutFeeTooHigh(_AGAIN, fee=fee, highest=limit.highest)
    if fee < limit.lowest:
        raise PayoutFeeTooLow(_AGAIN, fee=fee, lowest=limit.lowest)


def _check_recipients(transaction: DescribedTransaction, plan: PayoutPlan, balance: int) -> None:
    due = expected(plan, balance, transaction.fee)
    paid: dict[str, int] = {}
    for one in transaction.recipients:
        if one.address not in due:
            raise PayoutStrangerPaid(_STOP, amount=one.amount)
        if one.address in paid:
            raise PayoutRecipientTwice(_STOP, amount=one.amount)
        paid[one.address] = one.amount
    if paid.keys() != due.keys():
        raise PayoutRecipientMissing(_STOP, missing=len(due) - len(paid))
    for address, amount in due.items():
        if paid[address] != amount:
            raise PayoutAmountWrong(_STOP, agreed=amount, described=paid[address])


# src/cryptonote_basic/tx_extra.h: 01 is the transaction's key; 04 with a count are keys for
# subaddresses, one per output; 02 is a nonce, and 02 09 01 an encrypted payment id of 8 bytes,
# which wallets put in every transaction with two outputs, so that those without look the same.
_EXTRA: Final = re.compile(
    r"01[0-9a-f]{64}(?:04(?P<count>[0-9a-f]{2})(?P<keys>(?:[0-9a-f]{64})+))?(?:020901[0-9a-f]{16})?"
    r"|01[0-9a-f]{64}020901[0-9a-f]{16}04(?P<count2>[0-9a-f]{2})(?P<keys2>(?:[0-9a-f]{64})+)"
)
_KEY_DIGITS: Final = 64


def _check_baggage(transaction: DescribedTransaction, plan: PayoutPlan) -> None:
    # A payment to one is padded with an empty output, so that all have two at least.
    padding = 1 if len(transaction.recipients) == 1 else 0
    if transaction.dummy_outputs != padding:
        raise PayoutDummyOutputs(_STOP, dummies=transaction.dummy_outputs)
    # An integrated address was compared whole, its payment id included.
    if transaction.payment_id.strip("0") and not plan.names_payment_id:
        raise PayoutPaymentId(_STOP)
    outputs = len(transaction.recipients) + padding
    if not _is_plain_extra(transaction.extra, outputs):
        raise PayoutExtra(_STOP, length=len(transaction.extra) // 2)


def _is_plain_extra(extra: str, outputs: int) -> bool:
    found = _EXTRA.fullmatch(extra)
    if found is None:
        return False
    count, keys = found["count"] or found["count2"], found["keys"] or found["keys2"]
    return keys is None or (int(count, 16) == outputs == len(keys) // _KEY_DIGITS)
