"""Many open escrows in a PostgreSQL database: copies of one, with all that belongs to it.

Only the event log has nothing of them: it is a chain of hashes.
"""

from __future__ import annotations

from typing import Final

import psycopg

Database = psycopg.Connection[tuple[object, ...]]

# Which columns of a copy differ, and how; %(old)s is the original's.
_NEW: Final = "md5('copy-' || n)"
_COPIED: Final[dict[str, dict[str, str]]] = {
    "escrows_escrow": {
        "escrow_id": _NEW,
        "snapshot": f"replace(snapshot, %(old)s, {_NEW})",
    },
    "escrows_participant": {"id": "nextval('escrows_participant_id_seq')", "escrow_id": _NEW},
    "recovery_standing": {"escrow_id": _NEW},
    "relay_message": {"escrow_id": _NEW},
    "work_workitem": {"key": f"replace(key, %(old)s, {_NEW})"},
}


def copy_escrow(database: Database, escrow_id: str, *, first: int, last: int) -> None:
    """Copies with the numbers from ``first`` to ``last``, which nobody may have had before."""
    for table, changed in _COPIED.items():
        _copy(database, table, changed, escrow_id, (first, last))


def _copy(
    database: Database, table: str, changed: dict[str, str], old: str, numbers: tuple[int, int]
) -> None:
    found = database.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    ).fetchall()
    columns = [str(name) for (name,) in found]
    values = [changed.get(name, name) for name in columns]
    where = (
        "key LIKE '%%' || %(old)s || '%%'" if table == "work_workitem" else "escrow_id = %(old)s"
    )
    names = ", ".join(columns)
    database.execute(
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {', '.join(values)}"
        f" FROM {table}, generate_series(%(first)s::int, %(last)s::int) AS n WHERE {where}".encode(),
        {"old": old, "first": numbers[0], "last": numbers[1]},
    )
