"""Another arbiter for an escrow that holds money: the proposal of its successor."""

from __future__ import annotations

import secrets
from dataclasses import replace

from tripartite.agent.consent import NotOpenToYou, money, party_rows, proposing
from tripartite.agent.deciding import verified
from tripartite.agent.decisions import Contact, Decisions
from tripartite.agent.desk import opened_details
from tripartite.agent.home import OpenHome
from tripartite.agent.proposing import Directory, Proposal, look_up
from tripartite.domain.money import Piconero
from tripartite.domain.parties import Role
from tripartite.domain.succession import successor_terms
from tripartite.protocol.agreement import SALT_BYTES, Agreement
from tripartite.protocol.succession import may_replace, require_succession


def prepare(
    opened: OpenHome,
    escrow: str,
    *,
    arbiter: str,
    arbiter_bps: int,
    directory: Directory,
    amount: Piconero | None = None,
) -> Proposal:
    """Put the successor's terms together: all as in ``escrow`` but the arbiter; nothing is stored.

    Without ``amount`` it is what is sure to arrive there. Raises ``NotOpenToYou``,
    ``NothingToMove``, ``SuccessorDiffers``, ``ArbiterOffline``, ``PartyNotPaired``,
    ``CoordinatorRefused`` (``account_unknown``), ``ContactKeyChanged``, ``TermsUnsound``.
    """
    case, record = verified(opened, escrow)
    if not may_replace(record, case.role) or record.contract_id is None:
        raise NotOpenToYou(
            "Buyer and vendor name another arbiter, while there is money to be moved."
        )
    identities, contacts = look_up(opened, {Role.ARBITER: arbiter}, directory)
    directory.require_arbiter(arbiter)
    terms = successor_terms(
        record.agreement.terms,
        record.contract_id,
        escrow_id=secrets.token_hex(16),
        proposer=case.role,
        arbiter_bps=arbiter_bps,
        balance=money(record)[0],
        amount=amount,
    )
    agreement = Agreement(terms, {**record.parties, **identities})
    require_succession(record, agreement)
    details = opened_details(opened.journal, opened.identity, record)
    mine = replace(
        details[case.role],
        subject=details[record.agreement.terms.proposer].subject,
        salt=secrets.token_hex(SALT_BYTES),
    )
    names = {**case.names, Role.ARBITER: arbiter}
    decisions = Decisions(opened.journal)
    known: dict[Role, Contact | None] = {
        role: decisions.contact_with(record.parties[role])
        for role in case.role.others()
        if role is not Role.ARBITER
    }
    fingerprints = {role: party.fingerprint for role, party in agreement.parties.items()}
    return Proposal(
        agreement=agreement,
        mine=mine,
        names=names,
        consent=proposing(agreement, mine, record),
        rows=party_rows(names, fingerprints, {**contacts, **known}, own=case.role),
    )
