"""Plans and honest descriptions for the tests of payouts and their verification."""

from __future__ import annotations

from hypothesis import strategies as st

from tripartite.agent.payouts import PayoutPlan, expected
from tripartite.domain.lifecycle import RULINGS, Event
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network
from tripartite.domain.settlement import ALL_BPS, FeeRule, NetworkFeeBearer
from tripartite.domain.settlement import Recipient as Payee
from tripartite.monero.wallet_results import DescribedTransaction, Description, Recipient

# Throw-away wallets of mainnet's form, as regtest uses it.
ADDRESSES = {
    Payee.BUYER: "4AviUmt5oSMVxkosxu8akjFyakpTLYxEgPpsgKTx3dqdCm5Lz1y7u4UYAagxtYnLCcdwLdT1dn5XE9Dvn8ZDqm4sFT4D5Ua",
    Payee.VENDOR: "47bBPiLjxPCAVWhVJf25fDWNroMXhEyvrET8GPxhqZWw5b7NCJJzgnQiV1VYXLi213iTtLE5MkMFG7DBueJ1zDib4V46MzG",
    Payee.ARBITER: "475vFtLy1Zegu7TCxBQyBWda9f9abfNsv8gr2XSFTZThXpctaz4bmPk3QZtnPtZMUA7FgWQZ632wvdvjWkLTBoh5G7cQrs1",
    Payee.PLATFORM: "49vXEdGipThhBmwTcLkBHEDbtw4EBgewKaTM9XvSUkyAAyN5nqauTEFNyZRSXpwwsGaN99Aia3d9P8tVoGc7b8ALV4Qmqqf",
}
MULTISIG_ADDRESS = "44C7HApNizAg8Uk74zDVmwKWARnLSedsB91k5t3ULWHR2vjn3p3iPmU2DTN731zCyx8MHqJue9DfeJb4xxdJB73AKL51nPi"
STRANGER = "42nHFf5P8ZJifrUVadkuBbKnjyKc3cH9ECpqetLoxLeNLv5PDTFJ2hFVTBejRXpjUAcouERPXA33C5ohKvuKXYxj2m2GXbB"

# As a wallet wrote it: the transaction's key, and the encrypted payment id of two outputs.
KEY = "01" + "21" * 32
PAYMENT_ID = "020901" + "00" * 8


def plan(**changes: object) -> PayoutPlan:
    """A release of one XMR without fees."""
    values: dict[str, object] = {
        "network": Network.REGTEST,
        "addresses": ADDRESSES,
        "multisig_address": MULTISIG_ADDRESS,
        "amount": ATOMIC,
        "fees": FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=0, platform_bps=0),
        "event": Event.RELEASE_SIGNED,
    }
    return PayoutPlan(**{**values, **changes})  # type: ignore[arg-type]  # names checked by it


@st.composite
def plans(draw: st.DrawFn) -> PayoutPlan:
    """Any ending, with any fees."""
    endings = [Event.RELEASE_SIGNED, Event.REFUND_SIGNED, Event.SETTLEMENT_AGREED, *RULINGS]
    event = draw(st.sampled_from(endings))
    amount = draw(st.integers(ATOMIC // 10, 10 * ATOMIC))
    fixed = {Event.RULED_FOR_VENDOR: ALL_BPS, Event.RULED_FOR_BUYER: 0}
    bps = fixed.get(event, draw(st.integers(0, ALL_BPS)))
    return plan(
        event=event,
        amount=amount,
        fees=FeeRule(
            draw(st.sampled_from(NetworkFeeBearer)),
            draw(st.integers(0, 1000)),
            draw(st.integers(0, 1000)),
        ),
        vendor_share=draw(st.integers(0, amount)) if event is Event.SETTLEMENT_AGREED else None,
        vendor_bps=bps if event in RULINGS else None,
    )


def describe(agreed: PayoutPlan, balance: int, fee: int) -> Description:
    """What a wallet says of an honest payout."""
    recipients = tuple(
        Recipient(address, amount) for address, amount in expected(agreed, balance, fee).items()
    )
    transaction = DescribedTransaction(
        amount_in=balance,
        amount_out=balance - fee,
        fee=fee,
        unlock_time=0,
        recipients=recipients,
        change_amount=0,
        change_address="",
        dummy_outputs=1 if len(recipients) == 1 else 0,
        ring_size=16,
        payment_id="",
        extra=KEY + (PAYMENT_ID if len(recipients) <= 2 else ""),
    )
    return described(transaction)


def described(*transactions: DescribedTransaction) -> Description:
    """A set of these transactions, with the sums that a wallet would give (of the first)."""
    first = transactions[0]
    return Description(
        amount_in=first.amount_in,
        amount_out=first.amount_out,
        fee=first.fee,
        recipients=first.recipients[::-1],
        change_amount=first.change_amount,
        change_address=first.change_address,
        transactions=transactions,
    )
