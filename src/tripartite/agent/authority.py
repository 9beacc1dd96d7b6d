"""Whose word stands behind a payout: an agent signs only what its own party said, or can't hurt it.

A payout that gives this party everything that can be given in it is signed by the agent alone: a
release to its vendor, a refund to its buyer, a ruling wholly in its favour (less the arbiter's fee
that all three signed), and late money that goes back to the buyer. For everything else the party's
own words are looked up in its own journal, signed by its own key and said by its own agent.
"""

from __future__ import annotations

from typing import ClassVar, Final

from tripartite.agent.decisions import Decisions
from tripartite.agent.journal import Journal, StoredCase
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import RULINGS, Event
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import read_offer, read_offer_accept, read_ruling
from tripartite.protocol.envelope import Kind, Message, read_envelope
from tripartite.protocol.next_step import ruling_to_sign
from tripartite.protocol.record import Payout, Record


class ConsentMissing(Refused):
    """This payout isn't what this party's human agreed to."""

    code: ClassVar[str] = "consent_missing"


_BY_ITSELF: Final = frozenset(
    {
        (Event.RELEASE_SIGNED, Role.VENDOR),
        (Event.REFUND_SIGNED, Role.BUYER),
        (Event.RULED_FOR_VENDOR, Role.VENDOR),
        (Event.RULED_FOR_BUYER, Role.BUYER),
        (Event.DEPOSIT_ARRIVED_LATE, Role.BUYER),
        # It was called off before money: what comes all the same is the buyer's alone.
        (Event.DEPOSIT_ARRIVED_LATE, Role.VENDOR),
    }
)
_OWN_WORD: Final = {
    (Event.RELEASE_SIGNED, Role.BUYER): Kind.RELEASE,
    (Event.REFUND_SIGNED, Role.VENDOR): Kind.REFUND,
}


def asks_person(record: Record, role: Role) -> bool:
    """Whether this party is to sign a ruling that isn't wholly in its favour."""
    ruling = ruling_to_sign(record, role)
    return ruling is not None and (ruling.event, role) not in _BY_ITSELF


def waits_for_person(journal: Journal, case: StoredCase) -> bool:
    """Whether this party's human has to agree to the ruling first."""
    if not asks_person(case.record, case.role):
        return False
    ruling = _said(journal, case, Kind.RULING, Role.ARBITER)
    return ruling is None or not Decisions(journal).carries_out(case.escrow_id, ruling.digest)


def require_consent(journal: Journal, case: StoredCase) -> None:
    """Return only if this agent may sign the payout on record. Raises ``ConsentMissing``."""
    payout = case.record.payout
    assert payout is not None
    signs = case.role in payout.signers
    if not signs or not (_is_harmless(case, payout.event) or _is_own_word(journal, case, payout)):
        raise ConsentMissing(
            "Nothing was signed. Look at `tripartite agent case`, and decide what you agree to."
        )


def _is_harmless(case: StoredCase, event: Event) -> bool:
    """Whether this payout can't hurt the party."""
    if event is Event.DEPOSIT_ARRIVED_LATE and case.role is Role.VENDOR:
        # What comes late to a successor may be the move: a buyer who signs last can hold it back
        # until the vendor has lost patience and called the successor off.
        return case.record.agreement.terms.succeeds is None
    return (event, case.role) in _BY_ITSELF


def _is_own_word(journal: Journal, case: StoredCase, payout: Payout) -> bool:
    kind = _OWN_WORD.get((payout.event, case.role))
    if kind is not None:
        return _own(journal, case, _said(journal, case, kind, case.role))
    if payout.event is Event.SETTLEMENT_AGREED:
        return _agreed_split(journal, case, payout)
    if payout.event in RULINGS:
        return _ruled(journal, case, payout)
    return False


def _agreed_split(journal: Journal, case: StoredCase, payout: Payout) -> bool:
    """The split or move that was accepted is the payout's, and this party's word is among the two."""
    accepted = _said(journal, case, Kind.SETTLEMENT_ACCEPT, payout.cosigner)
    if accepted is None:
        return False
    text = journal.text_of(case.escrow_id, read_offer_accept(accepted))
    if text is None:
        return False
    offer = read_envelope(text)
    said = read_offer(offer, terms=case.record.agreement.terms)
    agreed = (said.vendor_share, said.successor) == (payout.vendor_share, payout.successor)
    fits = offer.kind is Kind.SETTLEMENT_OFFER and offer.role is payout.builder
    mine = offer if case.role is payout.builder else accepted
    return fits and agreed and _own(journal, case, mine)


def _ruled(journal: Journal, case: StoredCase, payout: Payout) -> bool:
    """The ruling in force is the payout's; its arbiter made it, or its cosigner agreed to it."""
    ruling = _said(journal, case, Kind.RULING, Role.ARBITER)
    if ruling is None or read_ruling(ruling) != (payout.vendor_bps, payout.cosigner):
        return False
    if case.role is Role.ARBITER:
        return _own(journal, case, ruling)
    return Decisions(journal).carries_out(case.escrow_id, ruling.digest)


def _said(journal: Journal, case: StoredCase, kind: Kind, role: Role) -> Message | None:
    text = journal.said(case.escrow_id, kind, role)
    return None if text is None else read_envelope(text)


def _own(journal: Journal, case: StoredCase, message: Message | None) -> bool:
    """This agent wrote it, and it is on record."""
    if message is None or message.role is not case.role:
        return False
    said = journal.outgoing(case.escrow_id, message.digest)
    return said is not None and said.position is not None
