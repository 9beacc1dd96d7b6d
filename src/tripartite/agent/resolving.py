"""Decisions that end an escrow or argue about its end: what is shown first, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.agent import consent, endings
from tripartite.agent.arguing import Part, check_text, take_apart
from tripartite.agent.deciding import Choice, decide, rows_of, verified
from tripartite.agent.decisions import Decision, Decisions
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome
from tripartite.agent.journal import StoredCase
from tripartite.agent.succession import find_successor, require_destination
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role
from tripartite.domain.settlement import ALL_BPS
from tripartite.domain.terms import Details
from tripartite.protocol.bodies import write_move
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.next_step import ruling_to_sign
from tripartite.protocol.record import Offer, Record, Successor
from tripartite.protocol.succession import may_replace

_EVEN: Final = ALL_BPS // 2


class NothingOffered(Refused):
    """There is no offer or ruling to agree to."""

    code: ClassVar[str] = "nothing_offered"


class OtherThanExpected(Refused):
    """What is on offer isn't what you expected."""

    code: ClassVar[str] = "other_than_expected"


class MoveOffered(Refused):
    """You have signed the move already."""

    code: ClassVar[str] = "move_offered"


@dataclass(frozen=True, slots=True)
class _Look:
    """An escrow on record, judged anew, and its opened details."""

    case: StoredCase
    record: Record
    details: Mapping[Role, Details]


def offer(opened: OpenHome, escrow: str, vendor_share: int) -> Choice:
    """Offer a split; ``vendor_share`` of the agreed amount in piconero.

    Raises as ``deciding.choose`` does, and ``ShareOutOfRange``.
    """
    look = _look(opened, escrow)
    shown = endings.offering(look.record, look.case.role, look.details, vendor_share)
    return _choice(opened, look, Decision.SETTLE, shown, {"vendor_share": str(vendor_share)})


def agree(opened: OpenHome, escrow: str, *, ruling: bool) -> Choice:
    """Agree to the other trader's offer, or (``ruling``) to sign a ruling with the arbiter.

    Raises as ``deciding.choose`` does, and ``NothingOffered``.
    """
    look = _look(opened, escrow)
    if ruling or not _offers(look):
        return _carry_out(opened, look)
    (offered,) = _offers(look)
    if offered.successor is not None:
        return _move(opened, look, offered)
    shown = endings.agreeing(look.record, look.case.role, look.details, offered)
    return _choice(opened, look, Decision.AGREE, shown, {"offer": offered.digest})


def move(opened: OpenHome, escrow: str) -> Choice:
    """Have all the money moved to the successor: offer it, or agree if the other trader has.

    ``escrow`` is the old or the new one. Raises as ``deciding.choose`` does, and what
    ``find_successor`` raises.
    """
    look = _look(opened, escrow)
    succeeds = look.record.agreement.terms.succeeds
    # A successor that has its money may be succeeded in its turn.
    if succeeds is not None and not may_replace(look.record, look.case.role):
        look = _look(opened, succeeds.escrow_id)
    theirs = [one for one in _offers(look) if one.successor is not None]
    mine = look.record.offers.get(look.case.role)
    if not theirs and mine is not None and mine.successor is not None:
        raise MoveOffered("It is moved as soon as the other trader signs, too.")
    return _move(opened, look, *theirs)


def _move(opened: OpenHome, look: _Look, offered: Offer | None = None) -> Choice:
    """Offer a move to the successor that is ready, or agree to the one that is ``offered``."""
    journal, identity = opened.journal, opened.identity
    if offered is None or offered.successor is None:
        to = find_successor(journal, identity, look.record)
        decision, words = Decision.SETTLE, write_move(to.successor)
    else:
        to = require_destination(journal, identity, look.record, offered.successor)
        decision, words = Decision.AGREE, dict[str, Json](offer=offered.digest)
    details = opened_details(journal, identity, to.record)
    shown = endings.moving(look.record, look.case.role, to.record, details)
    choice = _choice(opened, look, decision, shown, words)
    # People read who arbitrates from now on.
    return replace(choice, rows=rows_of(opened, to.case, to.record))


def expect(choice: Choice, *, vendor_share: int | None, vendor_bps: int | None) -> None:
    """Refuse if the offer or ruling isn't the one that somebody has in mind.

    ``--yes`` asks for one of the two: else whoever offers last would decide what is agreed to.
    Raises ``OtherThanExpected``.
    """
    record = choice.case.record
    offered = {one.digest: one for one in record.offers.values()}
    agreed = offered.get(str(choice.content.get("offer")))
    if agreed is not None and agreed.successor is not None:
        raise OtherThanExpected("That is a move to another escrow: `tripartite agent move`.")
    share = None if agreed is None else agreed.vendor_share
    bps = None if share is not None or record.payout is None else record.payout.vendor_bps
    if (vendor_share, vendor_bps) != (share, bps):
        raise OtherThanExpected("Look at `tripartite agent case`: that isn't what is on the table.")


