"""What an admin can do about an escrow that is stuck. Nothing of it moves money.

The act is stored and told first, then carried out; what became of each part is stored when it is
known. So an act that was cut short is on record as one without outcomes, never the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.escrows import storage
from tripartite.coordinator.events.log import ADMINS, EventType, NewEvent, append
from tripartite.coordinator.recovery import retrying
from tripartite.coordinator.recovery.errors import NotStuck, RecoveryActionUnknown
from tripartite.coordinator.recovery.incidents import accounts_of, open_incident
from tripartite.coordinator.recovery.keys import deadline_key
from tripartite.coordinator.recovery.models import Action, Incident, Outcome
from tripartite.coordinator.recovery.panels import open_panel
from tripartite.coordinator.recovery.retrying import Part
from tripartite.coordinator.storing import now, rfc3339, write_transaction
from tripartite.coordinator.watch.node import OwnNode
from tripartite.coordinator.work.queue import wake
from tripartite.domain.lifecycle import PAYOUT_STATES
from tripartite.domain.parties import Role
from tripartite.protocol.record import Record

ASKED = "asked"
ACKNOWLEDGED = "acknowledged"


class Kind(StrEnum):
    """The acts, as the API calls them."""

    RETRY_TRANSACTION = "retry_transaction"
    CONTACT_ARBITER = "contact_arbiter"
    MARK_INVESTIGATED = "mark_investigated"
    ESCALATE_GOVERNANCE = "escalate_governance"


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what done about which escrow, and why."""

    caller: Caller
    escrow_id: str
    kind: Kind
    notes: str


Remember = Callable[[int], None]


def take(wish: Wish, *, own: OwnNode, investigated: timedelta, remember: Remember) -> Action:
    """Do it. ``remember`` is told the action's id inside the transaction that stores it.

    Raises ``EscrowUnknown``, ``NotStuck``, ``PanelTooSmall``.
    """
    at = now()
    with write_transaction():
        record = storage.load(wish.escrow_id).record
        incident = _incident(wish, record)
        action = Action.objects.create(
            incident=incident,
            account_id=wish.caller.account_id,
            action=wish.kind.value,
            notes=wish.notes,
            at=at,
        )
        told = _told(wish, action, at=at)
        match wish.kind:
            case Kind.CONTACT_ARBITER:
                told += _contact_arbiter(action, record, at=at)
            case Kind.MARK_INVESTIGATED:
                _quiet(incident, until=at + investigated)
            case Kind.ESCALATE_GOVERNANCE:
                told += open_panel(action, record, at=at)
            case Kind.RETRY_TRANSACTION:
                pass
        remember(action.pk)
        append(told, at=at)
    if wish.kind is Kind.RETRY_TRANSACTION:
        _retry(action, record, own)
    return action


def note_outcome(action: Action, part: Part) -> None:
    """Keep what became of one part; a later answer replaces an earlier one."""
    Outcome.objects.update_or_create(
        action=action,
        who=part.who,
        defaults={"result": part.result, "detail": part.detail, "at": now()},
    )


def asked_of(caller: Caller, action_id: int) -> tuple[Action, Role]:
    """An action that asks something of the caller, and in which role.

    Raises ``RecoveryActionUnknown``, also for one that asks others.
    """
    action = Action.objects.filter(pk=action_id).select_related("incident").first()
    if action is not None:
        for role, account in accounts_of(action.incident.escrow_id).items():
            known = Outcome.objects.filter(action=action, who=role.value).exists()
            if account == caller.account_id and known:
                return action, role
    raise RecoveryActionUnknown("Take the number from the event that asked you.")


def _incident(wish: Wish, record: Record) -> Incident:
    incident = open_incident(wish.escrow_id)
    if incident is None:
        raise NotStuck(f"It is {record.state.value} and on time; look at the list of cases.")
    if wish.kind is Kind.RETRY_TRANSACTION and record.state not in PAYOUT_STATES:
        raise NotStuck(f"No payout is being made while it is {record.state.value}.")
    return incident


def _told(wish: Wish, action: Action, *, at: datetime) -> list[NewEvent]:
    """The parties hear that something was done; the admins also why."""
    facts = {"action": wish.kind.value, "action_id": action.pk, "timestamp": rfc3339(at)}
    mine = {**facts, "by": wish.caller.name, "admin_notes": wish.notes}
    kind = EventType.RECOVERY_ACTION_TAKEN
    return [
        NewEvent(kind, wish.escrow_id, facts),
        NewEvent(kind, wish.escrow_id, mine, account_id=ADMINS),
    ]


def _contact_arbiter(action: Action, record: Record, *, at: datetime) -> list[NewEvent]:
    arbiter = accounts_of(record.escrow_id)[Role.ARBITER]
    Outcome.objects.create(action=action, who=Role.ARBITER.value, result=ASKED, at=at)
    facts = {"action_id": action.pk, "status": record.state.value}
    return [NewEvent(EventType.ARBITER_CONTACTED, record.escrow_id, facts, account_id=arbiter)]


def _quiet(incident: Incident, *, until: datetime) -> None:
    Incident.objects.filter(pk=incident.pk).update(quiet_until=until)
    wake(deadline_key(incident.escrow_id), at=until)


def _retry(action: Action, record: Record, own: OwnNode) -> None:
    found = retrying.ask_chain(record, own)
    parts: Sequence[Part] = found.parts
    asked = retrying.whom_to_ask(record, found)
    accounts = accounts_of(record.escrow_id)
    facts = {"action_id": action.pk, "status": record.state.value}
    with write_transaction():
        Action.objects.filter(pk=action.pk).update(txid=found.txid or "")
        for part in parts:
            note_outcome(action, part)
        for role in asked:
            note_outcome(action, Part(role.value, ASKED))
        retrying.look_again(record)
        if asked:
            append(
                [
                    NewEvent(
                        EventType.TRANSACTION_RETRY_REQUESTED,
                        record.escrow_id,
                        facts,
                        account_id=accounts[role],
                    )
                    for role in asked
                ],
                at=now(),
            )
