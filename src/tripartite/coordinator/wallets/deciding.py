"""What a person with an attached wallet clicks: kept until their agent has said it.

The party has chosen to trust the operator with that one signer, so its logged-in click is its
consent (DESIGN.md rule 5). The agent still judges it: it says only what is open to its role, and
signs only payouts that the terms allow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum

from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.keyring import keyring
from tripartite.coordinator.limits.gate import admit as pass_gate
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.wallets import keys
from tripartite.coordinator.wallets.credentials import decision_spot
from tripartite.coordinator.wallets.models import AttachedDecision
from tripartite.coordinator.wallets.registering import require_attached, role_in
from tripartite.coordinator.work.queue import wake
from tripartite.domain.limits import Limits
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret

Content = Mapping[str, str]


class Click(StrEnum):
    """What can be decided through the coordinator."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    RELEASE = "release"
    REFUND = "refund"
    CANCEL = "cancel"
    SETTLE = "settle"
    AGREE = "agree"
    DISPUTE = "dispute"
    STATE = "state"
    RULE = "rule"
    RESUME = "resume"


def propose(
    caller: Caller, escrow_id: str, role: Role, content: Content, *, limits: Limits
) -> AttachedDecision:
    """A new escrow under ``escrow_id``. Call inside a write transaction.

    Raises ``IdentityNotAttached``, and what ``gate.admit`` raises: the agent's own proposal passes
    it again, when it comes to say it.
    """
    require_attached(caller.account_id)
    pass_gate(limits, int(content["amount"]))
    return _store(caller, escrow_id, role, Click.PROPOSE, content)


def decide(caller: Caller, escrow_id: str, click: Click, content: Content) -> AttachedDecision:
    """A decision about an escrow on record.

    Raises ``EscrowUnknown``, ``EscrowNotYours``, ``IdentityNotAttached``.
    """
    role = role_in(caller, escrow_id)
    require_attached(caller.account_id)
    return _store(caller, escrow_id, role, click, content)


def decisions_of(caller: Caller, escrow_id: str) -> list[AttachedDecision]:
    """Everything the caller decided about an escrow, the oldest first."""
    rows = AttachedDecision.objects.filter(escrow_id=escrow_id, account_id=caller.account_id)
    return list(rows.order_by("decided_at", "id"))


def read_content(row: AttachedDecision) -> dict[str, str]:
    """What was decided, in detail. Raises ``SealedRowMoved``, ``SealedUnderUnknownKey``."""
    fields: dict[str, str] = json.loads(keyring().open(row.content, decision_spot(row.id)).reveal())
    return fields


def _store(
    caller: Caller, escrow_id: str, role: Role, click: Click, content: Content
) -> AttachedDecision:
    at = now()
    row = AttachedDecision(
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