def expect_move(choice: Choice, escrow_id: str, address: str) -> None:
    """Refuse if the money wouldn't go to the escrow and address that somebody has in mind.

    Raises ``OtherThanExpected``.
    """
    offered = {one.digest: one.successor for one in choice.case.record.offers.values()}
    to = offered.get(str(choice.content.get("offer")))
    if to is None:
        content = cast("Mapping[str, str]", choice.content["successor"])
        to = Successor(content["escrow_id"], content["contract_id"], content["address"])
    if (to.escrow_id, to.address) != (escrow_id, address):
        raise OtherThanExpected("The money would go to another escrow, or to another address.")


def dispute(opened: OpenHome, escrow: str, reason: str) -> Choice:
    """Call the arbiter. Raises as ``deciding.choose`` does, and ``ArgumentUnsound``."""
    look, text = _look(opened, escrow), check_text(reason)
    shown = endings.disputing(look.record, look.case.role, look.details, text)
    return _choice(opened, look, Decision.DISPUTE, shown, {"text": text})


def state(opened: OpenHome, escrow: str, words: str) -> Choice:
    """Say something in a dispute. Raises as ``dispute`` does."""
    look, text = _look(opened, escrow), check_text(words)
    shown = endings.stating(look.record, look.details, text)
    return _choice(opened, look, Decision.STATE, shown, {"text": text})


def evidence(opened: OpenHome, escrow: str, files: Sequence[Path]) -> tuple[Choice, list[Part]]:
    """Show files in a dispute; the first choice is asked about, the parts are stored with it.

    Raises as ``dispute`` does, and ``EvidenceUnsound``.
    """
    parts = read_files(files)
    return exhibit(opened, escrow, parts), parts


def exhibit(opened: OpenHome, escrow: str, parts: Sequence[Part]) -> Choice:
    """Show files that are taken apart already. Raises as ``deciding.choose`` does."""
    look = _look(opened, escrow)
    shown = endings.showing(look.record, look.details, parts)
    return _choice(opened, look, Decision.EVIDENCE, shown, {})


def read_files(files: Sequence[Path]) -> list[Part]:
    """All parts of some files. Raises ``EvidenceUnsound``."""
    return [part for file in files for part in take_apart(file)]


def rule(opened: OpenHome, escrow: str, vendor_bps: int, cosigner: Role | None) -> Choice:
    """As the arbiter: decide. ``cosigner`` is who carries it out; who gets more, if not said.

    Raises as ``deciding.choose`` does, and ``ShareOutOfRange``.
    """
    look = _look(opened, escrow)
    chosen = cosigner or (Role.VENDOR if vendor_bps >= _EVEN else Role.BUYER)
    shown = endings.ruling_on(look.record, look.case.role, look.details, vendor_bps, chosen)
    words: dict[str, Json] = {"vendor_bps": vendor_bps, "cosigner": chosen.value}
    return _choice(opened, look, Decision.RULE, shown, words)


def store(opened: OpenHome, choice: Choice, parts: Sequence[Part] = ()) -> int:
    """Store a decision and the files that go with it; the running agent says them.

    The id of what is said last.
    """
    decisions = Decisions(opened.journal)
    contract: dict[str, Json] = {"contract_id": choice.case.record.contract_id}
    number = 0
    with opened.journal.commit():
        if choice.decision is not Decision.EVIDENCE:
            number = decide(opened, choice, frozenset())
        for part in parts:
            content = {**part.to_json(), **contract}
            number = decisions.decide(choice.case.escrow_id, Decision.EVIDENCE, content)
    return number


def _offers(look: _Look) -> list[Offer]:
    return [one for role, one in look.record.offers.items() if role is not look.case.role]


def _carry_out(opened: OpenHome, look: _Look) -> Choice:
    text = opened.journal.said(look.case.escrow_id, Kind.RULING, Role.ARBITER)
    if text is None or ruling_to_sign(look.record, look.case.role) is None:
        raise NothingOffered("Nobody has offered you a split; look at `tripartite agent case`.")
    shown = endings.carrying_out(look.record, look.case.role, look.details)
    digest = read_envelope(text).digest
    return _choice(opened, look, Decision.CARRY_OUT, shown, {"ruling": digest})


def _look(opened: OpenHome, escrow: str) -> _Look:
    case, record = verified(opened, escrow)
    details = opened_details(opened.journal, opened.identity, record)
    return _Look(replace(case, record=record), record, details)


def _choice(
    opened: OpenHome,
    look: _Look,
    decision: Decision,
    shown: consent.Consent,
    words: dict[str, Json],
) -> Choice:
    content = {**words, "contract_id": look.record.contract_id}
    rows = rows_of(opened, look.case, look.record)
    return Choice(look.case, decision, content, shown, rows)
