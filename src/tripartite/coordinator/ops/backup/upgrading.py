"""Bring the tables to this version: backed up first, checked afterwards, or as they were before."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from django.core.management import call_command
from django.db import connections

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.events import audit
from tripartite.coordinator.ops.backup import making
from tripartite.coordinator.ops.backup.copies import (
    Copy,
    others_are_connected,
    put_back,
    take_copy,
)
from tripartite.coordinator.ops.backup.inventory import (
    Inventory,
    connected,
    prove,
    take_inventory,
)
from tripartite.coordinator.start import bring_tables_up_to_date
from tripartite.coordinator.storing import now
from tripartite.domain.errors import Refused, Tampered, TripartiteError

_KEPT: Final = ("accounts_account", "escrows_escrow", "relay_message", "events_event")
"""Tables of which no migration may lose a row."""

_RECORDER: Final = "django_migrations"


class CoordinatorRuns(Refused):
    """Somebody has the database open."""

    code: ClassVar[str] = "coordinator_runs"


class UpgradeUndone(Refused):
    """The tables couldn't be brought to this version; all is as it was before."""

    code: ClassVar[str] = "upgrade_undone"


class UpgradeStranded(Tampered):
    """The upgrade failed, and so did the way back."""

    code: ClassVar[str] = "upgrade_stranded"


class TablesLost(Tampered):
    """After the migration something is missing."""

    code: ClassVar[str] = "tables_lost"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done."""

    backup: making.Made
    migrations: int


def upgrade(configuration: Configuration, recipients: Sequence[str]) -> Upgraded:
    """Back up, migrate, check; whatever goes wrong, also Ctrl-C, undoes it.

    Nothing may run on the database meanwhile: what it wrote would be lost on the way back.
    Raises ``CoordinatorRuns``, ``UpgradeUndone``, ``UpgradeStranded``, and what ``back_up`` raises.
    """
    database = configuration.database
    connections.close_all()
    with making.working_directory(configuration.backup_dir) as directory:
        _must_be_alone(configuration)
        made_at = now()
        copy = take_copy(database, directory)
        backup = making.write(configuration, copy, recipients, made_at=made_at)
        _must_be_alone(configuration)
        try:
            bring_tables_up_to_date(migrate=True)
            after = _check(configuration, copy.inventory)
        except BaseException as error:
            connections.close_all()
            _go_back(configuration, copy, backup)
            said = error.detail if isinstance(error, TripartiteError) else str(error)
            raise UpgradeUndone(
                f"{type(error).__name__}: {said} Start the version that you had. "
                f"A backup of now is {backup.file}."
            ) from error
        connections.close_all()
    return Upgraded(backup, after.rows[_RECORDER] - copy.inventory.rows[_RECORDER])


def _must_be_alone(configuration: Configuration) -> None:
    if others_are_connected(configuration.database):
        raise CoordinatorRuns("Stop all nodes and attach processes, then try again.")


def _check(configuration: Configuration, before: Inventory) -> Inventory:
    """Raises ``TablesOutdated``, ``LogAltered``, ``TablesLost``, Django's ``SystemCheckError``."""
    bring_tables_up_to_date(migrate=False)
    call_command("check", databases=["default"], stdout=io.StringIO())
    with connected(configuration.database) as connection:
        after = take_inventory(connection)
        audit.walk(connection, expect=before.hash)
    lost = [table for table in _KEPT if after.rows.get(table, 0) < before.rows.get(table, 0)]
    if lost:
        raise TablesLost(f"Rows are missing in {', '.join(lost)}.")
    return after


def _go_back(configuration: Configuration, copy: Copy, backup: making.Made) -> None:
    """Raises ``UpgradeStranded``."""
    try:
        put_back(configuration.database, copy)
        with connected(configuration.database) as connection:
            wrong = prove(connection, copy.inventory)
    except TripartiteError as error:
        raise UpgradeStranded(
            f"{error.title()}: {error.detail} Restore {backup.file} into an empty database."
        ) from error
    if wrong:
        raise UpgradeStranded(
            f"These differ: {', '.join(wrong)}. Restore {backup.file} into an empty database."
        )
