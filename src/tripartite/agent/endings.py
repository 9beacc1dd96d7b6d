"""What somebody reads before a word that ends an escrow, or argues about how it should end.

Pure, like ``consent``: everything shown comes from this agent's own verified record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tripartite.agent.arguing import Part
from tripartite.agent.consent import (
    Consent,
    ending_row,
    endings,
    facts,
    money,
    notes,
    payout_consent,
    printable,
    require_open,
)
from tripartite.domain.lifecycle import Event
from tripartite.domain.money import format_xmr
from tripartite.domain.parties import Role
from tripartite.domain.percentages import format_percent
from tripartite.domain.settlement import ALL_BPS, divide, ruling
from tripartite.domain.terms import Details
from tripartite.protocol.record import Offer, Record

_SHOWN_TEXT = 400
_NOT_BACK = "This can't be taken back."


def offering(
    record: Record, role: Role, details: Mapping[Role, Details], vendor_share: int
) -> Consent:
    """What a trader reads who offers a split. Raises ``NotOpenToYou``, ``ShareOutOfRange``."""
    require_open(record, role, Event.SETTLEMENT_PROPOSED)
    amount = record.agreement.terms.amount
    split = f"{format_xmr(vendor_share)} of {format_xmr(amount)} XMR to the vendor"
    return payout_consent(
        record,
        details,
        question=f"Offer {split}, the rest to the buyer? If it is accepted, it is paid.",
        row=lambda paid: ending_row(
            "settled", divide(amount, paid, record.agreement.terms.fees, vendor_share=vendor_share)
        ),
    )


def agreeing(record: Record, role: Role, details: Mapping[Role, Details], offer: Offer) -> Consent:
    """What a trader reads who accepts the other's split. Raises ``NotOpenToYou``."""
    require_open(record, role, Event.SETTLEMENT_AGREED)
    terms, vendor_share = record.agreement.terms, offer.vendor_share
    assert vendor_share is not None, "a move is shown by ``moving``"
    share = f"{format_xmr(vendor_share)} of {format_xmr(terms.amount)} XMR"
    return payout_consent(
        record,
        details,
        question=f"Agree that the vendor gets {share} and the buyer the rest? {_NOT_BACK}",
        row=lambda paid: ending_row(
            "settled", divide(terms.amount, paid, terms.fees, vendor_share=vendor_share)
        ),
    )


def moving(record: Record, role: Role, new: Record, details: Mapping[Role, Details]) -> Consent:
    """What a trader reads who signs that all the money goes to the successor ``new``.

    ``details`` are those of the successor. Raises ``NotOpenToYou``.
    """
    require_open(record, role, Event.SETTLEMENT_PROPOSED)
    terms = new.agreement.terms
    paid, counts = money(record)
    return Consent(
        question="Move all of the money to the new escrow, with its arbiter? It is moved when buyer "
        "and vendor have both signed.",
        facts=(
            ("from escrow", record.escrow_id),
            ("in the wallet", f"{format_xmr(paid)} XMR {counts}"),
            ("amount so far", f"{format_xmr(record.agreement.terms.amount)} XMR"),
            *facts(terms, details),
            ("moved to", new.address or ""),
        ),
        endings=endings(terms),
        notes=(
            "The network's fee of the move comes out of what is moved.",
            "What the move leaves over goes back to the buyer with the payout.",
            "The arbiter so far has no part in it any more, and earns nothing.",
            "Statements and evidence don't go along: show them to the new arbiter again.",
        ),
    )


def disputing(record: Record, role: Role, details: Mapping[Role, Details], text: str) -> Consent:
    """What a trader reads who calls the arbiter. Raises ``NotOpenToYou``."""
    require_open(record, role, Event.DISPUTE_OPENED)
    fee = record.agreement.terms.fees.arbiter_bps
    return Consent(
        question="Call the arbiter, with this reason?",
        facts=(*facts(record.agreement.terms, details), ("your reason", _short(text))),
        endings=(),
        notes=(
            "The reason is sealed: the other two can read it, the coordinator can't.",
            f"A ruling costs {format_percent(fee)} of what is ruled on, for the arbiter.",
            "You can still settle with the other side, and save that.",
        ),
    )


def stating(record: Record, details: Mapping[Role, Details], text: str) -> Consent:
    """What somebody reads who says something in a dispute."""
    return Consent(
        question="Say this to the other two?",
        facts=(*facts(record.agreement.terms, details), ("you say", _short(text))),
        endings=(),
        notes=("It is sealed to the other two, and can't be taken back.",),
    )


def showing(record: Record, details: Mapping[Role, Details], parts: Sequence[Part]) -> Consent:
    """What somebody reads who shows files in a dispute."""
    sizes: dict[tuple[str, str], int] = {}
    for part in parts:
        place = (part.name, part.sha256)
        sizes[place] = sizes.get(place, 0) + len(part.data)
    files = [(name, f"{size} bytes, SHA-256 {sha256}") for (name, sha256), size in sizes.items()]
    return Consent(
        question="Show these files to the other two?",
        facts=(*facts(record.agreement.terms, details), *files),
        endings=(),
        notes=("They are sealed to the other two, and can't be taken back.",),
    )


def ruling_on(
    record: Record,
    role: Role,
    details: Mapping[Role, Details],
    vendor_bps: int,
    cosigner: Role,
) -> Consent:
    """What an arbiter reads who rules. Raises ``NotOpenToYou``, ``ShareOutOfRange``."""
    require_open(record, role, Event.RULED_SPLIT)
    return _ruling(
        record,
        details,
        vendor_bps,
        question=f"Rule so, and pay it out together with the {cosigner.value}? "
        "You can replace a ruling until it is paid.",
    )


def carrying_out(record: Record, role: Role, details: Mapping[Role, Details]) -> Consent:
    """What the named trader reads who signs a ruling with the arbiter."""
    assert record.payout is not None
    assert record.payout.vendor_bps is not None
    return _ruling(
        record,
        details,
        record.payout.vendor_bps,
        question=f"Sign this ruling as the {role.value}, together with the arbiter? {_NOT_BACK}",
    )


def _ruling(
    record: Record, details: Mapping[Role, Details], vendor_bps: int, *, question: str
) -> Consent:
    terms = record.agreement.terms
    vendor, buyer = format_percent(vendor_bps), format_percent(ALL_BPS - vendor_bps)
    share = f"{vendor} to the vendor, {buyer} to the buyer"
    shown = payout_consent(
        record,
        details,
        question=question,
        row=lambda paid: ending_row(
            "ruled", ruling(terms.amount, paid, terms.fees, vendor_bps=vendor_bps)
        ),
    )
    return Consent(
        question=shown.question,
        facts=(*shown.facts, ("ruling", share)),
        endings=shown.endings,
        notes=(*notes(terms), "The arbiter's fee is taken off first; the rest is divided."),
    )


def _short(text: str) -> str:
    shown = printable(text.replace("\n", " "))
    return shown if len(shown) <= _SHOWN_TEXT else f"{shown[:_SHOWN_TEXT]}…"
