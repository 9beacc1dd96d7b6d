"""Load and store records, each write guarded by the version it was decided on."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from tripartite.coordinator.escrows.errors import EscrowUnknown
from tripartite.coordinator.escrows.models import Escrow, Participant
from tripartite.coordinator.storing import execute, stamp
from tripartite.domain.parties import Role
from tripartite.protocol import snapshot as snapshots
from tripartite.protocol.record import Record


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was read, and the version that a write must still find."""

    record: Record
    version: int
    last_position: int


class _Parsed:
    """The latest records, so that the next message needn't parse its escrow's snapshot.

    Bounded, and only a shortcut: what isn't here is parsed again. An entry counts only for the very
    snapshot it stands for, so one whose transaction was given up harms nobody.
    """

    LIMIT: Final = 256

    def __init__(self) -> None:
        self._records: OrderedDict[str, tuple[int, str, Record]] = OrderedDict()

    def get(self, escrow_id: str, version: int, snapshot: str) -> Record | None:
        kept = self._records.get(escrow_id)
        return kept[2] if kept is not None and kept[:2] == (version, snapshot) else None

    def put(self, version: int, snapshot: str, record: Record) -> None:
        self._records[record.escrow_id] = (version, snapshot, record)
        self._records.move_to_end(record.escrow_id)
        if len(self._records) > self.LIMIT:
            self._records.popitem(last=False)


_parsed: Final = _Parsed()
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def load(escrow_id: str) -> Seen:
    """The present record. Raises ``EscrowUnknown``."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT version, last_position, snapshot FROM escrows_escrow WHERE escrow_id = %s",
            [escrow_id],
        )
        row = sql.fetchone()
    if row is None:
        raise EscrowUnknown("Check the id.")
    version, last_position, snapshot = row
    return Seen(record_of(escrow_id, version, snapshot), version, last_position)


def load_for(account_id: int, escrow_id: str) -> tuple[Role, Seen]:
    """The account's role and the present record.

    Raises ``EscrowUnknown`` also for an escrow of others: strangers can't find out which exist.
    """
    row = execute(
        "SELECT p.role, e.version, e.last_position, e.snapshot"
        " FROM escrows_participant p JOIN escrows_escrow e ON e.escrow_id = p.escrow_id"
        " WHERE p.escrow_id = %s AND p.account_id = %s",
        [escrow_id, account_id],
    ).fetchone()
    if row is None:
        raise EscrowUnknown("Check the id, and that this account takes part in the escrow.")
    role, version, last_position, snapshot = row
    return Role(role), Seen(record_of(escrow_id, version, snapshot), version, last_position)


def store(seen: Seen, record: Record, *, position: int, at: datetime) -> bool:
    """Write ``record`` if the escrow is still as seen. False: somebody was faster.

    Call inside a write transaction.
    """
    snapshot = snapshot_of(record)
    _parsed.put(seen.version + 1, snapshot, record)
    done = execute(
        "UPDATE escrows_escrow SET state = %s, version = %s, contract_id = %s,"
        " snapshot = %s, last_position = %s, changed_at = %s"
        " WHERE escrow_id = %s AND version = %s",
        [
            record.state.value,
            seen.version + 1,
            record.contract_id,
            snapshot,
            position,
            stamp(at),
            record.escrow_id,
            seen.version,
        ],
    )
    return done.rowcount == 1


def create(record: Record, *, at: datetime) -> None:
    """Insert a new escrow at version 1 with one message."""
    terms = record.agreement.terms
    snapshot = snapshot_of(record)
    _parsed.put(1, snapshot, record)
    Escrow.objects.create(
        escrow_id=record.escrow_id,
        state=record.state.value,
        version=1,
        contract_id=record.contract_id,
        network=terms.network.value,
        amount=terms.amount,
        snapshot=snapshot,
        last_position=1,
        created_at=at,
        changed_at=at,
    )


def snapshot_of(record: Record) -> str:
    """The record's JSON, compact."""
    return _encode(snapshots.to_json(record))


def record_of(escrow_id: str, version: int, snapshot: str) -> Record:
    """The record in ``snapshot``, an escrow's latest."""
    record = _parsed.get(escrow_id, version, snapshot)
    if record is None:
        record = snapshots.from_json(json.loads(snapshot))
        _parsed.put(version, snapshot, record)
    return record


def exists(escrow_id: str) -> bool:
    """Whether there is such an escrow, whoever takes part in it."""
    return Escrow.objects.filter(pk=escrow_id).exists()


def require_party(account_id: int, escrow_id: str) -> None:
    """Raises ``EscrowUnknown`` unless the account takes part in the escrow."""
    if not Participant.objects.filter(escrow_id=escrow_id, account_id=account_id).exists():
        raise EscrowUnknown("Check the id, and that this account takes part in the escrow.")
