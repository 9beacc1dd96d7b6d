"""Everything an agent needs, in one encrypted file; and a home made from it again.

    journal.sqlite3      identity, record, passwords: as it stood at one moment (SQLite's backup)
    keyring.json         how the master key is made
    key                  the key file, if the home has one instead of a passphrase
    wallets/NAME.keys    of every wallet with an attested address; wallet-rpc may have them open

Caches are left out on purpose: an old cache holds nonces that may have been used since, and a
signature made twice with the same nonces can give the key away. A wallet opened from ``.keys``
alone has none, so a restored agent throws every round under way away and exports afresh.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, cast

from tripartite.agent.home import Home, HomeExists, OpenHome, look_into, utc_now
from tripartite.agent.journal import Clock, Journal, StoredCase
from tripartite.agent.keyring import write_private
from tripartite.agent.own_words import RESTORED_AT
from tripartite.agent.wallet_book import WalletBook
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.notes import Note, Notebook
from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import CLOSED
from tripartite.protocol.archive import (
    Archive,
    ArchiveMalformed,
    Lock,
    write_archive,
)
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity

KIND: Final = "backup"
VERIFIED: Final = "verified_backup"
"""The setting that says when the latest verified backup was made."""

VERIFIED_KIT: Final = "verified_kit/"
"""The same for kits, with the escrow's id behind it."""

_JOURNAL: Final = "journal.sqlite3"
_KEYRING: Final = "keyring.json"
_KEY: Final = "key"


class WalletKeysMissing(Refused):
    """The keys of a wallet that may hold money aren't in this home."""

    code: ClassVar[str] = "wallet_keys_missing"


class BackupUnsound(Refused):
    """A home made from this backup wouldn't work."""

    code: ClassVar[str] = "backup_unsound"


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was written: when its content was read, its hash, how many wallets it holds."""

    made_at: str
    sha256: str
    wallets: int


def back_up(opened: OpenHome, path: Path, lock: Lock) -> Made:
    """Write a backup; the agent may be running meanwhile.

    Raises ``WalletKeysMissing``, and what ``write_archive`` raises.
    """
    made_at = opened.journal.stamp()
    # The journal first: a wallet finished after this moment isn't in it, so isn't missed.
    files = {_JOURNAL: opened.journal.snapshot(), _KEYRING: opened.home.keyring.read_bytes()}
    key_file = _key_file(files[_KEYRING])
    if key_file is not None:
        files[_KEY] = key_file.read_bytes()
    names = _wallets(files[_JOURNAL])
    for name in names:
        files[f"wallets/{name}.keys"] = wallet_keys(opened.home, name)
    about: dict[str, Json] = {"network": opened.network.value, "made_at": made_at}
    sha256 = write_archive(path, lock, kind=KIND, about=about, files=files)
    return Made(made_at, sha256, len(names))


def wallet_keys(home: Home, name: str) -> bytes:
    """``NAME.keys``; the copy kept since the end of the key exchange, if there is one.

    Raises ``WalletKeysMissing``.
    """
    files = WalletFiles(home.wallets)
    for place in (files.kept, files.wallets):
        try:
            return (place / f"{name}.keys").read_bytes()
        except FileNotFoundError:
            continue
    raise WalletKeysMissing(
        f"Copy {name}.keys from your wallet-rpc's directory into {files.wallets} first."
    )


def verify(opened: OpenHome, archive: Archive) -> str:
    """Prove that a home made from this backup works, and note that; when it was made.

    The archive is decrypted and its hashes were compared; here its journal is opened with this
    home's own key, and each wallet's password and keys are looked for.
    Raises ``BackupUnsound``, ``ArchiveMalformed``, ``PassphraseWrong``, ``SealedValueMoved``.
    """
    if archive.kind != KIND:
        raise ArchiveMalformed("That is no backup.")
    if archive.files.get(_KEYRING) != opened.home.keyring.read_bytes():
        raise BackupUnsound("It belongs to another home, or its keyring was replaced since.")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / _JOURNAL
        path.write_bytes(archive.files.get(_JOURNAL, b""))
        try:
            journal = Journal(path, opened.journal.keyring, now=utc_now)
        except sqlite3.DatabaseError as error:
            raise BackupUnsound("Its journal can't be read. Make another backup.") from error
        with closing(journal):
            if journal.rows("PRAGMA integrity_check") != [("ok",)]:
                raise BackupUnsound("Its journal is damaged. Make another backup.")
            stored = journal.secret("identity")
            own = None if stored is None else Identity.restore(json.loads(stored.reveal()))
            if own is None or own.public != opened.identity.public:
                raise BackupUnsound("It holds another identity. Make another backup.")
            book = WalletBook(journal, run_id="")
            for name in _wallets(archive.files[_JOURNAL]):
                book.ref(name)
                if not archive.files.get(f"wallets/{name}.keys"):
                    raise BackupUnsound("It lacks the keys of a wallet. Make another backup.")
    return note_verified(opened.journal, VERIFIED, archive.about)


def note_verified(journal: Journal, setting: str, about: Mapping[str, Json]) -> str:
    """Remember the newest verified file; when the one described by ``about`` was made."""
    made_at = str(about.get("made_at", ""))
    if made_at > (journal.setting(setting) or ""):
        journal.set_setting(setting, made_at)
    return made_at


def is_backed_up(journal: Journal, case: StoredCase) -> bool:
    """Whether a verified backup or kit is newer than the escrow's wallet; True if it has none.

    A wallet is finished when its agent attests the address; nothing in its keys changes after.
    """
    attested = journal.rows(
        "SELECT max(written_at) FROM outbox WHERE escrow_id = ? AND kind = 'attest'"
        " AND attempt = ?",
        (case.escrow_id, case.record.attempt),
    )
    finished = cast("str | None", attested[0][0])
    if finished is None or case.record.address is None or case.record.state in CLOSED:
        return True
    made = (journal.setting(VERIFIED), journal.setting(VERIFIED_KIT + case.escrow_id))
    return any(one is not None and one >= finished for one in made)


def restore(
    archive: Archive, directory: Path, *, key_file: Path | None = None, now: Clock = utc_now
) -> Home:
    """A home in a new directory, under the passphrase or key file that it had.

    ``key_file`` is where its key file is put (in the home itself, if not given).
    Raises ``HomeExists``, ``ArchiveMalformed``, ``KeyringUnreadable``.
    """
    if archive.kind != KIND:
        raise ArchiveMalformed("That is no backup.")
    home = new_home(directory)
    write_private(home.journal, archive.files.get(_JOURNAL, b""))
    keyring = archive.text(_KEYRING)
    if _KEY in archive.files:
        place = (key_file or home.directory / _KEY).absolute()
        write_private(place, archive.files[_KEY])
        keyring = json.dumps({**json.loads(keyring), "path": str(place)}, indent=1)
    write_private(home.keyring, keyring.encode())
    names = _wallets(archive.files[_JOURNAL])
    for name, address in names.items():
        put_wallet(home, name, address, archive.files.get(f"wallets/{name}.keys", b""))
    with closing(look_into(directory, now=now)) as journal:
        _make_restored(journal, frozenset(names), now())
    return home


def new_home(directory: Path) -> Home:
    """An empty directory for a home. Raises ``HomeExists``."""
    home = Home(directory)
    if directory.exists() and any(directory.iterdir()):
        raise HomeExists("Name a new directory. A home is never written over.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    return home


def put_wallet(home: Home, name: str, address: str, keys: bytes) -> None:
    """A wallet's keys, without a cache; only one that shows ``address`` is ever used."""
    files = WalletFiles(home.wallets)
    write_private(files.wallets / f"{name}.keys", keys)
    files.keep_keys(name)
    Notebook(home.wallets / "notes").write(name, Note(address=address), durable=True)


