"""Read the log on from a bookmark: for work that must see every event once, whoever does it.

A bookmark moves in the transaction that stores what followed from the events, under a work lease.
So a follower that dies goes on from where it was, and no two follow at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from tripartite.coordinator.events import log
from tripartite.coordinator.events.log import EventType, StoredEvent
from tripartite.coordinator.events.models import Bookmark
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake

PAUSE: Final = timedelta(seconds=1)
"""Between two looks of the followers: each costs some commits, a message costs one."""

LOOK_ANYWAY: Final = timedelta(minutes=1)
"""Nodes whose clocks differ may miss a nudge; then this is how long an event waits."""


@dataclass(frozen=True, slots=True)
class Note:
    """An event, without the message it may be about."""

    cursor: int
    type: str
    escrow_id: str
    account_id: int | None
    at: datetime
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """What comes next, and the cursor to keep once it is dealt with."""

    events: Sequence[Note]
    cursor: int
    more: bool


class Nudge:
    """A tail's listener: has the followers look, soon and not too often."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._due = now()

    def __call__(self, _events: Sequence[StoredEvent]) -> None:
        """Wake them, unless a look that will see these events is still to come."""
        at = now()
        # A clock that was put back leaves a due time far ahead: that is no reason to wait for it.
        if at < self._due <= at + PAUSE:
            return
        self._due = at + PAUSE
        with write_transaction():
            for key in self._keys:
                wake(key, at=self._due)


def read(name: str, *, types: Collection[EventType], limit: int) -> Page:
    """The next events of these types after the bookmark."""
    end = log.head()
    row = Bookmark.objects.filter(pk=name).first()
    after = 0 if row is None else row.cursor
    places = ",".join(["%s"] * len(types))
    with connection.cursor() as sql:
        sql.execute(
            "SELECT cursor, type, escrow_id, account_id, at, data FROM events_event"
            f" WHERE cursor > %s AND cursor <= %s AND type IN ({places}) ORDER BY cursor LIMIT %s",
            [after, end, *(one.value for one in types), limit],
        )
        events = [
            Note(cursor, kind, escrow_id, account_id, moment(at), json.loads(data))
            for cursor, kind, escrow_id, account_id, at, data in sql.fetchall()
        ]
    more = len(events) == limit
    return Page(events, events[-1].cursor if more else max(after, end), more)


def keep(name: str, cursor: int) -> None:
    """Move the bookmark. Call in the transaction that stores what followed from the events."""
    Bookmark.objects.update_or_create(pk=name, defaults={"cursor": cursor})


def moment(value: object) -> datetime:
    """A time as it was stored: SQLite's raw rows carry text, and without a zone."""
    read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
