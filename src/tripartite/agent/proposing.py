"""A proposal, from what a person typed to a stored decision."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from tripartite.agent.consent import Consent, PartyRow, party_rows, proposing
from tripartite.agent.coordinator_client import CoordinatorClient
from tripartite.agent.decisions import Contact, Decision, Decisions, Verified
from tripartite.agent.home import OpenHome
from tripartite.agent.party import pairing_of
from tripartite.domain.addresses import parse_address
from tripartite.domain.deposits import ConfirmationTiers
from tripartite.domain.errors import Refused
from tripartite.domain.money import Piconero, parse_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import parse_percent
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer
from tripartite.domain.terms import Deadlines, Details, Terms
from tripartite.protocol.agreement import SALT_BYTES, Agreement
from tripartite.protocol.identity import PublicIdentity


class Directory(Protocol):
    """Who has which identity, and what may be proposed there."""

    def identity_of(self, account: str) -> PublicIdentity | None: ...

    def require_room(self, amount: Piconero) -> None:
        """Raise an error of ``domain.limits`` if it would not be taken now."""

    def require_arbiter(self, account: str) -> None:
        """Raise ``ArbiterOffline`` if this arbiter's agent is known to be away."""


class ProposalMalformed(Refused):
    """That can't be proposed."""

    code: ClassVar[str] = "proposal_malformed"


class PartyNotPaired(Refused):
    """This account has no agent yet."""

    code: ClassVar[str] = "party_not_paired"


class NotYourEscrow(Refused):
    """Only the buyer or the vendor of an escrow can propose it."""

    code: ClassVar[str] = "not_your_escrow"


def side_of(account: str | None, *, buyer: str, vendor: str) -> Role:
    """Which of the two this agent is, whose account is ``account`` (None: it has none yet).

    Raises ``NotYourEscrow``, also for a trade with oneself.
    """
    if account is None:
        raise NotYourEscrow("Pair this agent with an account first: `tripartite agent pair`.")
    sides = [role for role, name in ((Role.BUYER, buyer), (Role.VENDOR, vendor)) if name == account]
    if len(sides) != 1:
        raise NotYourEscrow(
            f"This agent is {account}'s. A proposal is signed at home: run this where the agent of "
            f"{buyer} or of {vendor} lives."
        )
    return sides[0]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person wants, read and checked as far as that goes without asking anybody.

    ``others`` are account names. ``amount`` and ``allowance`` are piconero.
    """

    role: Role
    others: Mapping[Role, str]
    amount: int
    allowance: int
    fees: FeeRule
    subject: str
    platform_address: str | None = None
    confirmations: ConfirmationTiers = field(default_factory=ConfirmationTiers)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal to be read and decided on."""

    agreement: Agreement
    mine: Details
    names: Mapping[Role, str]
    consent: Consent
    rows: tuple[PartyRow, ...]

    @property
    def escrow_id(self) -> str:
        """The id it will have."""
        return self.agreement.terms.escrow_id


def read_draft(
    *,
    buyer: str | None,
    vendor: str | None,
    arbiter: str,
    amount: str,
    subject: str,
    network_fee: str = "payee",
    fee_allowance: str | None = None,
    arbiter_fee: str = "0",
    platform_fee: str = "0",
    platform_address: str | None = None,
    confirmations: Sequence[str] = (),
) -> Draft:
    """What was typed, as values.

    Raises ``ProposalMalformed`` and the errors of amounts, fees and tiers.
    """
    if (buyer is None) == (vendor is None):
        raise ProposalMalformed("Name the vendor if you buy, or the buyer if you sell.")
    others = {Role.ARBITER: arbiter}
    if vendor is not None:
        others[Role.VENDOR] = vendor
    if buyer is not None:
        others[Role.BUYER] = buyer
    try:
        bearer = NetworkFeeBearer(network_fee)
    except ValueError as error:
        raise ProposalMalformed("The network fee is borne by payee, payer or shared.") from error
    return Draft(
        role=Role.BUYER if buyer is None else Role.VENDOR,
        others=others,
        amount=parse_xmr(amount),
        allowance=0 if fee_allowance is None else parse_xmr(fee_allowance),
        fees=FeeRule(bearer, parse_percent(arbiter_fee), parse_percent(platform_fee)),
        subject=subject,
        platform_address=platform_address,
        confirmations=_tiers(confirmations),
    )


