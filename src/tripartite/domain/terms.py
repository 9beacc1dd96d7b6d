"""What the three agree on.

Terms have an open part, which the coordinator may know, and one sealed part for each party, which
it can't read: that party's own payout address and, from the proposer, what is traded. This module
says what makes terms sound; ``protocol`` signs, seals and hashes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final

from tripartite.domain.addresses import Address, parse_address
from tripartite.domain.deposits import ConfirmationTiers
from tripartite.domain.errors import Refused
from tripartite.domain.money import MAX_SUPPLY
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer

SUBJECT_LIMIT: Final = 2_000
"""Characters in the description of what is traded."""

_ESCROW_ID: Final = re.compile(r"[0-9a-f]{32}")
_CONTRACT_ID: Final = re.compile(r"[0-9a-f]{64}")


class TermsUnsound(Refused):
    """These terms can't be agreed on."""

    code: ClassVar[str] = "terms_unsound"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each stage may take before somebody is alarmed. Nothing is paid by a deadline."""

    accept: timedelta = timedelta(days=3)
    key_exchange: timedelta = timedelta(hours=24)
    deposit: timedelta = timedelta(days=3)

    def __post_init__(self) -> None:
        """Refuse what no trade needs: less than a minute, more than a year."""
        for limit in (self.accept, self.key_exchange, self.deposit):
            if not timedelta(minutes=1) <= limit <= timedelta(days=365):
                raise TermsUnsound("Every deadline lies between one minute and 365 days.")


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The escrow whose money is to be moved into this one, and the contract that it has."""

    escrow_id: str
    contract_id: str

    def __post_init__(self) -> None:
        """Refuse what is no escrow's name."""
        if not is_escrow_id(self.escrow_id) or not _CONTRACT_ID.fullmatch(self.contract_id):
            raise TermsUnsound("Terms that succeed others name an escrow's id and its contract's.")


@dataclass(frozen=True, slots=True)
class Terms:
    """The open part.

    Amounts are piconero. ``fee_allowance`` is what the buyer deposits on top of ``amount`` so that
    the network fee can be taken from it; it is 0 unless the payer bears that fee. An escrow that
    ``succeeds`` another is paid by a move of that one's money, not by a deposit.
    """

    escrow_id: str
    network: Network
    amount: int
    proposer: Role
    fees: FeeRule
    fee_allowance: int
    platform_address: str | None
    confirmations: ConfirmationTiers
    deadlines: Deadlines
    succeeds: Predecessor | None = None

    def __post_init__(self) -> None:
        """Refuse terms that contradict themselves."""
        if not is_escrow_id(self.escrow_id):
            raise TermsUnsound("An escrow id is 32 lower-case hexadecimal digits.")
        if not 0 < self.amount <= MAX_SUPPLY - self.fee_allowance or self.fee_allowance < 0:
            raise TermsUnsound("The amount due lies above zero and within Monero's supply.")
        if self.fee_allowance and self.fees.bearer is not NetworkFeeBearer.PAYER:
            raise TermsUnsound("A fee allowance makes sense only where the payer bears the fee.")
        if self.proposer is Role.ARBITER:
            raise TermsUnsound("Buyer or vendor propose terms, the arbiter doesn't.")
        if (self.platform_address is None) != (self.fees.platform_bps == 0):
            raise TermsUnsound("A platform fee and the platform's address come together.")
        if self.succeeds is not None and self.succeeds.escrow_id == self.escrow_id:
            raise TermsUnsound("An escrow can't succeed itself.")
        if self.platform_address is not None:
            parse_address(self.platform_address, self.network)

    @property
    def amount_due(self) -> int:
        """What has to be paid in, in piconero: by the buyer, or by a move."""
        return self.amount + self.fee_allowance

    @property
    def required_confirmations(self) -> int:
        """How deep the deposit must lie before it counts."""
        return self.confirmations.required(self.amount)


@dataclass(frozen=True, slots=True)
class Details:
    """One party's sealed part. ``salt`` keeps its hash from being guessed."""

    role: Role
    address: Address
    subject: str | None
    salt: str

    def __post_init__(self) -> None:
        """Refuse a subject that no screen could show."""
        if self.subject is not None and not 0 < len(self.subject) <= SUBJECT_LIMIT:
            raise TermsUnsound(f"What is traded takes 1 to {SUBJECT_LIMIT} characters.")


def is_escrow_id(text: str) -> bool:
    """Whether ``text`` has the form of an escrow id: 128 random bits in hexadecimal."""
    return _ESCROW_ID.fullmatch(text) is not None


def check_details(terms: Terms, details: Mapping[Role, Details]) -> None:
    """Refuse sealed parts that don't fit together.

    Raises:
        TermsUnsound: an address twice, or a description from anybody but the proposer.
    """
    addresses = [part.address.text for part in details.values()]
    if terms.platform_address is not None:
        addresses.append(terms.platform_address)
    if len(set(addresses)) != len(addresses):
        raise TermsUnsound("Two parties named the same payout address; each needs its own.")
    for role, part in details.items():
        if part.role is not role or (part.subject is not None) != (role is terms.proposer):
            raise TermsUnsound("What is traded is said by the proposer, and by nobody else.")
