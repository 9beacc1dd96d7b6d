"""What the pool remembers of a wallet between two openings, also across a crash.

wallet-rpc says neither which file is open nor which of its nonces have been used, so we keep that
ourselves: one small file for each wallet, replaced in one step.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tripartite.monero.client_certificates import write_private_file


class Nonces(StrEnum):
    """Where the wallet's signing nonces stand."""

    NONE = "none"
    """Nothing exported yet."""
    EXPORTED = "exported"
    """Exported and stored; good for one signature."""
    SPENT = "spent"
    """A signature was begun with them. Only a fresh export may follow, even if no signature ever
    left: a wallet killed before it stored would use the same nonces again after it is reopened.
    """


@dataclass(frozen=True, slots=True)
class Note:
    """What we know of one wallet.

    ``address`` is None before the first opening. ``changing`` is set from make_multisig until the
    key exchange is complete: in between each round, and even reopening, gives other placeholders.
    """

    address: str | None = None
    changing: bool = False
    nonces: Nonces = Nonces.NONE


class Notebook:
    """The notes of all wallets, in one directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory

    def read(self, name: str) -> Note:
        """What is known of the wallet; a fresh note if nothing is."""
        try:
            fields = json.loads(self.path(name).read_bytes())
        except FileNotFoundError:
            return Note()
        return Note(fields["address"], fields["changing"], Nonces(fields["nonces"]))

    def write(self, name: str, note: Note, *, durable: bool = False) -> None:
        """Replace the note. ``durable`` returns only when a power cut can't undo it."""
        path = self.path(name)
        fields = {"address": note.address, "changing": note.changing, "nonces": note.nonces}
        write_private_file(path, json.dumps(fields).encode())
        if durable:
            sync(path)

    def path(self, name: str) -> Path:
        """The file of the wallet's note."""
        return self._directory / f"{name}.json"


def sync(*paths: Path) -> None:
    """Have files and their names on the disk before going on."""
    places = {place for path in paths for place in (path, path.parent)}
    # All at once: a file system writes them out together, in a third of the time.
    with ThreadPoolExecutor(len(places)) as threads:
        for done in [threads.submit(_sync, place) for place in places]:
            done.result()


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
