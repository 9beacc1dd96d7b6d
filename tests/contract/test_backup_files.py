"""Stories about the file that a backup is. How the database is copied doesn't matter here: SQLite."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from django.db import connection

from tests.contract.engines import Engine, Sqlite
from tests.contract.kit import Market
from tests.contract.operating import Operator
from tripartite.coordinator.events.audit import LogAltered
from tripartite.coordinator.ops.backup import copies, restoring
from tripartite.coordinator.ops.backup.making import KIND, BackupUnproved, back_up, last_proved
from tripartite.coordinator.ops.backup.restoring import OtherEngine, WouldOverwrite
from tripartite.coordinator.ops.metrics import facts
from tripartite.protocol.archive import (
    ArchiveKeyInvalid,
    ArchiveLocked,
    ArchiveMalformed,
    Lock,
    new_key,
    write_archive,
)
from tripartite.protocol.canonical import Json


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Sqlite(tmp_path_factory.mktemp("sqlite"))


def test_keys_and_settings_come_back_for_their_owner_only(
    operator: Operator, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPARTITE_MONEROD_LOGIN", "monero:it's secret")
    operator.here.keyring_file.write_text("keys of the rows")
    made = back_up(operator.here, operator.recipients)

    restoring.restore(operator.empty, made.file, operator.key)

    there = operator.empty
    assert there.secret_key_file.read_text() == "a secret that signs"
    assert there.keyring_file.read_text() == "keys of the rows"
    written = (there.data_dir / "restored-settings.env").read_text()
    assert "TRIPARTITE_MONEROD_LOGIN='monero:it'\"'\"'s secret'\n" in written
    kept = [path for path in there.data_dir.rglob("*") if path.is_file()]
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
    assert made.file.stat().st_mode & 0o077 == 0
    assert b"a secret that signs" not in made.file.read_bytes()
    assert sorted(path.name for path in operator.here.backup_dir.iterdir()) == [made.file.name]
    assert list(there.data_dir.glob(".*")) == [], "no unencrypted copy stays behind"


def test_age_and_tar_open_a_backup_without_us(
    operator: Operator, market: Market, tmp_path: Path
) -> None:
    made = back_up(operator.here, operator.recipients, file=tmp_path / "b.age")
    (tmp_path / "key").write_text(operator.identity + "\n")

    subprocess.run(
        ["age", "-d", "-i", "key", "-o", "b.tar", made.file],  # noqa: S607 — the packaged one
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip  # the call, then its surroundings

    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]  # it is there
    engine = operator.here.database.engine
    assert names == [copies.NAMES[engine], "settings.env", "secret_key", "manifest.json"]
    assert manifest["about"]["inventory"]["events"] == made.inventory.events


def test_a_backup_is_checked_without_touching_anything(operator: Operator, market: Market) -> None:
    market.proposed_deal()
    made = back_up(operator.here, operator.recipients)

    opened = restoring.check(operator.here, made.file, operator.key)

    assert opened.inventory == made.inventory
    with pytest.raises(ArchiveLocked):
        restoring.check(operator.here, made.file, new_key())
    with pytest.raises(ArchiveMalformed):
        restoring.check(operator.here, made.file.with_name("nothing"), operator.key)
    with pytest.raises(ArchiveKeyInvalid):
        back_up(operator.here, ["age1nobody"])
    with pytest.raises(ArchiveKeyInvalid, match="RECIPIENTS"):
        back_up(operator.here, [])


def test_a_journal_of_another_database_is_not_played_into_a_restored_one(
    operator: Operator, market: Market
) -> None:
    made = back_up(operator.here, operator.recipients)
    operator.empty.data_dir.mkdir()
    (operator.empty.data_dir / "coordinator.sqlite3-wal").write_bytes(b"rows of another")

    with pytest.raises(WouldOverwrite):
        restoring.restore(operator.empty, made.file, operator.key)


@pytest.mark.parametrize("what", ["flipped", "cut off"])
def test_a_damaged_backup_is_not_restored(operator: Operator, market: Market, what: str) -> None:
    made = back_up(operator.here, operator.recipients)
    content = bytearray(made.file.read_bytes())
    if what == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[len(content) // 2 :]
    made.file.write_bytes(content)

    with pytest.raises(ArchiveLocked, match="another copy"):
        restoring.restore(operator.empty, made.file, operator.key)
    assert copies.is_empty(operator.empty.database)


def test_a_backup_written_by_somebody_else_is_not_what_its_manifest_says(
    operator: Operator, market: Market, tmp_path: Path
) -> None:
    """Anybody can encrypt to a public key; but rows that aren't in the log's hashes show."""
    copy = copies.take_copy(operator.here.database, tmp_path)
    inventory: dict[str, Json] = {**copy.inventory.to_json(), "hash": "ab" * 32}
    about: dict[str, Json] = {"engine": copy.engine, "inventory": inventory}
    file, lock = tmp_path / "forged.age", Lock(tuple(operator.recipients))
    write_archive(file, lock, kind=KIND, about=about, files={copy.file.name: copy.file})

    with pytest.raises(LogAltered):
        restoring.restore(operator.empty, file, operator.key)

    other = "postgresql" if copy.engine == "sqlite" else "sqlite"
    file = tmp_path / "other.age"
    write_archive(file, lock, kind=KIND, about={**about, "engine": other}, files={})
    with pytest.raises(OtherEngine):
        restoring.check(operator.here, file, operator.key)


def test_a_proved_backup_is_noted_for_metrics_and_doctor(
    operator: Operator, market: Market
) -> None:
    assert last_proved(operator.here.data_dir) is None
    assert facts.backup_age(operator.here.data_dir) == float("inf")

    made = back_up(operator.here, operator.recipients)

    noted = last_proved(operator.here.data_dir)
    assert noted is not None
    assert (noted["file"], noted["hash"]) == (str(made.file), made.inventory.hash)
    assert facts.backup_age(operator.here.data_dir) < 60


def test_a_backup_of_a_broken_log_does_not_count(operator: Operator, market: Market) -> None:
    """It is kept, for who looks into it; but nobody takes it for a sound one."""
    market.proposed_deal()
    with connection.cursor() as sql:
        sql.execute("UPDATE events_eventhead SET hash = 'ff'")

    with pytest.raises(BackupUnproved, match=r"\.unproved"):
        back_up(operator.here, operator.recipients)

    assert last_proved(operator.here.data_dir) is None
    assert [path.suffix for path in operator.here.backup_dir.iterdir()] == [".unproved"]
