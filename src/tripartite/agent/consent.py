"""What a human agrees to, in names and amounts, from this agent's own verified record.

Pure: it makes rows and sentences; the command line (and later a page) shows them and asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.agent.decisions import Contact, Verified
from tripartite.agent.journal import Freeze, Journal
from tripartite.domain.deposits import agreed
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event, open_moves
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import format_percent
from tripartite.domain.settlement import (
    FeeRule,
    NetworkFeeBearer,
    Split,
    outcomes,
    refund,
    release,
)
from tripartite.domain.terms import Details, Terms
from tripartite.protocol.admission import admit, open_record
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.record import Record


class EscrowUnknownHere(Refused):
    """This agent knows no such escrow."""

    code: ClassVar[str] = "escrow_unknown_here"


class FingerprintUnexpected(Refused):
    """A party's fingerprint isn't the expected one."""

    code: ClassVar[str] = "fingerprint_unexpected"


class ContactUnverified(Refused):
    """A party is unknown to this agent, and nobody compared its fingerprint."""

    code: ClassVar[str] = "contact_unverified"


class NotOpenToYou(Refused):
    """This can't be decided by you now."""

    code: ClassVar[str] = "decision_not_open"


@dataclass(frozen=True, slots=True)
class PartyRow:
    """Who takes part. ``known`` says how the key was checked, or None for a stranger."""

    role: Role
    account: str
    fingerprint: str
    known: str | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class EndingRow:
    """Who gets what in one ending, in XMR as text, before the network's fee."""

    ending: str
    buyer: str
    vendor: str
    arbiter: str
    platform: str


@dataclass(frozen=True, slots=True)
class Consent:
    """Everything there is to read before saying yes. ``question`` is what yes answers."""

    question: str
    facts: tuple[tuple[str, str], ...]
    endings: tuple[EndingRow, ...]
    notes: tuple[str, ...]


_UNNAMED: Final = "(name not known yet)"

_BEARERS: Final = {
    NetworkFeeBearer.PAYEE: "The network's fee comes out of the vendor's part.",
    NetworkFeeBearer.PAYER: "The network's fee comes out of the buyer's money.",
    NetworkFeeBearer.SHARED: "Vendor and buyer share the network's fee by what each receives.",
}


def verified_record(journal: Journal, escrow_id: str) -> Record:
    """The record, judged anew from every signed message: what is shown rests on nothing else.

    Raises ``EscrowUnknownHere``, or what ``admit`` raises if somebody changed the journal.
    """
    texts = journal.texts(escrow_id)
    if not texts:
        raise EscrowUnknownHere("Check the id with `tripartite agent status`.")
    record = open_record(texts[0]).record
    for text in texts[1:]:
        record = admit(record, text).record
    return record


def proposing(agreement: Agreement, mine: Details, old: Record | None = None) -> Consent:
    """What somebody reads who proposes; ``old`` is the escrow that it succeeds."""
    terms = agreement.terms
    return Consent(
        question=f"Propose this escrow over {format_xmr(terms.amount)} XMR as its "
        f"{terms.proposer.value}?",
        facts=(*facts(terms, {terms.proposer: mine}), *_before(old)),
        endings=endings(terms),
        notes=(*notes(terms), *_pays_in(terms, terms.proposer)),
    )


def accepting(
    record: Record, role: Role, details: Mapping[Role, Details], old: Record | None = None
) -> Consent:
    """What somebody reads who accepts a proposal; ``old`` as in ``proposing``.

    Raises ``NotOpenToYou`` if this party has given its part already.
    """
    if role in record.details:
        raise NotOpenToYou("You have accepted this proposal already.")
    terms = record.agreement.terms
    return Consent(
        question=f"Accept these terms as the {role.value}?",
        facts=(*facts(terms, details), *_before(old)),
        endings=endings(terms),
        notes=(*notes(terms), *_pays_in(terms, role)),
    )


