"""Put a backup into an empty place: a new machine, or an emptied one. Nothing is overwritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.ops.backup.copies import NAMES, Copy, fill, is_empty, scratch
from tripartite.coordinator.ops.backup.inventory import Inventory, connected, prove
from tripartite.coordinator.ops.backup.making import (
    KEYRING,
    KIND,
    SECRET_KEY,
    SETTINGS,
    BackupDiffers,
    read_about,
    working_directory,
)
from tripartite.domain.errors import Refused
from tripartite.protocol.archive import Key, unpack_archive


class WouldOverwrite(Refused):
    """Something is there already, and a restore never overwrites."""

    code: ClassVar[str] = "restore_would_overwrite"


class OtherEngine(Refused):
    """This backup is of the other kind of database."""

    code: ClassVar[str] = "backup_of_other_engine"


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup that was opened and proved."""

    made_at: str
    version: str
    inventory: Inventory


def check(configuration: Configuration, file: Path, key: Key) -> Opened:
    """Open a backup and prove it in a scratch database; nothing else is touched.

    Raises what ``restore`` raises but ``WouldOverwrite``, and ``ScratchRefused``.
    """
    with working_directory(configuration.backup_dir) as directory:
        opened, copy = _open(configuration, file, key, directory)
        with scratch(copy, configuration.database) as connection:
            _compare(prove(connection, opened.inventory))
    return opened


def restore(configuration: Configuration, file: Path, key: Key) -> Opened:
    """Make this place what the backup holds: database, keys, and ``settings.env`` to compare with.

    Raises ``WouldOverwrite``, ``OtherEngine``, ``ArchiveLocked``, ``ArchiveMalformed``,
    ``ArchiveAltered``, ``BackupDiffers``, ``LogAltered``, ``CopyFailed``.
    """
    database = configuration.database
    if not is_empty(database):
        raise WouldOverwrite("The database holds something. Move it away, or name another one.")
    # Beside the database, so that a proved file only has to be given its name.
    place = configuration.data_dir if database.path is None else database.path.parent
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with working_directory(place) as directory:
        opened, copy = _open(configuration, file, key, directory)
        files = dict(_missing(configuration, directory))
        if database.path is None:
            fill(database, copy)
            with connected(database) as connection:
                _compare(prove(connection, opened.inventory))
        else:
            with scratch(copy, database) as connection:
                _compare(prove(connection, opened.inventory))
            files[copy.file] = database.path
        for source, target in files.items():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _move(source, target)
    return opened


def _missing(configuration: Configuration, directory: Path) -> Iterator[tuple[Path, Path]]:
    """The key files that have to come back. Raises ``WouldOverwrite`` for one that differs."""
    for name, target in (
        (SECRET_KEY, configuration.secret_key_file),
        (KEYRING, configuration.keyring_file),
        (SETTINGS, configuration.data_dir / f"restored-{SETTINGS}"),
    ):
        source = directory / name
        if not source.exists():
            continue
        if not target.exists():
            yield source, target
        elif name != SETTINGS and target.read_bytes() != source.read_bytes():
            raise WouldOverwrite(f"{target} is there, and another one. Move it away first.")


def _open(
    configuration: Configuration, file: Path, key: Key, directory: Path
) -> tuple[Opened, Copy]:
    about = unpack_archive(file, key, directory, kind=KIND)
    engine, inventory = read_about(about)
    if engine != configuration.database.engine:
        raise OtherEngine(f"It holds {engine}: let TRIPARTITE_DATABASE_URL name such a one.")
    opened = Opened(str(about.get("made_at")), str(about.get("version")), inventory)
    return opened, Copy(engine, directory / NAMES[engine], inventory)


def _compare(wrong: list[str]) -> None:
    if wrong:
        raise BackupDiffers(f"These differ: {', '.join(wrong)}. Use another backup.")


def _move(source: Path, target: Path) -> None:
    """Give it its name, on the disk when this returns. Raises ``WouldOverwrite``."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.move(source, beside)
    try:
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.link(beside, target)
    except FileExistsError as error:
        raise WouldOverwrite(f"{target} is there. Move it away first.") from error
    finally:
        beside.unlink()
