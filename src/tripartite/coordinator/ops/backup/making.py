"""Make a backup of the coordinator, and prove that it can be restored before it counts.

The file is encrypted to the operator's recipients and to a key that is made for this run and never
stored: with that the very file is opened again, restored beside the database, and compared with
what the database held. A server can so prove a backup that it can't open tomorrow.

What is in it: the database, the keys of the database, the settings. Not in it: ATTACH_DIR, whose
wallets must never run twice.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Final

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.ops.backup.copies import Copy, scratch, take_copy
from tripartite.coordinator.ops.backup.inventory import Inventory, prove
from tripartite.coordinator.ops.metrics.facts import BACKUP_MARK
from tripartite.coordinator.settings_table import PREFIX
from tripartite.coordinator.storing import now, rfc3339
from tripartite.domain.errors import Tampered, TripartiteError
from tripartite.protocol.archive import (
    ArchiveExists,
    ArchiveKeyInvalid,
    ArchiveMalformed,
    Key,
    Lock,
    new_key,
    unpack_archive,
    write_archive,
)
from tripartite.protocol.canonical import Json

KIND: Final = "tripartite coordinator"

SECRET_KEY: Final = "secret_key"  # noqa: S105 — a file's name
KEYRING: Final = "keyring"
SETTINGS: Final = "settings.env"


class BackupDiffers(Tampered):
    """What came out of the backup isn't what went in."""

    code: ClassVar[str] = "backup_differs"


class BackupUnproved(Tampered):
    """A backup was written, but couldn't be proved."""

    code: ClassVar[str] = "backup_unproved"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was restored and compared. ``sha256`` is the encrypted file's."""

    file: Path
    made_at: datetime
    sha256: str
    bytes: int
    inventory: Inventory


@contextmanager
def working_directory(beside: Path) -> Iterator[Path]:
    """A directory for this process's eyes only, gone afterwards."""
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".work-", dir=beside) as name:
        yield Path(name)


def back_up(
    configuration: Configuration, recipients: Sequence[str], *, file: Path | None = None
) -> Made:
    """Make and prove a backup while the coordinator runs.

    Raises what ``take_copy`` and ``write`` raise.
    """
    with working_directory(configuration.backup_dir) as directory:
        made_at = now()
        copy = take_copy(configuration.database, directory)
        return write(configuration, copy, recipients, made_at=made_at, file=file)


def write(
    configuration: Configuration,
    copy: Copy,
    recipients: Sequence[str],
    *,
    made_at: datetime,
    file: Path | None = None,
) -> Made:
    """Encrypt a copy with everything that belongs to it, prove the file, and note that.

    Raises ``ArchiveExists``, ``ArchiveKeyInvalid``, ``BackupUnproved``.
    """
    if not recipients:
        raise ArchiveKeyInvalid("Set TRIPARTITE_BACKUP_RECIPIENTS, or give --recipient age1…")
    file = (
        file or configuration.backup_dir / f"tripartite-{made_at:%Y%m%d-%H%M%S-%f}.age"
    ).absolute()
    if file.exists():
        raise ArchiveExists(f"{file} stays as it is. Choose another name.")
    # Under another name until it is proved: what ends in .age is a backup.
    unproved = file.with_name(f"{file.name}.unproved")
    unproved.unlink(missing_ok=True)
    own = new_key()
    try:
        sha256 = write_archive(
            unproved,
            Lock((*recipients, own.recipient)),
            kind=KIND,
            about=_about(copy, made_at),
            files={copy.file.name: copy.file, **_belongings(configuration)},
        )
    except BaseException:
        unproved.unlink(missing_ok=True)
        raise
    try:
        _try(configuration, unproved, own, copy)
    except TripartiteError as error:
        raise BackupUnproved(
            f"{error.title()}: {error.detail} What was written stays as {unproved.name}."
        ) from error
    os.link(unproved, file)
    unproved.unlink()
    made = Made(file, made_at, sha256, file.stat().st_size, copy.inventory)
    _note(configuration.data_dir, made)
    return made


def last_proved(data_dir: Path) -> Mapping[str, object] | None:
    """The last backup that was proved here: file, made_at, sha256, events, hash. None: there is none.

    Of one that other programs made, only ``made_at`` is known: they touch the file.
    """
    mark = data_dir / BACKUP_MARK
    try:
        at, text = mark.stat().st_mtime, mark.read_bytes()
    except FileNotFoundError:
        return None
    return {**_said(text), "made_at": rfc3339(datetime.fromtimestamp(at, tz=now().tzinfo))}


def _said(mark: bytes) -> Mapping[str, object]:
    """What we wrote into it; nothing, if it is another program's."""
    try:
        said = json.loads(mark)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def read_about(about: Mapping[str, Json]) -> tuple[str, Inventory]:
    """The engine, and what the database held. Raises ``ArchiveMalformed``."""
    inventory = Inventory.of_json(about.get("inventory"))
    engine = str(about.get("engine"))
    if inventory is None:
        raise ArchiveMalformed("Its manifest has another form. Update Tripartite.")
    return engine, inventory


def _try(configuration: Configuration, file: Path, own: Key, copy: Copy) -> None:
    """Open the file, restore it, compare. Raises many, of all of which the file is the cause."""
    with working_directory(configuration.backup_dir) as directory:
        engine, inventory = read_about(unpack_archive(file, own, directory, kind=KIND))
        unpacked = Copy(engine, directory / copy.file.name, inventory)
        with scratch(unpacked, configuration.database) as connection:
            if wrong := prove(connection, copy.inventory):
                raise BackupDiffers(f"These differ: {', '.join(wrong)}.")


def _about(copy: Copy, made_at: datetime) -> dict[str, Json]:
    return {
        "made_at": rfc3339(made_at),
        "version": version("tripartite"),
        "engine": copy.engine,
        "inventory": copy.inventory.to_json(),
    }


def _belongings(configuration: Configuration) -> dict[str, Path | bytes]:
    found: dict[str, Path | bytes] = {SETTINGS: _settings()}
    for name, path in (
        (SECRET_KEY, configuration.secret_key_file),
        (KEYRING, configuration.keyring_file),
    ):
        # A keyring is made when it is first needed.
        if path.exists():
            found[name] = path.read_bytes()
    return found


def _settings() -> bytes:
    """What was set for this process, as a shell or a systemd unit reads it."""
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return "".join(f"{name}={shlex.quote(given[name])}\n" for name in sorted(given)).encode()


def _note(data_dir: Path, made: Made) -> None:
    """Let metrics and ``doctor`` know."""
    mark = data_dir / BACKUP_MARK
    fresh = mark.with_name(f".{mark.name}.{os.getpid()}")
    content = {
        "file": str(made.file),
        "sha256": made.sha256,
        "events": made.inventory.events,
        "hash": made.inventory.hash,
    }
    fresh.write_text(json.dumps(content))
    os.utime(fresh, (made.made_at.timestamp(), made.made_at.timestamp()))
    fresh.replace(mark)