def releasing(record: Record, role: Role, details: Mapping[Role, Details]) -> Consent:
    """What a buyer reads who releases. Raises ``NotOpenToYou``."""
    require_open(record, role, Event.RELEASE_SIGNED)
    return payout_consent(
        record,
        details,
        question="Release the money to the vendor? This can't be taken back.",
        row=lambda paid: ending_row(
            "release", release(record.agreement.terms.amount, paid, _fees(record))
        ),
    )


def refunding(record: Record, role: Role, details: Mapping[Role, Details]) -> Consent:
    """What a vendor reads who gives the money back. Raises ``NotOpenToYou``."""
    require_open(record, role, Event.REFUND_SIGNED)
    return payout_consent(
        record,
        details,
        question="Give all of the money back to the buyer? This can't be taken back.",
        row=lambda paid: ending_row("refund", refund(paid)),
    )


def cancelling(record: Record, role: Role, details: Mapping[Role, Details]) -> Consent:
    """What somebody reads who calls an escrow off. Raises ``NotOpenToYou``."""
    require_open(record, role, Event.CANCELLED)
    return Consent(
        question="Call this escrow off, for all three?",
        facts=facts(record.agreement.terms, details),
        endings=(),
        notes=("Nobody may pay to its address any more.",),
    )


def resuming(record: Record, frozen: Freeze | None, details: Mapping[Role, Details]) -> Consent:
    """What somebody reads before a frozen escrow goes on. Raises ``NotOpenToYou``."""
    if frozen is None:
        raise NotOpenToYou("This agent hasn't frozen that escrow.")
    return Consent(
        question="Go on with this escrow? Do so only if you know why it was frozen.",
        facts=(*facts(record.agreement.terms, details), ("frozen because", frozen.code)),
        endings=(),
        notes=(frozen.detail,),
    )


def party_rows(
    parties: Mapping[Role, str],
    fingerprints: Mapping[Role, str],
    contacts: Mapping[Role, Contact | None],
    *,
    own: Role,
) -> tuple[PartyRow, ...]:
    """One row per party, in the common order."""
    return tuple(
        PartyRow(
            role=role,
            account=parties.get(role, _UNNAMED),
            fingerprint=fingerprints[role],
            known=_known(contacts.get(role)),
            is_own=role is own,
        )
        for role in Role
    )


def check_expectations(
    rows: tuple[PartyRow, ...], expected: tuple[str, ...], *, unattended: bool
) -> frozenset[Role]:
    """The roles whose fingerprint was compared.

    Raises:
        FingerprintUnexpected: an expected fingerprint is nobody's here.
        ContactUnverified: nobody will be asked, and a stranger's fingerprint wasn't given.
    """
    wanted = {text.strip().upper() for text in expected}
    found = {row.fingerprint: row for row in rows if not row.is_own}
    if missing := wanted - found.keys():
        raise FingerprintUnexpected(
            f"Nobody here has {', '.join(sorted(missing))}. Stop, and ask in person."
        )
    if unattended:
        strangers = [row for row in found.values() if row.known is None]
        for row in strangers:
            if row.fingerprint not in wanted:
                raise ContactUnverified(
                    f"Compare the {row.role.value}'s fingerprint with them and give it as "
                    f"--expect-fingerprint, or answer the questions without --yes."
                )
    return frozenset(found[text].role for text in wanted)


def endings(terms: Terms) -> tuple[EndingRow, ...]:
    """Who gets what in each ending, if exactly the amount due is paid in."""
    found = outcomes(terms.amount, terms.amount_due, terms.fees)
    return tuple(ending_row(outcome.value, split) for outcome, split in found)


def money(record: Record) -> tuple[int, str]:
    """What every reporting wallet has, and whether it can be paid out yet."""
    paid, is_confirmed = agreed(record.reports)
    return paid, "confirmed" if is_confirmed else "not confirmed yet"


