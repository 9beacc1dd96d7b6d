"""Stories about backups that can be restored, and upgrades that can be undone."""

from __future__ import annotations

import re
import threading

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections, migrations
from django.db.migrations.loader import MigrationLoader

from tests.contract.engines import Engine
from tests.contract.kit import Market
from tests.contract.operating import Operator
from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.events import audit
from tripartite.coordinator.ops.backup import copies, restoring, upgrading
from tripartite.coordinator.ops.backup.inventory import connected, tables, take_inventory
from tripartite.coordinator.ops.backup.making import back_up
from tripartite.coordinator.ops.backup.restoring import WouldOverwrite
from tripartite.coordinator.ops.backup.upgrading import CoordinatorRuns, UpgradeUndone
from tripartite.protocol.archive import (
    ArchiveExists,
)


def test_a_backup_made_while_all_write_is_restored_whole(
    operator: Operator, market: Market
) -> None:
    market.disputed_deal()
    over = threading.Event()

    def trade() -> None:
        while not over.is_set():
            market.proposed_deal()
        connections.close_all()

    trader = threading.Thread(target=trade)
    trader.start()
    try:
        made = back_up(operator.here, operator.recipients)
    finally:
        over.set()
        trader.join()

    opened = restoring.restore(operator.empty, made.file, operator.key)

    assert opened.inventory == made.inventory
    assert 1 <= made.inventory.escrows < Escrow.objects.count(), "others wrote meanwhile"
    with connected(operator.empty.database) as restored:
        assert take_inventory(restored) == made.inventory
        assert audit.walk(restored).hash == made.inventory.hash
    audit.verify(expect=made.inventory.hash)


def test_nothing_is_overwritten(operator: Operator, market: Market) -> None:
    made = back_up(operator.here, operator.recipients)

    with pytest.raises(ArchiveExists):
        back_up(operator.here, operator.recipients, file=made.file)
    with pytest.raises(WouldOverwrite, match="database"):
        restoring.restore(operator.here, made.file, operator.key)
    key = operator.empty.secret_key_file
    key.parent.mkdir(exist_ok=True)
    key.write_text("another's")
    with pytest.raises(WouldOverwrite, match="secret_key"):
        restoring.restore(operator.empty, made.file, operator.key)
    assert copies.is_empty(operator.empty.database)
    assert key.read_text() == "another's"

    key.write_text("a secret that signs")  # what the backup has: nothing to overwrite
    restoring.restore(operator.empty, made.file, operator.key)


# ── upgrades ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def older(operator: Operator, market: Market, engine: Engine) -> str:
    """Tables as an earlier version had them, with a deal in them. What they look like."""
    market.attested_deal()
    call_command("migrate", "notify", "0002", verbosity=0)
    connections.close_all()
    return everything(operator.here)


_COLUMNS = """SELECT table_name, column_name, data_type, column_default, is_nullable
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"""
_CONSTRAINTS = """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_TRIGGERS = """SELECT tgname, proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT tgisinternal ORDER BY 1"""
# PostgreSQL writes the casts of a condition otherwise once it has read back its own words.
_CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")
_STRUCTURE = {
    "sqlite": ("SELECT sql FROM sqlite_master ORDER BY name",),
    "postgresql": (_COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS),
}


def everything(configuration: Configuration) -> str:
    """Every table, its definition and its rows, as text."""
    with connected(configuration.database) as here, here.cursor() as sql:
        said: list[str] = []
        for query in _STRUCTURE[here.vendor]:
            sql.execute(query)
            said += (_CASTS.sub("", str(row)) for row in sql.fetchall())
        for table in tables(here):
            sql.execute(f'SELECT * FROM "{table}"')  # noqa: S608 — a table's name
            said += sorted(map(repr, sql.fetchall()))
    return "\n".join(said)


def test_an_upgrade_backs_up_and_migrates(operator: Operator, older: str) -> None:
    done = upgrading.upgrade(operator.here, operator.recipients)

    assert done.migrations == 2
    assert everything(operator.here) != older
    restoring.restore(operator.empty, done.backup.file, operator.key)
    assert everything(operator.empty) == older


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_upgrade_whose_second_migration_fails_leaves_everything_as_it_was(
    operator: Operator, older: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error("a mistake of ours")

    last = MigrationLoader(None).disk_migrations["notify", "0004_sealed_by_the_keyring"]
    monkeypatch.setattr(type(last), "operations", [*last.operations, migrations.RunPython(fail)])

    with pytest.raises(UpgradeUndone, match=f"{error.__name__}: a mistake of ours") as undone:
        upgrading.upgrade(operator.here, operator.recipients)

    assert everything(operator.here) == older
    (backup,) = operator.here.backup_dir.glob("*.age")
    assert str(backup) in undone.value.detail
    restoring.restore(operator.empty, backup, operator.key)
    assert everything(operator.empty) == older


def test_an_upgrade_that_loses_a_row_is_undone(
    operator: Operator, older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(models: object, editor: object) -> None:
        apps.get_model("escrows", "Participant").objects.all().delete()
        with connection.cursor() as sql:
            sql.execute("DELETE FROM escrows_escrow")

    last = MigrationLoader(None).disk_migrations["notify", "0004_sealed_by_the_keyring"]
    monkeypatch.setattr(type(last), "operations", [*last.operations, migrations.RunPython(lose)])

    with pytest.raises(UpgradeUndone):
        upgrading.upgrade(operator.here, operator.recipients)

    assert everything(operator.here) == older


def test_nothing_is_upgraded_while_somebody_has_the_database_open(
    operator: Operator, older: str
) -> None:
    with connected(operator.here.database) as node, node.cursor() as sql:
        sql.execute("SELECT 1")
        with pytest.raises(CoordinatorRuns, match="Stop all nodes"):
            upgrading.upgrade(operator.here, operator.recipients)

    assert everything(operator.here) == older
    assert not list(operator.here.backup_dir.glob("*.age"))
