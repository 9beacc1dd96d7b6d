"""One way to write to the database, and one clock to stamp it with.

``execute`` is for the few statements that every message runs through: the driver's own cursor,
without the two layers that Django puts around it (a tenth of what a message costs).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, cast

from django.db import DEFAULT_DB_ALIAS, connections, transaction

# SQLite lets one transaction write at a time, and a second one sleeps in steps of up to 25 ms
# until the lock is free. Taking turns inside the process first wakes the next one at once.
_SQLITE_TURN = threading.RLock()


@contextmanager
def write_transaction() -> Iterator[None]:
    """Everything inside is stored together or not at all."""
    if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
        with _SQLITE_TURN, transaction.atomic():
            yield
    else:
        with transaction.atomic():
            yield


class Rows(Protocol):
    """What a statement found; the columns are as the driver gives them."""

    rowcount: int

    def fetchone(self) -> tuple[Any, ...] | None: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


def execute(statement: str, parameters: Sequence[object]) -> Rows:
    """Run one constant statement with ``%s`` for each parameter; times go through ``stamp``.

    Raises Django's database errors, as its own cursors do.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if not database.in_atomic_block:
        database.close_if_health_check_failed()
        database.ensure_connection()
    database.validate_no_broken_transaction()
    if database.vendor == "sqlite":
        statement = _with_question_marks(statement)
    with database.wrap_database_errors:
        return cast("Rows", database.connection.execute(statement, parameters))


@lru_cache(maxsize=256)
def _with_question_marks(statement: str) -> str:
    return statement.replace("%s", "?")


def stamp(moment: datetime) -> object:
    """A time as this database's driver takes it."""
    return connections[DEFAULT_DB_ALIAS].ops.adapt_datetimefield_value(moment)


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """``2026-11-23T09:30:17.000001Z``: always UTC, always six decimals."""
    # In a quarter of strftime's time: this stamps every event.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
