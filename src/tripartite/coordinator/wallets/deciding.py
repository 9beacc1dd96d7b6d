"""What a person with an attached wallet clicks: kept until their agent has said it.

The party has chosen to trust the operator with that one signer, so its logged-in click is its
consent (DESIGN.md rule 5). What can't be decided now is refused at once, by the record here. The
agent judges everything again, by its own: it says only what is open to its role, and signs only
payouts that the terms allow.

The words of a click are sealed from the start, and gone from here as soon as an attach process has
taken them into that party's journal.
"""

from __future__ import annotations

import json
import secrets
from typing import Final

from django.db.models import QuerySet

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows.errors import PartyUnknown
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.escrows.succeeding import successor_record
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.limits import maintenance
from tripartite.coordinator.limits.gate import admit as pass_gate
from tripartite.coordinator.presence.watching import require_arbiter
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import decision_spot
from tripartite.coordinator.wallets.errors import DecisionsPiledUp, DecisionUnderWay
from tripartite.coordinator.wallets.models import AttachedDecision
from tripartite.coordinator.wallets.registering import require_attached, role_in
from tripartite.coordinator.wallets.words import Click, Content, check_open, check_words
from tripartite.coordinator.work.queue import wake
from tripartite.domain.limits import Limits, require_open
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.domain.succession import SuccessorDiffers
from tripartite.protocol.record import Record

_REPEATABLE: Final = frozenset({Click.STATE, Click.EVIDENCE})
"""What a party may say several times; anything else is decided once, until its agent has said it."""

MOST_WAITING: Final = 40
"""Decisions of one party in one escrow that wait for an attach process. Each may hold a file."""


def propose(
    caller: Caller, escrow_id: str, role: Role, content: Content, *, limits: Limits
) -> AttachedDecision:
    """A new escrow under ``escrow_id``, once. Call inside a write transaction.

    Raises ``IdentityNotAttached``, and what ``gate.admit`` raises: the agent's own proposal passes
    it again, when it comes to say it.
    """
    require_attached(caller.account_id)
    pass_gate(limits, int(content["amount"]))
    return _store(caller, escrow_id, role, Click.PROPOSE, content)


def decide(
    caller: Caller,
    escrow_id: str,
    click: Click,
    content: Content,
    *,
    decision_id: str | None = None,
) -> AttachedDecision:
    """A decision about an escrow on record. Call inside a write transaction.

    ``decision_id`` is a fresh one that the caller's page was given: the same again changes nothing.
    Raises ``EscrowUnknown``, ``EscrowNotYours``, ``IdentityNotAttached``, ``DecisionUnderWay``,
    ``DecisionsPiledUp``, what ``check_open`` and ``check_words`` raise, and for another arbiter
    ``UnderMaintenance``, ``PartyUnknown``, ``SuccessorDiffers``, ``ArbiterOffline``.
    """
    role = role_in(caller, escrow_id)
    require_attached(caller.account_id)
    # Who decides about the same escrow at the same moment waits here.
    row = Escrow.objects.select_for_update().get(pk=escrow_id)
    if decision_id is not None and (known := _known(caller, escrow_id, decision_id)) is not None:
        return known
    record = record_of(row.escrow_id, row.version, row.snapshot)
    waiting = _waiting(escrow_id, role)
    if click not in _REPEATABLE and waiting.filter(decision=click.value).exists():
        raise DecisionUnderWay("Your agent is about to say it: look at GET decisions.")
    if waiting.count() >= MOST_WAITING:
        raise DecisionsPiledUp("Wait until the operator's `tripartite attach` runs.")
    successor = successor_record(escrow_id)
    check_open(record, role, click, successor)
    check_words(record, role, click, content, successor)
    if click is Click.REPLACE:
        check_arbiter(record, content["arbiter"])
    return _store(caller, escrow_id, role, click, content, decision_id=decision_id)


def decisions_of(caller: Caller, escrow_id: str) -> list[AttachedDecision]:
    """Everything the caller decided about an escrow, the oldest first."""
    rows = AttachedDecision.objects.filter(escrow_id=escrow_id, account_id=caller.account_id)
    return list(rows.order_by("decided_at", "id"))


def read_content(row: AttachedDecision) -> dict[str, str]:
    """What was decided, in detail. Raises ``SealedRowMoved``, ``SealedUnderUnknownKey``."""
    fields: dict[str, str] = json.loads(keyring().open(row.content, decision_spot(row.id)).reveal())
    return fields


def check_arbiter(record: Record, name: str) -> None:
    """Whether this account can take the arbiter's place; the agent's own proposal is judged again.

    Raises ``UnderMaintenance``, ``PartyUnknown``, ``SuccessorDiffers``, ``ArbiterOffline``.
    """
    require_open(maintenance.present().reason)
    row = PairedIdentity.objects.filter(account__name=name, account__is_active=True).first()
    if row is None:
        raise PartyUnknown(
            "Name an account that has paired an agent with this coordinator.",
            role=Role.ARBITER.value,
        )
    if any(party.sign == row.sign for party in record.parties.values()):
        raise SuccessorDiffers("Name somebody who takes no part in this escrow.")
    require_arbiter(row.account_id)


def _known(caller: Caller, escrow_id: str, decision_id: str) -> AttachedDecision | None:
    return AttachedDecision.objects.filter(
        pk=decision_id, escrow_id=escrow_id, account_id=caller.account_id
    ).first()


def _waiting(escrow_id: str, role: Role) -> QuerySet[AttachedDecision]:
    return AttachedDecision.objects.filter(escrow_id=escrow_id, role=role.value, outcome="")


def _store(
    caller: Caller,
    escrow_id: str,
    role: Role,
    click: Click,
    content: Content,
    *,
    decision_id: str | None = None,
) -> AttachedDecision:
    at = now()
    row = AttachedDecision(
        id=decision_id or secrets.token_hex(16),
        escrow_id=escrow_id,
        role=role.value,
        account_id=caller.account_id,
        decision=click.value,
        decided_at=at,
    )
    row.content = keyring().seal(Secret(json.dumps(dict(content))), decision_spot(row.id))
    with write_transaction():
        row.save(force_insert=True)
        wake(keys.attached_key(escrow_id, role), at=at, pool=keys.ATTACH)
    return row
