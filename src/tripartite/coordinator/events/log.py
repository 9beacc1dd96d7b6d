"""Append to the event log, and read it from a cursor on.

Every writer locks the one head row until it commits. So cursors come without gaps and in commit
order, and a reader that has seen cursor n can never miss a smaller one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.dispatch import Signal

from tripartite.coordinator.events.chain import Link, chain_hash
from tripartite.coordinator.storing import execute, rfc3339
from tripartite.domain.lifecycle import PAID_OUT, Event, Step
from tripartite.protocol.record import Record

CHANNEL: Final = "tripartite_events"
"""PostgreSQL channel on which a commit wakes the tails of other processes."""

appended = Signal()
"""Sent after a commit that added ``events``, which the tail of this process then needn't read."""

Value = str | int | bool | list[str] | None

ADMINS: Final = 0
"""As an event's ``account_id``: for admins and nobody else. Accounts count from 1."""


class EventType(StrEnum):
    """What can stand in the log."""

    MESSAGE_RELAYED = "MessageRelayed"
    MESSAGE_REFUSED = "MessageRefused"
    ESCROW_STATUS_CHANGED = "EscrowStatusChanged"
    DISPUTE_OPENED = "DisputeOpened"
    DISPUTE_RESOLVED = "DisputeResolved"
    TRANSACTION_SEEN = "TransactionSeen"
    TRANSACTION_CONFIRMED = "TransactionConfirmed"
    TRANSACTION_VANISHED = "TransactionVanished"
    TRANSACTION_STUCK = "TransactionStuck"
    TRANSACTION_RETRY_REQUESTED = "TransactionRetryRequested"
    MANUAL_RECOVERY_REQUIRED = "ManualRecoveryRequired"
    RECOVERY_ACTION_TAKEN = "RecoveryActionTaken"
    RECOVERY_CASE_CLOSED = "RecoveryCaseClosed"
    ARBITER_CONTACTED = "ArbiterContacted"
    VOTE_REQUESTED = "VoteRequested"
    RECOMMENDATION_MADE = "RecommendationMade"
    AGENT_OFFLINE = "AgentOffline"
    TRANSACTION_ELSEWHERE = "TransactionElsewhere"
    MAINTENANCE_BEGUN = "MaintenanceBegun"
    MAINTENANCE_ENDED = "MaintenanceEnded"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be stored. ``account_id`` narrows who may see it.

    ``envelope`` is the text of the message it is about, which the mailbox keeps, not the log.
    """

    type: EventType
    escrow_id: str
    data: Mapping[str, Value]
    position: int | None = None
    account_id: int | None = None
    envelope: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event read back, with the envelope it is about (if any)."""

    cursor: int
    type: str
    escrow_id: str
    account_id: int | None
    at: str
    data: str
    position: int | None
    envelope: str | None

    def to_json(self) -> dict[str, object]:
        """The event as readers get it (API.md, "Event")."""
        data: dict[str, object] = json.loads(self.data)
        if self.envelope is not None:
            data |= {"position": self.position, "envelope": self.envelope}
        return {
            "cursor": self.cursor,
            "type": self.type,
            "escrow_id": self.escrow_id,
            "at": self.at,
            "data": data,
        }


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: an account sees its own escrows' events, an admin also refusals and its own."""

    account_id: int
    is_admin: bool


def status_changes(escrow_id: str, steps: Sequence[Step]) -> list[NewEvent]:
    """One event per lifecycle step."""
    return [
        NewEvent(
            EventType.ESCROW_STATUS_CHANGED,
            escrow_id,
            {"from": step.before.value, "event": step.event.value, "to": step.after.value},
        )
        for step in steps
    ]


def dispute_events(after: Record, steps: Sequence[Step]) -> list[NewEvent]:
    """A dispute that these steps opened, or brought to its final end."""
    told: list[NewEvent] = []
    by = after.disputed_by
    for step in steps:
        if step.event is Event.DISPUTE_OPENED and by is not None:
            told.append(
                NewEvent(EventType.DISPUTE_OPENED, after.escrow_id, {"opened_by": by.value})
            )
        elif step.after in PAID_OUT and by is not None:
            facts = {"opened_by": by.value, "outcome": step.after.value}
            told.append(NewEvent(EventType.DISPUTE_RESOLVED, after.escrow_id, facts))
    return told


