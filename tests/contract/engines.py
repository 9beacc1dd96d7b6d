"""The two database engines, and how one process changes from one database to another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connections

from tests.contract.postgres import Cluster
from tripartite.coordinator.configuration import read_configuration
from tripartite.coordinator.settings import databases
from tripartite.coordinator.start import bring_tables_up_to_date


class Engine(Protocol):
    """Makes databases with all tables in them."""

    name: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new database; yields its DATABASE_URL and removes it afterwards."""


def use_database(url: str) -> None:
    """Point Django at another database. Threads that begin later follow."""
    connections.close_all()
    database = read_configuration({"TRIPARTITE_DATABASE_URL": url}).database
    settings.DATABASES = databases(database)
    connections.settings = connections.configure_settings(settings.DATABASES)
    # Forgets this thread's connection, if it has one, so that the next use makes a new one.
    with suppress(AttributeError):
        del connections["default"]


@dataclass
class Sqlite:
    """Copies a file that was migrated once."""

    home: Path
    name = "sqlite"

    def __post_init__(self) -> None:
        self._numbers = count()
        self._template = self.home / "template.sqlite3"
        use_database(f"sqlite://{self._template}")
        bring_tables_up_to_date(migrate=True)
        connections.close_all()  # the last connection to close folds the WAL into the file

    @contextmanager
    def database(self) -> Iterator[str]:
        path = self.home / f"{next(self._numbers)}.sqlite3"
        shutil.copy(self._template, path)
        yield f"sqlite://{path}"


@dataclass
class Postgresql:
    """Copies a template database that was migrated once."""

    cluster: Cluster
    name = "postgresql"

    def __post_init__(self) -> None:
        self._numbers = count()
        use_database(self.cluster.create("template_tripartite"))
        bring_tables_up_to_date(migrate=True)
        connections.close_all()

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        yield self.cluster.create(name, template="template_tripartite")
        connections.close_all()
        self.cluster.drop(name)
