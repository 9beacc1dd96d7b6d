"""From a proposal to a contract: what a human decided is said, and the terms are signed.

Before it signs, the agent opens all three sealed parts and compares them with what was hashed and
with what its own human gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tripartite.agent.arguing import sealed_to_others
from tripartite.agent.decisions import DONE, Decision, Intent, OwnPart
from tripartite.agent.desk import Desk, Outcome, opened_details
from tripartite.agent.journal import StoredCase
from tripartite.agent.speaking import Say
from tripartite.agent.succession import require_sound
from tripartite.domain.addresses import parse_address
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.parties import Role
from tripartite.domain.succession import check_same_details
from tripartite.domain.terms import Details, check_details
from tripartite.protocol.agreement import Agreement, write_details
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, place


class DecisionOutdated(Refused):
    """This was decided about another proposal or contract than the present one."""

    code: ClassVar[str] = "decision_outdated"


class OwnPartChanged(Tampered):
    """This party's own part of the terms isn't what its human gave."""

    code: ClassVar[str] = "own_part_changed"


_SAID_AS = {
    Decision.RELEASE: Kind.RELEASE,
    Decision.REFUND: Kind.REFUND,
    Decision.CANCEL: Kind.CANCEL,
    Decision.SETTLE: Kind.SETTLEMENT_OFFER,
    Decision.AGREE: Kind.SETTLEMENT_ACCEPT,
    Decision.DISPUTE: Kind.DISPUTE,
    Decision.STATE: Kind.STATEMENT,
    Decision.EVIDENCE: Kind.EVIDENCE,
    Decision.RULE: Kind.RULING,
}
_WITH_WORDS = (Decision.SETTLE, Decision.AGREE, Decision.RULE)
_SEALED = (Decision.DISPUTE, Decision.STATE, Decision.EVIDENCE)


def proposal_body(agreement: Agreement, part: OwnPart) -> tuple[Role, Mapping[str, Json]]:
    """The proposer's role and the body of its proposal."""
    terms = agreement.terms
    body: dict[str, Json] = {
        "terms": agreement.to_json(),
        "details": _sealed_part(agreement, terms.proposer, part, Kind.PROPOSE),
    }
    return agreement.terms.proposer, body


def say_decision(desk: Desk, case: StoredCase, intent: Intent) -> Say:
    """A human's decision about an escrow on record, as a message.

    Raises ``DecisionOutdated`` if the human decided about something else.
    """

    def settle() -> None:
        desk.decisions.settle(intent.id, DONE)

    if intent.decision is Decision.ACCEPT:
        if intent.content.get("proposal") != case.record.proposal:
            raise DecisionOutdated("The proposal changed since it was accepted. Look at it again.")
        part = own_part(intent)

        def store() -> None:
            desk.decisions.save_own_part(case.escrow_id, part)
            settle()

        given: dict[str, Json] = {
            "proposal": case.record.proposal,
            "details": _sealed_part(case.record.agreement, case.role, part, Kind.ACCEPT),
        }
        return Say(Kind.ACCEPT, given, also=store)
    if intent.content.get("contract_id") != case.record.contract_id:
        raise DecisionOutdated("This was decided about another contract. Look at it again.")
    kind = _SAID_AS[intent.decision]
    # What was decided is stored in the form in which it is said.
    words = {name: value for name, value in intent.content.items() if name != "contract_id"}
    body: Mapping[str, Json] = {}
    if intent.decision in _SEALED:
        body = sealed_to_others(case, kind, words)
    elif intent.decision in _WITH_WORDS:
        body = words
    elif intent.decision is Decision.CANCEL:
        body = {"reason": "cancelled_by_party"}
    return Say(kind, body, also=settle)


def own_part(intent: Intent) -> OwnPart:
    """The sealed part that a proposal or an acceptance carries."""
    address, subject, salt = (intent.content.get(k) for k in ("address", "subject", "salt"))
    assert isinstance(address, str)
    assert isinstance(salt, str)
    assert subject is None or isinstance(subject, str)
    return OwnPart(address, subject, salt)


def sign_terms(desk: Desk, case: StoredCase) -> Outcome:
    """Sign the contract id, after looking at everything it stands for.

    Raises ``OwnPartChanged``, ``DetailsSwapped``, ``TermsUnsound``, what reading an address
    raises, and for a successor ``SuccessorDiffers`` and ``NothingToMove``.
    """
    parts = desk.details(case)
    check_details(case.record.agreement.terms, parts)
    old = require_sound(desk.journal, case.record.agreement)
    if old is not None:
        check_same_details(opened_details(desk.journal, desk.identity, old), parts)
    given = desk.decisions.own_part(case.escrow_id)
    mine = parts[case.role]
    if given is None or (mine.address.text, mine.subject, mine.salt) != (
        given.address,
        given.subject,
        given.salt,
    ):
        raise OwnPartChanged("Nothing was signed. Look for another agent with the same identity.")
    return Say(Kind.SIGN_TERMS, {})


def _sealed_part(agreement: Agreement, role: Role, part: OwnPart, kind: Kind) -> dict[str, Json]:
    terms = agreement.terms
    spot = place(terms.escrow_id, attempt=0, round_=0, role=role, kind=kind)
    address = parse_address(part.address, terms.network)
    return write_details(Details(role, address, part.subject, part.salt), agreement, place=spot)