_HEAD: Final = "SELECT cursor, hash FROM events_eventhead WHERE id = 1"
_LOCK_HEAD: Final = _HEAD + " FOR UPDATE"
_INSERT: Final = (
    "INSERT INTO events_event"
    " (cursor, type, escrow_id, account_id, position, at, data, hash) VALUES "
)
_PLACES: Final = "(%s,%s,%s,%s,%s,%s,%s,%s)"
_encode: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, default=dict).encode


def append(events: Sequence[NewEvent], *, at: datetime) -> int:
    """Add ``events`` at the end of the log and return the last cursor.

    Call inside a write transaction, as its last step: the head row stays locked until the commit.
    """
    database = connections[DEFAULT_DB_ALIAS]
    postgresql = database.vendor == "postgresql"
    found = execute(_LOCK_HEAD if postgresql else _HEAD, ()).fetchone()
    assert found is not None, "a migration makes the head row"
    last, before = found
    moment = rfc3339(at)
    rows: list[Value] = []
    stored: list[StoredEvent] = []
    for event in events:
        last += 1
        data = _encode(event.data)
        link = Link(
            cursor=last,
            type=event.type.value,
            escrow_id=event.escrow_id,
            account_id=event.account_id,
            position=event.position,
            at=moment,
            data=data,
        )
        before = chain_hash(before, link)
        rows += [
            last, link.type, link.escrow_id, link.account_id, link.position, moment, data, before
        ]  # fmt: skip  # one line per row of the table
        stored.append(
            StoredEvent(
                last, link.type, link.escrow_id, link.account_id, moment, data, link.position,
                event.envelope,
            )
        )  # fmt: skip  # as the row above
    execute(_INSERT + ",".join([_PLACES] * len(events)), rows)
    execute("UPDATE events_eventhead SET cursor = %s, hash = %s WHERE id = 1", (last, before))
    if postgresql:
        execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(last)))
    database.on_commit(lambda: _tell(stored))
    return int(last)


def head() -> int:
    """The last cursor; 0 while the log is empty."""
    with connection.cursor() as sql:
        sql.execute("SELECT cursor FROM events_eventhead WHERE id = 1")
        return int(sql.fetchone()[0])


_COLUMNS: Final = (
    "SELECT e.cursor, e.type, e.escrow_id, e.account_id, e.at, e.data, e.position, m.text"
    " FROM events_event e LEFT JOIN relay_message m"
    " ON m.escrow_id = e.escrow_id AND m.position = e.position"
    " WHERE e.cursor > %s"
)


def read_all(after: int, *, limit: int) -> list[StoredEvent]:
    """The next events of everybody, for the tail."""
    with connection.cursor() as sql:
        sql.execute(_COLUMNS + " ORDER BY e.cursor LIMIT %s", [after, limit])
        return [StoredEvent(*row) for row in sql.fetchall()]


def read_for(reader: Reader, after: int, *, limit: int) -> tuple[list[StoredEvent], int]:
    """The next events that ``reader`` may see, and the cursor to go on from.

    The cursor may be past the last event returned: everything up to it has been looked at.
    """
    end = head()
    with connection.cursor() as sql:
        sql.execute(
            _COLUMNS + " AND e.cursor <= %s AND ("
            " e.account_id = %s"
            " OR (e.account_id IS NULL AND e.escrow_id IN"
            "     (SELECT escrow_id FROM escrows_participant WHERE account_id = %s))"
            " OR (%s AND (e.type = %s OR e.account_id = %s)))"
            " ORDER BY e.cursor LIMIT %s",
            [
                after,
                end,
                reader.account_id,
                reader.account_id,
                reader.is_admin,
                EventType.MESSAGE_REFUSED.value,
                ADMINS,
                limit,
            ],
        )
        events = [StoredEvent(*row) for row in sql.fetchall()]
    if len(events) == limit:
        return events, events[-1].cursor
    return events, max(after, end)


def may_see(reader: Reader, event: StoredEvent, parties: Callable[[str], frozenset[int]]) -> bool:
    """The same rule as in ``read_for``, for one event at hand."""
    if event.account_id is None:
        return reader.account_id in parties(event.escrow_id)
    if event.account_id == reader.account_id:
        return True
    return reader.is_admin and (
        event.type == EventType.MESSAGE_REFUSED or event.account_id == ADMINS
    )


def _tell(events: Sequence[StoredEvent]) -> None:
    appended.send(sender=None, events=events)