def payout_consent(
    record: Record,
    details: Mapping[Role, Details],
    *,
    question: str,
    row: Callable[[int], EndingRow],
) -> Consent:
    """What somebody reads whose word starts a payout: ``row`` says who gets what of the money."""
    paid, counts = money(record)
    terms = record.agreement.terms
    return Consent(
        question=question,
        facts=(*facts(terms, details), ("in the wallet", f"{format_xmr(paid)} XMR {counts}")),
        endings=(row(paid),) if paid else (),
        notes=notes(terms),
    )


def facts(terms: Terms, details: Mapping[Role, Details]) -> tuple[tuple[str, str], ...]:
    """The terms, as name and value; whose sealed part isn't open here is left out."""
    subject = details[terms.proposer].subject if terms.proposer in details else None
    rows = [
        ("escrow", terms.escrow_id),
        ("network", terms.network.value),
        ("what is traded", printable(subject or "(not said)")),
        ("amount", f"{format_xmr(terms.amount)} XMR"),
        *_paid_in(terms),
        ("confirmations", str(terms.required_confirmations)),
        ("arbiter's fee", f"{format_percent(terms.fees.arbiter_bps)} of what is ruled on"),
    ]
    if terms.fees.platform_bps:
        rows.append(
            ("platform's fee", f"{format_percent(terms.fees.platform_bps)} of the vendor's part")
        )
        rows.append(("platform's address", terms.platform_address or ""))
    rows += [
        (f"{role.value} is paid at", details[role].address.text) for role in Role if role in details
    ]
    return tuple(rows)


def notes(terms: Terms) -> tuple[str, ...]:
    """What holds for every payout of these terms."""
    return (
        f"{_BEARERS[terms.fees.bearer]} It is not in the amounts above.",
        "A deadline only raises an alarm: no money ever moves because time has passed.",
    )


def _paid_in(terms: Terms) -> tuple[tuple[str, str], ...]:
    due = f"{format_xmr(terms.amount_due)} XMR"
    if terms.succeeds is None:
        return (("buyer pays in", due),)
    return (("moved here", due), ("from escrow", terms.succeeds.escrow_id))


def _before(old: Record | None) -> tuple[tuple[str, str], ...]:
    if old is None:
        return ()
    terms = old.agreement.terms
    return (
        ("amount so far", f"{format_xmr(terms.amount)} XMR"),
        ("arbiter's fee so far", f"{format_percent(terms.fees.arbiter_bps)} of what is ruled on"),
    )


def _pays_in(terms: Terms, role: Role) -> tuple[str, ...]:
    if terms.succeeds is not None:
        return (
            "Nobody pays in: the money is moved here once buyer and vendor have both signed that.",
            "What the move leaves over goes back to the buyer with the payout.",
        )
    if role is Role.BUYER:
        pays = (
            f"You will pay {format_xmr(terms.amount_due)} XMR to an address that your own agent "
            "shows once all three have attested it. Take it from nowhere else."
        )
        return (pays,)
    return ("You pay nothing in.",)


def require_open(record: Record, role: Role, event: Event) -> None:
    """Raises ``NotOpenToYou`` unless this party may decide that now."""
    if event not in open_moves(record.state, role):
        raise NotOpenToYou(
            f"The escrow is {record.state.value}: {record.state.meaning} "
            f"A {role.value} can't {event.verb} now."
        )


def ending_row(name: str, split: Split) -> EndingRow:
    """One ending, in XMR as text."""
    buyer, vendor, arbiter, platform = (format_xmr(part) for part in split.parts)
    return EndingRow(name, buyer, vendor, arbiter, platform)


def _fees(record: Record) -> FeeRule:
    return record.agreement.terms.fees


def _known(contact: Contact | None) -> str | None:
    if contact is None:
        return None
    compared = contact.verified is Verified.FINGERPRINT
    return "fingerprint compared" if compared else "seen before"


def printable(text: str) -> str:
    """Words of somebody else, without signs that could redraw a terminal."""
    return "".join(one if one.isprintable() else "�" for one in text)
