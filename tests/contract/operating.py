"""Somebody who runs a coordinator, makes backups of it, and has an empty place to restore them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tripartite.coordinator.configuration import Configuration, read_configuration
from tripartite.coordinator.ops.backup import archive
from tripartite.domain.secrets import Secret


@dataclass(frozen=True)
class Operator:
    """A coordinator, an empty place, and an age key that is on neither."""

    here: Configuration
    empty: Configuration
    identity: Secret

    @property
    def recipients(self) -> list[str]:
        return [archive.recipient_of(self.identity)]


def installed_at(before: Configuration, url: str, directory: Path) -> Configuration:
    return replace(
        before,
        data_dir=directory,
        database=read_configuration({"TRIPARTITE_DATABASE_URL": url}).database,
        secret_key_file=directory / "secret_key",
        keyring_file=directory / "keyring",
        backup_dir=directory / "backups",
    )
