"""What an admin sees: every case with its history, the oldest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, TypedDict

from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.recovery import panels
from tripartite.coordinator.recovery.models import Action, Incident, Panel, Standing
from tripartite.coordinator.storing import now
from tripartite.domain.deadlines import Stage, hours_stuck
from tripartite.domain.lifecycle import State, shown_as
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import waiting_on

PAGE: Final = 100


class Waiting(TypedDict):
    """Somebody who has to act."""

    role: str
    what: str


class Case(TypedDict):
    """One escrow that needs a person, as the API tells of it."""

    escrow_id: str
    status: str
    original_status: str
    stage: int
    hours_stuck: int
    stuck_since: datetime
    quiet_until: datetime | None
    amount: str
    parties: Mapping[str, str]
    waiting_on: Sequence[Waiting]
    panels: Sequence[Mapping[str, object]]
    actions: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Cases:
    """One page, and how many there are in all."""

    cases: Sequence[Case]
    total: int


def cases(*, offset: int, limit: int) -> Cases:
    """Everything that a person has to take up, and every open dispute, the oldest first."""
    stuck = Incident.objects.filter(cleared_at=None, stage__gte=int(Stage.RECOVERY))
    disputed = Standing.objects.filter(phase=State.DISPUTED.value)
    since = dict(disputed.values_list("escrow_id", "last_activity"))
    since |= dict(stuck.values_list("escrow_id", "began_at"))
    ordered = sorted(since, key=lambda escrow_id: (since[escrow_id], escrow_id))
    shown = list(islice(ordered, offset, offset + limit))
    return Cases([_case(escrow_id, since[escrow_id]) for escrow_id in shown], len(since))


def _case(escrow_id: str, since: datetime) -> Case:
    row = Escrow.objects.get(pk=escrow_id)
    record = record_of(row.escrow_id, row.version, row.snapshot)
    incident = Incident.objects.filter(escrow_id=escrow_id, cleared_at=None).first()
    stage = Stage.ON_TIME if incident is None else Stage(incident.stage)
    parties = {
        one.role: one.account.name
        for one in Participant.objects.filter(escrow_id=escrow_id).select_related("account")
    }
    return {
        "escrow_id": escrow_id,
        "status": shown_as(record.state, overdue=stage is Stage.RECOVERY),
        "original_status": record.state.value,
        "stage": int(stage),
        "hours_stuck": hours_stuck(last_activity=since, now=now()),
        "stuck_since": since,
        "quiet_until": None if incident is None else incident.quiet_until,
        "amount": str(row.amount),
        "parties": {role.value: parties[role.value] for role in Role},
        "waiting_on": [{"role": role.value, "what": what} for role, what in waiting_on(record)],
        "panels": [
            panels.shown(one)
            for one in Panel.objects.filter(action__incident=incident).order_by("pk")
        ],
        "actions": [] if incident is None else [shown_action(one) for one in _actions(incident)],
    }


def shown_action(action: Action) -> Mapping[str, object]:
    """One act and what became of it."""
    return {
        "action_id": action.pk,
        "action": action.action,
        "by": action.account.name,
        "admin_notes": action.notes,
        "at": action.at,
        "report": [
            {"who": one.who, "result": one.result, "detail": one.detail, "at": one.at}
            for one in action.outcomes.order_by("pk")
        ],
    }


def _actions(incident: Incident) -> Sequence[Action]:
    return list(incident.actions.select_related("account").order_by("pk"))
