"""Wake a key, take the next one, and hand it back. Every write is fenced by the lease's epoch.

A key is only a name for "look at this again": several wake-ups before a look are one look, and a
wake-up during a look causes one more. A runner that dies loses its lease when it runs out; the
next taker has a higher epoch, and whatever the dead one still tries to write is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from django.db import connection, transaction
from django.dispatch import Signal

from tripartite.coordinator.storing import write_transaction
from tripartite.domain.errors import Unavailable

woken = Signal()
"""Sent after a commit that made work due: a hint to the runner of this process."""

LEASE: Final = timedelta(seconds=60)
"""Longest time one look may take. Node calls time out well before."""

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=5)


class LeaseLost(Unavailable):
    """Another runner has taken over this work."""

    code: ClassVar[str] = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on ``key`` for a while. ``epoch`` proves it in every write."""

    key: str
    epoch: int
    generation: int
    failures: int


def wake(key: str, *, at: datetime) -> None:
    """Have ``key`` looked at, at ``at`` or earlier. Call inside the transaction of the cause."""
    with connection.cursor() as sql:
        sql.execute(
            "INSERT INTO work_workitem (key, due, generation, epoch, failures, last_error)"
            " VALUES (%s, %s, 1, 0, 0, '')"
            " ON CONFLICT (key) DO UPDATE SET generation = work_workitem.generation + 1,"
            " due = CASE WHEN work_workitem.due < excluded.due"
            "            THEN work_workitem.due ELSE excluded.due END",
            [key, _stamp(at)],
        )
    transaction.on_commit(_hint)


def take(*, at: datetime, lease: timedelta = LEASE) -> Lease | None:
    """The next due key, now leased to the caller; None when nothing is due."""
    if not _anything_due(at):
        return None
    skip = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with write_transaction(), connection.cursor() as sql:
        sql.execute(
            "UPDATE work_workitem SET lease_until = %s, epoch = epoch + 1 WHERE key ="
            " (SELECT key FROM work_workitem"
            "  WHERE due <= %s AND (lease_until IS NULL OR lease_until <= %s)"
            f"  ORDER BY due LIMIT 1{skip})"
            " RETURNING key, epoch, generation, failures",
            [_stamp(at + lease), _stamp(at), _stamp(at)],
        )
        row = sql.fetchone()
    return None if row is None else Lease(*row)


@contextmanager
def fenced(lease: Lease) -> Iterator[None]:
    """A write transaction that only the present holder can make. Raises ``LeaseLost``.

    The lease is checked, and locked, just before the commit: escrow, log, work is the order in
    which every transaction locks, so no two can wait for each other.
    """
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    with write_transaction():
        yield
        with connection.cursor() as sql:
            sql.execute("SELECT epoch FROM work_workitem WHERE key = %s" + lock, [lease.key])
            row = sql.fetchone()
        if row is None or row[0] != lease.epoch:
            raise LeaseLost(f"{lease.key}: another runner holds it by now.")


def finish(lease: Lease, *, again_at: datetime | None) -> None:
    """Hand the key back after a successful look. Raises ``LeaseLost``.

    ``again_at`` None: no need to look until woken. A wake-up that came meanwhile keeps it due.
    """
    with fenced(lease), connection.cursor() as sql:
        sql.execute(
            "UPDATE work_workitem SET lease_until = NULL, failures = 0, last_error = '',"
            " due = CASE WHEN generation = %s THEN %s ELSE due END WHERE key = %s",
            [lease.generation, None if again_at is None else _stamp(again_at), lease.key],
        )


def fail(lease: Lease, *, at: datetime, error: str) -> None:
    """Hand the key back after a failed look; the pause doubles each time. Raises ``LeaseLost``."""
    pause = min(FIRST_PAUSE * 2 ** min(lease.failures, 16), LONGEST_PAUSE)
    with fenced(lease), connection.cursor() as sql:
        sql.execute(
            "UPDATE work_workitem SET lease_until = NULL, failures = failures + 1,"
            " last_error = %s, due = %s WHERE key = %s",
            [error[:200], _stamp(at + pause), lease.key],
        )


def next_due() -> datetime | None:
    """When the earliest key that nobody works on is due.

    What is leased is left out: should its holder die, it is found by the next look after the
    lease. So the index on due times answers, whatever waits behind.
    """
    with connection.cursor() as sql:
        sql.execute(
            "SELECT due FROM work_workitem WHERE due IS NOT NULL AND lease_until IS NULL"
            " ORDER BY due LIMIT 1"
        )
        row = sql.fetchone()
    if row is None:
        return None
    due: datetime = row[0]
    # Raw rows of SQLite carry times without their zone.
    return due.replace(tzinfo=UTC) if due.tzinfo is None else due


def _anything_due(at: datetime) -> bool:
    """A look without the write lock: an idle runner must not disturb anybody."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT 1 FROM work_workitem"
            " WHERE due <= %s AND (lease_until IS NULL OR lease_until <= %s) LIMIT 1",
            [_stamp(at), _stamp(at)],
        )
        return sql.fetchone() is not None


def _stamp(moment: datetime) -> str | None:
    # Typed as text; on PostgreSQL it is the datetime itself. Either goes straight into a query.
    return connection.ops.adapt_datetimefield_value(moment)


def _hint() -> None:
    woken.send(sender=None)
