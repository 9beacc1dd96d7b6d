"""What a database holds, in figures: two databases with the same ones hold the same record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from tripartite.coordinator.events import audit
from tripartite.coordinator.setting_values import Database
from tripartite.coordinator.settings import databases
from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json

_OURS: Final = "events_eventhead"


class NoCoordinatorThere(Refused):
    """This database holds no coordinator's tables."""

    code: ClassVar[str] = "no_coordinator_there"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Rows of each table, and where the event log ends (``hash`` stands for all of it)."""

    rows: Mapping[str, int]
    events: int
    hash: str

    @property
    def escrows(self) -> int:
        return self.rows.get("escrows_escrow", 0)

    def differences(self, other: Inventory) -> list[str]:
        """The tables whose rows differ in number, and ``event log`` if that ends elsewhere."""
        found = [
            table
            for table in sorted({*self.rows, *other.rows})
            if self.rows.get(table) != other.rows.get(table)
        ]
        same_log = (self.events, self.hash) == (other.events, other.hash)
        return found if same_log else [*found, "event log"]

    def to_json(self) -> dict[str, Json]:
        """As the manifest has it."""
        return {"rows": dict(self.rows), "events": self.events, "hash": self.hash}

    @classmethod
    def of_json(cls, content: Json) -> Inventory | None:
        """Read back; None for another form."""
        match content:
            case {"rows": dict(rows), "events": int(events), "hash": str(text)}:
                return cls({table: int(str(n)) for table, n in rows.items()}, events, text)
        return None


@contextmanager
def connected(database: Database) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own to any database, closed at the end."""
    connection = ConnectionHandler(databases(database))["default"]
    try:
        yield connection
    finally:
        connection.close()


def tables(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of all tables, sorted."""
    return sorted(connection.introspection.table_names())


def take_inventory(connection: BaseDatabaseWrapper) -> Inventory:
    """Count everything. Of one moment if the caller holds a snapshot.

    Raises ``NoCoordinatorThere``.
    """
    found = tables(connection)
    if _OURS not in found:
        raise NoCoordinatorThere("Check TRIPARTITE_DATABASE_URL.")
    rows: dict[str, int] = {}
    with connection.cursor() as sql:
        for table in found:
            sql.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")
            rows[table] = int(sql.fetchone()[0])
    return Inventory(rows, *audit.head(connection))


def prove(connection: BaseDatabaseWrapper, expected: Inventory) -> list[str]:
    """What differs from ``expected``; nothing else but an intact log gets here.

    Raises ``LogAltered``, ``NoCoordinatorThere``.
    """
    found = take_inventory(connection)
    audit.walk(connection, expect=expected.hash)
    return expected.differences(found)
