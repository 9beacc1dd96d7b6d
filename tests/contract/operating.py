"""Somebody who runs a coordinator, makes backups of it, and has an empty place to restore them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tripartite.coordinator.configuration import Configuration, read_configuration
from tripartite.protocol.archive import Key


@dataclass(frozen=True)
class Operator:
    """A coordinator, an empty place, and an age key that is on neither."""

    here: Configuration
    empty: Configuration
    key: Key

    @property
    def recipients(self) -> list[str]:
        return [self.key.recipient]

    @property
    def identity(self) -> str:
        """The key as ``age-keygen`` writes it."""
        assert self.key.identity is not None
        return self.key.identity.reveal()


def installed_at(before: Configuration, url: str, directory: Path) -> Configuration:
    return replace(
        before,
        data_dir=directory,
        database=read_configuration({"TRIPARTITE_DATABASE_URL": url}).database,
        secret_key_file=directory / "secret_key",
        keyring_file=directory / "keyring",
        backup_dir=directory / "backups",
    )
