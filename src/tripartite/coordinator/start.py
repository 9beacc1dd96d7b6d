"""Bring a process of the coordinator to life: settings, secret key, Django, tables."""

from __future__ import annotations

import os
from typing import ClassVar

import django
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from tripartite.coordinator.configuration import (
    Configuration,
    prepare_data_dir,
    read_configuration,
)
from tripartite.domain.errors import Refused, Unavailable


class TablesOutdated(Refused):
    """The database's tables are those of another version."""

    code: ClassVar[str] = "tables_outdated"


class DatabaseUnreachable(Unavailable):
    """The database can't be opened."""

    code: ClassVar[str] = "database_unreachable"


def start_django() -> Configuration:
    """Read the settings and set Django up. Makes the data directory and the secret key.

    Raises ``SettingInvalid`` and ``SettingsFileInvalid``.
    """
    prepare_data_dir(read_configuration())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tripartite.coordinator.settings")
    django.setup()
    configuration: Configuration = settings.COORDINATOR
    return configuration


def bring_tables_up_to_date(*, migrate: bool) -> None:
    """Migrate, or refuse to run on tables that aren't this version's.

    Raises ``TablesOutdated`` or ``DatabaseUnreachable``.
    """
    try:
        if migrate:
            call_command("migrate", interactive=False, verbosity=0)
            return
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise TablesOutdated("Run `tripartite serve --migrate-only` once, then start again.")
    except OperationalError as error:
        raise DatabaseUnreachable("Check TRIPARTITE_DATABASE_URL and that it runs.") from error