def prepare(
    opened: OpenHome,
    draft: Draft,
    address: str,
    directory: Directory,
    *,
    escrow_id: str | None = None,
) -> Proposal:
    """Look the others up and put the terms together; nothing is stored or sent.

    ``escrow_id`` is 32 random hexadecimal digits; they are made here unless given.

    Raises ``PartyNotPaired``, ``CoordinatorRefused`` (``account_unknown``),
    ``ContactKeyChanged``, ``ArbiterOffline``, ``TermsUnsound``, the errors of ``parse_address`` and of
    ``domain.limits``, or another ``Unavailable``.
    """
    mine = Details(
        role=draft.role,
        address=parse_address(address, opened.network),
        subject=draft.subject,
        salt=secrets.token_hex(SALT_BYTES),
    )
    directory.require_room(draft.amount)
    identities, contacts = look_up(opened, draft.others, directory)
    directory.require_arbiter(draft.others[Role.ARBITER])
    account = opened.journal.setting("account") or ""
    parties = {**identities, draft.role: opened.identity.public}
    names = {**draft.others, draft.role: account}
    agreement = Agreement(
        Terms(
            escrow_id=escrow_id or secrets.token_hex(16),
            network=opened.network,
            amount=draft.amount,
            proposer=draft.role,
            fees=draft.fees,
            fee_allowance=draft.allowance,
            platform_address=draft.platform_address,
            confirmations=draft.confirmations,
            deadlines=Deadlines(),
        ),
        {role: parties[role] for role in Role},
    )
    fingerprints = {role: party.fingerprint for role, party in parties.items()}
    return Proposal(
        agreement=agreement,
        mine=mine,
        names=names,
        consent=proposing(agreement, mine),
        rows=party_rows(names, fingerprints, contacts, own=draft.role),
    )


def decide(opened: OpenHome, proposal: Proposal, compared: frozenset[Role]) -> None:
    """Store the decision; the running agent says it. ``compared`` had their key compared."""
    decisions = Decisions(opened.journal)
    with opened.journal.commit():
        for role in proposal.mine.role.others():
            how = Verified.FINGERPRINT if role in compared else Verified.FIRST_USE
            decisions.pin(proposal.names[role], proposal.agreement.parties[role], how)
        decisions.decide(
            proposal.escrow_id,
            Decision.PROPOSE,
            {
                "terms": proposal.agreement.to_json(),
                "address": proposal.mine.address.text,
                "subject": proposal.mine.subject,
                "salt": proposal.mine.salt,
            },
        )


@contextmanager
def directory_of(opened: OpenHome) -> Iterator[Directory]:
    """The coordinator that this agent is paired with. Raises ``NotPaired``."""
    paired = pairing_of(opened)
    client = CoordinatorClient(paired.origin, paired.token, proxy=opened.journal.setting("proxy"))
    try:
        yield client
    finally:
        client.close()


def look_up(
    opened: OpenHome, accounts: Mapping[Role, str], directory: Directory
) -> tuple[dict[Role, PublicIdentity], dict[Role, Contact | None]]:
    """Who has these accounts, and how this agent knows them.

    Raises ``PartyNotPaired``, ``CoordinatorRefused`` (``account_unknown``), ``ContactKeyChanged``.
    """
    decisions = Decisions(opened.journal)
    identities: dict[Role, PublicIdentity] = {}
    contacts: dict[Role, Contact | None] = {}
    for role, account in accounts.items():
        identity = directory.identity_of(account)
        if identity is None:
            raise PartyNotPaired(f"{account} has to pair an agent with the coordinator first.")
        contacts[role] = decisions.check(account, identity)
        identities[role] = identity
    return identities, contacts


def _tiers(texts: Sequence[str]) -> ConfirmationTiers:
    """``AMOUNT:NUMBER`` each, the amount in XMR."""
    tiers: list[tuple[int, int]] = []
    for text in texts:
        amount, colon, number = text.partition(":")
        if not colon or not number.isascii() or not number.isdigit():
            raise ProposalMalformed("Give confirmations as AMOUNT:NUMBER, such as 50:20.")
        tiers.append((parse_xmr(amount), int(number[:9])))
    return ConfirmationTiers(tuple(sorted(tiers)))
