"""Decisions about an escrow on record: what is shown first, and what is stored."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.agent import consent
from tripartite.agent.consent import Consent, EscrowUnknownHere, PartyRow
from tripartite.agent.decisions import Decision, Decisions, Verified
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import StoredCase
from tripartite.agent.succession import require_sound
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.parties import Role
from tripartite.domain.succession import check_same_details
from tripartite.domain.terms import Details, check_details
from tripartite.protocol.agreement import SALT_BYTES
from tripartite.protocol.canonical import Json
from tripartite.protocol.record import Record

_SHORTEST_ID: Final = 6
_NAMES_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05


class NamesNotKnownYet(Unavailable):
    """The coordinator hasn't said yet which accounts the parties have."""

    code: ClassVar[str] = "names_not_known_yet"


class AddressMissing(Refused):
    """Nobody said where you are to be paid."""

    code: ClassVar[str] = "address_missing"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to be read and decided on."""

    case: StoredCase
    decision: Decision
    content: dict[str, Json]
    consent: Consent
    rows: tuple[PartyRow, ...]


def wait_for_names(opened: OpenHome, escrow: str) -> None:
    """Give a running agent a moment to ask who the parties of a new proposal are."""
    until = time.monotonic() + _NAMES_SECONDS
    while opened.home.is_running() and not find(opened, escrow).names:
        if time.monotonic() > until:
            return
        time.sleep(_LOOK_SECONDS)


def accept(opened: OpenHome, escrow: str, address: str | None) -> Choice:
    """A proposal to be accepted, with the address at which this party is paid.

    A trader in a successor leaves it out: it is that of the old escrow, which is looked at, too.

    Raises ``AddressMissing``, ``SuccessorDiffers``, ``NothingToMove``, ``EscrowUnknownHere``,
    ``NamesNotKnownYet``, ``NotOpenToYou``, ``ContactKeyChanged``, ``TermsUnsound``, the errors of
    ``parse_address``, and what judging the record anew raises.
    """
    case, record = verified(opened, escrow)
    if not case.names:
        raise NamesNotKnownYet("Let the agent run for a moment, then accept.")
    old = require_sound(opened.journal, record.agreement)
    before = {} if old is None else opened_details(opened.journal, opened.identity, old)
    if not address and case.role in before:
        address = before[case.role].address.text
    if not address:
        raise AddressMissing("Name a Monero address of yours.")
    mine = Details(
        role=case.role,
        address=parse_address(address, opened.network),
        subject=None,
        salt=secrets.token_hex(SALT_BYTES),
    )
    given = opened_details(opened.journal, opened.identity, record)
    shown = consent.accepting(record, case.role, {**given, case.role: mine}, old)
    check_details(record.agreement.terms, {**given, case.role: mine})
    if old is not None:
        check_same_details(before, {**given, case.role: mine})
    content: dict[str, Json] = {
        "proposal": record.proposal,
        "address": mine.address.text,
        "subject": None,
        "salt": mine.salt,
    }
    rows = rows_of(opened, case, record)
    return Choice(case, Decision.ACCEPT, content, shown, rows)


def choose(opened: OpenHome, escrow: str, decision: Decision) -> Choice:
    """Any other decision about an escrow on record. Raises as ``accept`` does."""
    case, record = verified(opened, escrow)
    details = opened_details(opened.journal, opened.identity, record)
    match decision:
        case Decision.RELEASE:
            shown = consent.releasing(record, case.role, details)
        case Decision.REFUND:
            shown = consent.refunding(record, case.role, details)
        case Decision.CANCEL:
            shown = consent.cancelling(record, case.role, details)
        case _:
            shown = consent.resuming(record, case.frozen, details)
    content: dict[str, Json] = {"contract_id": record.contract_id}
    return Choice(case, decision, content, shown, rows_of(opened, case, record))


def decide(opened: OpenHome, choice: Choice, compared: frozenset[Role]) -> int:
    """Store the decision; the running agent says it. ``compared`` had their key compared."""
    decisions = Decisions(opened.journal)
    record = choice.case.record
    with opened.journal.commit():
        for role in choice.case.role.others():
            name = choice.case.names.get(role)
            if choice.decision is Decision.ACCEPT and name is not None:
                how = Verified.FINGERPRINT if role in compared else Verified.FIRST_USE
                decisions.pin(name, record.parties[role], how)
        return decisions.decide(record.escrow_id, choice.decision, choice.content)


def find(opened: OpenHome, escrow: str) -> StoredCase:
    """The escrow with this id, or the only one whose id begins so. Raises ``EscrowUnknownHere``."""
    found = [
        case
        for case in opened.journal.cases()
        if case.escrow_id == escrow
        or (len(escrow) >= _SHORTEST_ID and case.escrow_id.startswith(escrow))
    ]
    if len(found) != 1:
        raise EscrowUnknownHere(
            "Several escrows begin so: give more digits."
            if found
            else "Check the id with `tripartite agent status`; give 6 digits or more."
        )
    return found[0]


def verified(opened: OpenHome, escrow: str) -> tuple[StoredCase, Record]:
    """The escrow, and its record judged anew from the signed messages."""
    case = find(opened, escrow)
    return case, consent.verified_record(opened.journal, case.escrow_id)


def rows_of(opened: OpenHome, case: StoredCase, record: Record) -> tuple[PartyRow, ...]:
    """Who takes part, and how this agent knows them. Raises ``ContactKeyChanged``."""
    decisions = Decisions(opened.journal)
    contacts = {
        role: decisions.check(case.names[role], record.parties[role])
        if role in case.names
        else decisions.contact_with(record.parties[role])
        for role in case.role.others()
    }
    fingerprints = {role: party.fingerprint for role, party in record.parties.items()}
    return consent.party_rows(case.names, fingerprints, contacts, own=case.role)