def forget_home(home: Home) -> None:
    """Take away a home that couldn't be finished."""
    shutil.rmtree(home.directory, ignore_errors=True)


def _make_restored(journal: Journal, kept: frozenset[str], when: datetime) -> None:
    """What holds no longer after a while on a stick.

    Wallets that never came to an address are gone; decisions not said yet may have been said or
    changed since, so they are asked for again.
    """
    with journal.commit():
        journal.set_setting(RESTORED_AT, when.isoformat())
        # Words from before (``own_words``); no clock is asked, as this machine's may differ.
        journal.write("UPDATE outbox SET written_at = ''")
        journal.write("UPDATE intents SET outcome = 'restored' WHERE outcome IS NULL")

        for (name,) in journal.rows("SELECT name FROM wallets WHERE state != 'set_aside'"):
            if name not in kept:
                journal.write("UPDATE wallets SET state = 'set_aside' WHERE name = ?", (name,))


def _wallets(journal: bytes) -> dict[str, str]:
    """Name → address of every wallet that came to an address, set-aside ones included."""
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.deserialize(_without_wal(journal))
            found = database.execute(
                "SELECT name, address FROM wallets WHERE address IS NOT NULL"
                " AND state IN ('assigned', 'set_aside')"
            ).fetchall()
        except sqlite3.DatabaseError as error:
            raise ArchiveMalformed("Its journal can't be read. Use another copy.") from error
    return dict(cast("list[tuple[str, str]]", found))


def _without_wal(journal: bytes) -> bytes:
    """The same database with another journal mode: memory has no write-ahead log.

    Bytes 18 and 19 of the header say which (SQLite file format, section 1.3): 1 is a plain one.
    """
    return journal[:18] + b"\x01\x01" + journal[20:] if len(journal) > 20 else journal


def _key_file(keyring: bytes) -> Path | None:
    content: object = json.loads(keyring)
    match content:
        case {"source": "key_file", "path": str(path)}:
            return Path(path)
        case _:
            return None
