"""Copies of a whole database: taken while others write, put into an empty place, put back.

SQLite by its own online backup; PostgreSQL by ``pg_dump`` and ``pg_restore`` of its packages.
Either copy is of the very moment in which its inventory was taken.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

import django.db
from django.db.backends.base.base import BaseDatabaseWrapper

from tripartite.coordinator.ops.backup.inventory import (
    Inventory,
    connected,
    tables,
    take_inventory,
)
from tripartite.coordinator.setting_values import Database
from tripartite.domain.errors import Refused, Unavailable

NAMES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
"""What a copy is called, by the engine."""

# Everything that is ours in the schema that we use; one transaction with what comes after it.
_CLEAR: Final = """
DO $$ DECLARE one text; BEGIN
FOR one IN
    SELECT format('DROP TABLE %I.%I CASCADE', schemaname, tablename)
        FROM pg_tables WHERE schemaname = current_schema()
    UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %I.%I CASCADE', schemaname, sequencename)
        FROM pg_sequences WHERE schemaname = current_schema()
    UNION ALL SELECT format('DROP ROUTINE %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
LOOP EXECUTE one; END LOOP; END $$
"""


class ProgramMissing(Unavailable):
    """A program of PostgreSQL isn't installed here."""

    code: ClassVar[str] = "postgresql_program_missing"


class CopyFailed(Unavailable):
    """The database couldn't be copied."""

    code: ClassVar[str] = "database_copy_failed"


class ScratchRefused(Refused):
    """No database to try a backup in may be made here."""

    code: ClassVar[str] = "scratch_database_refused"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a database in a file of its own, and what it holds."""

    engine: str
    file: Path
    inventory: Inventory


def take_copy(database: Database, directory: Path) -> Copy:
    """Copy it as it is at this moment; whoever reads and writes goes on.

    Raises ``CopyFailed``, ``ProgramMissing``, ``NoCoordinatorThere``.
    """
    file = directory / NAMES[database.engine]
    if database.path is not None and not database.path.exists():
        raise CopyFailed("The database file isn't there. Check TRIPARTITE_DATABASE_URL.")
    try:
        with connected(database) as connection, connection.cursor() as sql:
            if database.engine == "sqlite":
                # The backup reads from the transaction that the inventory was taken in.
                sql.execute("BEGIN")
                inventory = take_inventory(connection)
                _copy_sqlite(connection, file)
            else:
                sql.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                sql.execute("SELECT pg_export_snapshot()")
                snapshot = str(sql.fetchone()[0])
                inventory = take_inventory(connection)
                _run(
                    database, "pg_dump", "--format=custom", "--no-owner", "--no-privileges",
                    f"--snapshot={snapshot}", f"--file={file}",
                )  # fmt: skip  # one command line
            sql.execute("ROLLBACK")
    except django.db.Error as error:
        raise CopyFailed("Check TRIPARTITE_DATABASE_URL and that it runs.") from error
    file.chmod(0o600)
    return Copy(database.engine, file, inventory)


@contextmanager
def scratch(copy: Copy, database: Database) -> Iterator[BaseDatabaseWrapper]:
    """The copy as a database that nobody else knows, beside ``database``; gone afterwards.

    Raises ``ScratchRefused``, ``CopyFailed``, ``ProgramMissing``.
    """
    if copy.engine == "sqlite":
        with connected(Database("sqlite", path=copy.file)) as connection:
            yield connection
        return
    name = f"tripartite_scratch_{secrets.token_hex(6)}"
    with connected(database) as maintenance, maintenance.cursor() as sql:
        try:
            sql.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        except django.db.Error as error:
            raise ScratchRefused(
                f"A backup is proved in a database beside yours: ALTER ROLE {database.user} CREATEDB."
            ) from error
        try:
            beside = replace(database, name=name)
            fill(beside, copy)
            with connected(beside) as connection:
                yield connection
        finally:
            sql.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def is_empty(database: Database) -> bool:
    """Whether nothing would be overwritten there. Raises ``CopyFailed``."""
    if database.path is not None:
        # The journal of another database beside a restored one would be played into it.
        return not any(
            database.path.with_name(database.path.name + end).exists()
            for end in ("", "-wal", "-shm", "-journal")
        )
    try:
        with connected(database) as connection:
            return not tables(connection)
    except django.db.Error as error:
        raise CopyFailed("Make the empty database first: see createdb(1).") from error


def fill(database: Database, copy: Copy) -> None:
    """Put a copy into an empty PostgreSQL database: all of it, or nothing.

    Raises ``CopyFailed``, ``ProgramMissing``.
    """
    _run(
        database, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner",
        "--no-privileges", f"--dbname={database.name}", str(copy.file),
    )  # fmt: skip  # one command line


def put_back(database: Database, copy: Copy) -> None:
    """Make a database again what it was when it was copied: all of it, or nothing.

    Raises ``CopyFailed``, ``ProgramMissing``.
    """
    if database.path is not None:
        try:
            with (
                closing(sqlite3.connect(copy.file)) as source,
                closing(sqlite3.connect(database.path)) as target,
            ):
                source.backup(target)
        except sqlite3.Error as error:
            raise CopyFailed(f"SQLite says: {error}.") from error
        return
    script = copy.file.with_suffix(".sql")
    _run(database, "pg_restore", "--no-owner", "--no-privileges", f"--file={script}", copy.file)
    _run(
        database, "psql", "--no-psqlrc", "--quiet", "--single-transaction",
        "--set=ON_ERROR_STOP=1", f"--command={_CLEAR}", f"--file={script}",
    )  # fmt: skip  # one command line


def others_are_connected(database: Database) -> bool:
    """Whether anybody else has the database open. This process's connections count, too."""
    if database.path is None:
        with connected(database) as connection, connection.cursor() as sql:
            sql.execute(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return bool(sql.fetchone()[0])
    # Whoever has a database in WAL mode open holds a lock that shuts this one out.
    with closing(sqlite3.connect(database.path, timeout=0, isolation_level=None)) as file:
        try:
            file.execute("PRAGMA locking_mode=EXCLUSIVE")
            file.execute("BEGIN EXCLUSIVE")
            file.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def _copy_sqlite(connection: BaseDatabaseWrapper, file: Path) -> None:
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(file)) as target:
            connection.connection.backup(target)
    except sqlite3.Error as error:
        raise CopyFailed(f"SQLite says: {error}.") from error


def _run(database: Database, program: str, *arguments: str | Path) -> None:
    """Login and names go by the environment: arguments can be read by anybody on the machine."""
    path = shutil.which(program)
    if path is None:
        raise ProgramMissing(f"{program} isn't here: apt install postgresql-client.")
    where = {
        "PGHOST": database.host,
        "PGPORT": str(database.port or ""),
        "PGUSER": database.user,
        "PGPASSWORD": database.password.reveal(),
        "PGDATABASE": database.name,
    }
    done = subprocess.run(
        [path, *arguments],
        env={**os.environ, **{name: value for name, value in where.items() if value}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["nothing"])[0]
        raise CopyFailed(f"{program} says: {said}")
