"""Have the database itself count escrows per state, in the transaction that changes the state.

Counting a million rows takes longer than a scrape may. Triggers are right whoever writes, and
cost a writer two small updates only when a state changes.

On PostgreSQL they run at the commit: by then the writer holds the event log's head row, so no two
writers wait for each other's counts, and none holds a count for longer than its own commit. SQLite
has one writer at a time anyway.
"""

from __future__ import annotations

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.operations import RunPython
from django.db.migrations.state import StateApps

from tripartite.domain.lifecycle import State

_COUNTS: Final = "metrics_escrowcount"
_ESCROWS: Final = "escrows_escrow"
_NAMES: Final = ("counts_a_new_escrow", "counts_a_changed_escrow", "counts_a_removed_escrow")

_ENTER: Final = (
    f"UPDATE {_COUNTS} SET number = number + 1, entered = entered + 1 WHERE state = NEW.state;"
)
_LEAVE: Final = f"UPDATE {_COUNTS} SET number = number - 1 WHERE state = OLD.state;"

_POSTGRESQL: Final = f"""
CREATE OR REPLACE FUNCTION count_escrows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.state = OLD.state THEN RETURN NULL; END IF;
    IF TG_OP <> 'INSERT' THEN {_LEAVE} END IF;
    IF TG_OP <> 'DELETE' THEN {_ENTER} END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS {_NAMES[0]} ON {_ESCROWS};
DROP TRIGGER IF EXISTS {_NAMES[1]} ON {_ESCROWS};
CREATE CONSTRAINT TRIGGER {_NAMES[0]} AFTER INSERT OR DELETE ON {_ESCROWS}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_escrows();
CREATE CONSTRAINT TRIGGER {_NAMES[1]} AFTER UPDATE ON {_ESCROWS}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION count_escrows();
"""

_SQLITE: Final = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in _NAMES),
    f"CREATE TRIGGER {_NAMES[0]} AFTER INSERT ON {_ESCROWS} BEGIN {_ENTER} END",
    (
        f"CREATE TRIGGER {_NAMES[1]} AFTER UPDATE OF state ON {_ESCROWS}"
        f" WHEN NEW.state <> OLD.state BEGIN {_LEAVE} {_ENTER} END"
    ),
    f"CREATE TRIGGER {_NAMES[2]} AFTER DELETE ON {_ESCROWS} BEGIN {_LEAVE} END",
)


def count_from_now_on() -> RunPython:
    """The migration step: triggers, and the counts of what is there already."""

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        with editor.connection.cursor() as sql:
            _install(sql, editor.connection.vendor)
            _recount(sql)

    def backwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        # Before the table they write to goes.
        for name in _NAMES:
            on = f" ON {_ESCROWS}" if editor.connection.vendor == "postgresql" else ""
            editor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")

    return RunPython(forwards, backwards, elidable=False)


def mend_counts(connection: BaseDatabaseWrapper) -> None:
    """Put back triggers that a rebuilt table has lost. Call after every migration.

    Django alters some tables on SQLite by copying, dropping and renaming them, and a trigger goes
    with its table. Nothing is done when they are there.
    """
    if connection.vendor != "sqlite":
        return
    tables = set(connection.introspection.table_names())
    if not {_COUNTS, _ESCROWS} <= tables:
        return
    with connection.cursor() as sql:
        sql.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        if set(_NAMES) <= {row[0] for row in sql.fetchall()}:
            return
        _install(sql, connection.vendor)
        _recount(sql)


def _install(sql: CursorWrapper, vendor: str) -> None:
    if vendor == "postgresql":
        # Nobody may change a state between the counting and the first trigger.
        sql.execute(f"LOCK TABLE {_ESCROWS} IN SHARE ROW EXCLUSIVE MODE")
        sql.execute(_POSTGRESQL)
        return
    for statement in _SQLITE:
        sql.execute(statement)


def _recount(sql: CursorWrapper) -> None:
    """Count once; ``entered`` never falls below what it was.

    How often the states before the end were entered isn't on record, but for disputes, whose
    openings are in the event log.
    """
    for state in State:
        sql.execute(
            f"INSERT INTO {_COUNTS} (state, number, entered) VALUES (%s, 0, 0)"
            " ON CONFLICT (state) DO NOTHING",
            [state.value],
        )
    sql.execute(
        f"UPDATE {_COUNTS} SET number ="
        f" (SELECT COUNT(*) FROM {_ESCROWS} WHERE {_ESCROWS}.state = {_COUNTS}.state)"
    )
    sql.execute(f"UPDATE {_COUNTS} SET entered = number WHERE entered < number")
    sql.execute("SELECT COUNT(*) FROM events_event WHERE type = 'DisputeOpened'")
    opened = sql.fetchone()[0]
    sql.execute(
        f"UPDATE {_COUNTS} SET entered = %s WHERE state = %s AND entered < %s",
        [opened, State.DISPUTED.value, opened],
    )
