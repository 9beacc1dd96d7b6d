"""Walk the whole event log and find the first row that was changed, removed, added or moved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tripartite.coordinator.events.chain import GENESIS, Link, chain_hash
from tripartite.domain.errors import Tampered

_PAGE: Final = 1_000


class LogAltered(Tampered):
    """The event log was altered after it was written."""

    code: ClassVar[str] = "event_log_altered"


@dataclass(frozen=True, slots=True)
class Verified:
    """An intact log. ``hash`` stands for all of it: keep it elsewhere to prove it later."""

    events: int
    hash: str


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a check in parts has come; ``hash`` is that of event ``cursor``."""

    cursor: int
    hash: str
    at_end: bool


def verify_part(after: int, before: str, *, most: int) -> Reached:
    """Check up to ``most`` events that follow event ``after``, whose hash is ``before``.

    Takes no lock: what stood in the log when it began can't change any more. Raises
    ``LogAltered``.
    """
    # The head first: whatever is at or before it must be there.
    database = connections[DEFAULT_DB_ALIAS]
    end, end_hash = head(database)
    if end < after:
        raise LogAltered(f"The log ended at event {after} and now at {end}.", cursor=end)
    last = after
    for link, stored, envelope in _rows(database, after=after, until=min(end, after + most)):
        before = _check_link(link, stored, envelope, last=last, before=before)
        last = link.cursor
    if last < min(end, after + most):
        raise LogAltered(f"Event {last + 1} is missing.", cursor=last + 1)
    if last == end and before != end_hash:
        raise LogAltered(f"The log's head isn't the hash of event {end}.", cursor=end)
    return Reached(last, before, at_end=last == end)


def verify(*, expect: str | None = None) -> Verified:
    """Check every hash, every cursor, every stored envelope and the head row.

    Raises ``LogAltered`` naming the first cursor that doesn't fit. One who can write to the
    database can also compute a whole new chain: ``expect`` is a hash noted earlier, which must
    still be that of some event.
    """
    database = connections[DEFAULT_DB_ALIAS]
    with transaction.atomic():
        if database.vendor == "postgresql":
            with database.cursor() as sql:
                sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return walk(database, expect=expect)


def walk(database: BaseDatabaseWrapper, *, expect: str | None = None) -> Verified:
    """``verify`` for any database that nobody writes to meanwhile: a copy, or one snapshot."""
    before, last = GENESIS, 0
    met = expect in (None, GENESIS)
    for link, stored, envelope in _rows(database):
        before = _check_link(link, stored, envelope, last=last, before=before)
        last = link.cursor
        met = met or stored == expect
    if head(database) != (last, before):
        raise LogAltered(
            f"The log ends at event {last}, but its head says otherwise: events were cut off.",
            cursor=last,
        )
    if not met:
        raise LogAltered("The expected hash is nowhere in the log: it was written anew.")
    return Verified(events=last, hash=before)


def _check_link(link: Link, stored: str, envelope: str | None, *, last: int, before: str) -> str:
    """The hash of ``link``, which must follow event ``last``. Raises ``LogAltered``."""
    if link.cursor != last + 1:
        raise LogAltered(
            f"Event {last + 1} is missing: restore the database from a backup and compare.",
            cursor=last + 1,
        )
    this = chain_hash(before, link)
    if this != stored:
        raise LogAltered(
            f"Event {link.cursor} isn't what was written: restore from a backup and compare.",
            cursor=link.cursor,
        )
    _check_envelope(link, envelope)
    return this


def head(database: BaseDatabaseWrapper) -> tuple[int, str]:
    """Where the log says that it ends: the last event's cursor, and its hash."""
    with database.cursor() as sql:
        sql.execute("SELECT cursor, hash FROM events_eventhead WHERE id = 1")
        cursor, stored = sql.fetchone()
    return int(cursor), str(stored)


def _check_envelope(link: Link, envelope: str | None) -> None:
    """An event about a message names that message's digest; the mailbox must still hold it."""
    if link.position is None:
        return
    digest = json.loads(link.data)["digest"]
    if envelope is None or hashlib.sha256(envelope.encode()).hexdigest() != digest:
        raise LogAltered(
            f"The message of event {link.cursor} was changed or removed from the mailbox.",
            cursor=link.cursor,
        )


def _rows(
    database: BaseDatabaseWrapper, *, after: int = 0, until: int | None = None
) -> Iterator[tuple[Link, str, str | None]]:
    end = 2**63 - 1 if until is None else until
    while True:
        with database.cursor() as sql:
            sql.execute(
                "SELECT e.cursor, e.type, e.escrow_id, e.account_id, e.position, e.at, e.data,"
                " e.hash, m.text FROM events_event e LEFT JOIN relay_message m"
                " ON m.escrow_id = e.escrow_id AND m.position = e.position"
                " WHERE e.cursor > %s AND e.cursor <= %s ORDER BY e.cursor LIMIT %s",
                [after, end, _PAGE],
            )
            rows = sql.fetchall()
        for *columns, stored, envelope in rows:
            yield Link(*columns), stored, envelope
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]
