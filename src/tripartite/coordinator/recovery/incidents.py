"""Deadlines, level-triggered: each due key looks at one escrow and raises what is due, once.

A stage and its alarms are stored in one transaction, so neither a crash nor a second node raises
it twice. A deadline raises an alarm; it never moves money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from tripartite.coordinator.escrows import storage
from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.events import following
from tripartite.coordinator.events.log import EventType, NewEvent, append
from tripartite.coordinator.recovery import telling
from tripartite.coordinator.recovery.keys import DEADLINE, deadline_key
from tripartite.coordinator.recovery.models import NOT_LOOKED_AT, Incident, Standing
from tripartite.coordinator.storing import now
from tripartite.coordinator.work.queue import Lease, fenced, wake
from tripartite.coordinator.work.runner import Again, Handler
from tripartite.domain import stages
from tripartite.domain.deadlines import Durations, Stage, hours_stuck
from tripartite.domain.lifecycle import CLOSED, State
from tripartite.domain.parties import Role
from tripartite.protocol.progress import Progress, progress
from tripartite.protocol.record import Record

PAGE: Final = 500
BOOKMARK: Final = "recovery"
_MOVES: Final = (EventType.MESSAGE_RELAYED, EventType.ESCROW_STATUS_CHANGED)


@dataclass(frozen=True, slots=True)
class _Look:
    """An escrow as one transaction sees it. ``told`` goes into the log at the end."""

    record: Record
    last_activity: datetime
    incident: Incident | None
    told: tuple[NewEvent, ...]


def follow_log(durations: Durations) -> Handler:
    """The handler of ``recovery:``: notes what moved since the last look at the log."""

    def reconcile(lease: Lease) -> Again | None:
        with fenced(lease):
            page = following.read(BOOKMARK, types=_MOVES, limit=PAGE)
            moved = {one.escrow_id: one.at for one in page.events}
            told: list[NewEvent] = []
            for escrow_id, at in moved.items():
                look = _look(storage.load(escrow_id).record, moved_at=at)
                told += look.told
                due = stages.first_look(
                    look.record.state, last_activity=look.last_activity, durations=durations
                )
                if due is not None:
                    wake(deadline_key(escrow_id), at=due)
            following.keep(BOOKMARK, page.cursor)
            if told:
                append(told, at=now())
        return Again(timedelta(0) if page.more else following.LOOK_ANYWAY)

    return reconcile


def watch_deadlines(durations: Durations) -> Handler:
    """The handler of ``deadline:<escrow_id>``."""

    def reconcile(lease: Lease) -> Again | None:
        with fenced(lease):
            due = look_at(lease.key.removeprefix(DEADLINE), durations)
        return None if due is None else Again(due - now())

    return reconcile


def look_at(escrow_id: str, durations: Durations) -> datetime | None:
    """Raise what is due for one escrow; when to look again. Call inside a write transaction.

    The escrow's row is locked first, so no message comes in between the look and the alarm.
    """
    at = now()
    changed_at = _lock(escrow_id)
    look = _look(storage.load(escrow_id).record, moved_at=changed_at)
    state, incident = look.record.state, look.incident
    found = stages.judge(
        state,
        last_activity=look.last_activity,
        now=at,
        durations=durations,
        incident=_on_file(incident),
    )
    told = list(look.told)
    if found.raised is not None:
        _store(look, found.raised, at=at)
        hours = hours_stuck(last_activity=look.last_activity, now=at)
        told += telling.alarm(look.record, accounts_of(escrow_id), stage=found.raised, hours=hours)
    if told:
        append(told, at=at)
    return found.look_at


def next_alarm(
    escrow_id: str, state: State, *, changed_at: datetime, durations: Durations
) -> datetime | None:
    """When the next alarm is raised if nothing happens. No money ever moves by it."""
    row = Standing.objects.filter(pk=escrow_id).first()
    return stages.judge(
        state,
        last_activity=changed_at if row is None else row.last_activity,
        now=now(),
        durations=durations,
        incident=_on_file(open_incident(escrow_id)),
    ).look_at


def accounts_of(escrow_id: str) -> Mapping[Role, int]:
    """The parties' account ids."""
    rows = Participant.objects.filter(escrow_id=escrow_id).values_list("role", "account_id")
    found = dict(rows)
    return {role: found[role.value] for role in Role}


def open_incident(escrow_id: str) -> Incident | None:
    """The present standstill that an alarm was raised about."""
    return Incident.objects.filter(escrow_id=escrow_id, cleared_at=None).first()


def _on_file(incident: Incident | None) -> stages.Incident:
    if incident is None:
        return stages.NO_INCIDENT
    return stages.Incident(Stage(incident.stage), incident.quiet_until)


def _store(look: _Look, stage: Stage, *, at: datetime) -> None:
    if look.incident is None:
        Incident.objects.create(
            escrow_id=look.record.escrow_id,
            state=look.record.state.value,
            began_at=look.last_activity,
            stage=int(stage),
            raised_at=at,
        )
        return
    Incident.objects.filter(pk=look.incident.pk).update(
        stage=int(stage), raised_at=at, quiet_until=None
    )


def _look(record: Record, *, moved_at: datetime) -> _Look:
    """Compare the record with how far it was; what has moved begins to wait anew."""
    escrow_id, present = record.escrow_id, progress(record)
    row = Standing.objects.filter(pk=escrow_id).first()
    last_activity, moved = moved_at, row is None
    if row is not None:
        last_activity = row.last_activity
        if row.phase != NOT_LOOKED_AT and present.is_beyond(Progress(row.phase, row.rank)):
            last_activity, moved = moved_at, True
    if record.state in CLOSED:
        Standing.objects.filter(pk=escrow_id).delete()
    elif row is None or moved or row.phase == NOT_LOOKED_AT:
        Standing.objects.update_or_create(
            pk=escrow_id,
            defaults={
                "phase": present.phase,
                "rank": present.rank,
                "last_activity": last_activity,
            },
        )
    incident = open_incident(escrow_id)
    if incident is None or not moved:
        return _Look(record, last_activity, incident, ())
    Incident.objects.filter(pk=incident.pk).update(cleared_at=now(), outcome=record.state.value)
    was_case = incident.stage >= Stage.RECOVERY
    told = telling.case_closed(record, was=incident.state) if was_case else []
    return _Look(record, last_activity, None, tuple(told))


def _lock(escrow_id: str) -> datetime:
    """Lock the escrow's row; when it last changed."""
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT changed_at FROM escrows_escrow WHERE escrow_id = %s" + lock, [escrow_id]
        )
        (changed_at,) = sql.fetchone()
    return following.moment(changed_at)
