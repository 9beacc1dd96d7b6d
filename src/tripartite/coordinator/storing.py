"""One way to write to the database, and one clock to stamp it with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import connection, transaction

# SQLite lets one transaction write at a time, and a second one sleeps in steps of up to 25 ms
# until the lock is free. Taking turns inside the process first wakes the next one at once.
_SQLITE_TURN = threading.RLock()


@contextmanager
def write_transaction() -> Iterator[None]:
    """Everything inside is stored together or not at all."""
    if connection.vendor == "sqlite":
        with _SQLITE_TURN, transaction.atomic():
            yield
    else:
        with transaction.atomic():
            yield


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """``2026-11-23T09:30:17.000001Z``: always UTC, always six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
