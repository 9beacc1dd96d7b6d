"""The coordinator's database as an onlooker reads it, on either engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psycopg

Write = Callable[[str], object]


class Books(Protocol):
    """A database that a coordinator works with."""

    @property
    def engine(self) -> str:
        """Its name."""

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        """What is stored now."""

    def writing(self) -> AbstractContextManager[Write]:
        """One transaction, committed at its end."""

    def connections(self, pids: Sequence[int]) -> int:
        """How many connections these processes hold."""


class SqliteBooks:
    """A file."""

    engine = "SQLite"

    def __init__(self, path: Path) -> None:
        """Nothing is opened but while it is used."""
        self._path = path

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        with closing(sqlite3.connect(self._path, timeout=60.0)) as database:
            return database.execute(sql).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Write]:
        with closing(sqlite3.connect(self._path, timeout=60.0)) as database, database:
            yield database.execute

    def connections(self, pids: Sequence[int]) -> int:
        return sum(target == str(self._path) for pid in pids for target in _open_files(pid))


class PostgresBooks:
    """A server, which must serve nobody but us and the coordinator."""

    engine = "PostgreSQL"

    def __init__(self, url: str) -> None:
        """Nothing is opened but while it is used."""
        self._url = url

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        with psycopg.connect(self._url) as database:
            return database.execute(sql.encode()).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Write]:
        with psycopg.connect(self._url) as database:
            yield lambda sql: database.execute(sql.encode())

    def connections(self, pids: Sequence[int]) -> int:  # noqa: ARG002 — nobody else is served
        ((count,),) = self.rows(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(str(count))


def _open_files(pid: int) -> Iterator[str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                yield str(entry.readlink())
