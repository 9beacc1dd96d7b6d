"""Walk the whole event log and find the first row that was changed, removed, added or moved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from django.db import connection, transaction

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


def verify(*, expect: str | None = None) -> Verified:
    """Check every hash, every cursor, every stored envelope and the head row.

    Raises ``LogAltered`` naming the first cursor that doesn't fit. One who can write to the
    database can also compute a whole new chain: ``expect`` is a hash noted earlier, which must
    still be that of some event.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as sql:
                sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _verify(expect)


def _verify(expect: str | None) -> Verified:
    before, last = GENESIS, 0
    met = expect in (None, GENESIS)
    for link, stored, envelope in _rows():
        if link.cursor != last + 1:
            raise LogAltered(
                f"Event {last + 1} is missing: restore the database from a backup and compare.",
                cursor=last + 1,
            )
        before = chain_hash(before, link)
        if before != stored:
            raise LogAltered(
                f"Event {link.cursor} isn't what was written: restore from a backup and compare.",
                cursor=link.cursor,
            )
        _check_envelope(link, envelope)
        last = link.cursor
        met = met or stored == expect
    with connection.cursor() as sql:
        sql.execute("SELECT cursor, hash FROM events_eventhead WHERE id = 1")
        head = sql.fetchone()
    if head != (last, before):
        raise LogAltered(
            f"The log ends at event {last}, but its head says otherwise: events were cut off.",
            cursor=last,
        )
    if not met:
        raise LogAltered("The expected hash is nowhere in the log: it was written anew.")
    return Verified(events=last, hash=before)


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


def _rows() -> Iterator[tuple[Link, str, str | None]]:
    after = 0
    while True:
        with connection.cursor() as sql:
            sql.execute(
                "SELECT e.cursor, e.type, e.escrow_id, e.account_id, e.position, e.at, e.data,"
                " e.hash, m.text FROM events_event e LEFT JOIN relay_message m"
                " ON m.escrow_id = e.escrow_id AND m.position = e.position"
                " WHERE e.cursor > %s ORDER BY e.cursor LIMIT %s",
                [after, _PAGE],
            )
            rows = sql.fetchall()
        for *columns, stored, envelope in rows:
            yield Link(*columns), stored, envelope
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]
