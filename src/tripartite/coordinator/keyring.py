"""Secrets in the coordinator's database: sealed for one row, under keys that can be rotated.

The keyring is a file of its own (JSON, mode 0600), the same on all nodes and never inside the
database. It holds several keys: each seals under its id, one is current. A process reads
the file again when it has changed, so keys rotate under running nodes.

A sealed value is ``version (1) | key id (8) | nonce (12) | AES-256-GCM-SIV ciphertext and tag``,
with ``table|column|primary key`` as associated data: a value copied to another row doesn't open.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

from tripartite.coordinator.made_once import make_once, write_beside
from tripartite.domain.errors import Tampered, Unavailable
from tripartite.domain.secrets import Secret

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12


class KeyringUnusable(Unavailable):
    """The coordinator's keyring file can't be used."""

    code: ClassVar[str] = "coordinator_keyring_unusable"


class SealedUnderUnknownKey(Unavailable):
    """A secret is sealed under a key that the keyring file lacks."""

    code: ClassVar[str] = "sealed_under_unknown_key"


class SealedRowMoved(Tampered):
    """A secret in the database was changed, or moved to another row."""

    code: ClassVar[str] = "sealed_row_moved"


@dataclass(frozen=True, slots=True)
class Spot:
    """The one place that a sealed value belongs to."""

    table: str
    column: str
    key: str

    @property
    def bound(self) -> bytes:
        return f"{self.table}|{self.column}|{self.key}".encode()


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """All keys by id, oldest first, and which one seals."""

    keys: Mapping[str, bytes]
    current: str

    def with_new(self) -> Keys:
        """One more key, not current yet: copy the file to all nodes before it seals."""
        key = secrets.token_bytes(_KEY_BYTES)
        return Keys({**self.keys, _id_of(key): key}, self.current)

    def with_newest_current(self) -> Keys:
        """The newest key seals from now on."""
        return Keys(self.keys, list(self.keys)[-1])

    def without(self, *gone: str) -> Keys:
        """Only the keys that are still needed."""
        return Keys({i: key for i, key in self.keys.items() if i not in gone}, self.current)


class Keyring:
    """Seals and opens under the keys in a file. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: Keys | None = None

    def keys(self) -> Keys:
        """What the file holds now. Raises ``KeyringUnusable``."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise KeyringUnusable(
                "TRIPARTITE_KEYRING_FILE can't be read. Copy it from another node or the backup."
            ) from error
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._keys is None or self._seen != seen:
                self._keys = read_keys(self._path)
                self._seen = seen
            return self._keys

    def seal(self, text: Secret, spot: Spot) -> bytes:
        """``text`` for this one place, under the current key. Raises ``KeyringUnusable``."""
        keys = self.keys()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCMSIV(keys.keys[keys.current])
        body = cipher.encrypt(nonce, text.reveal().encode(), spot.bound)
        return _VERSION + bytes.fromhex(keys.current) + nonce + body

    def open(self, sealed: bytes | memoryview, spot: Spot) -> Secret:
        """What was sealed for this place.

        Raises ``SealedUnderUnknownKey``, ``SealedRowMoved``, ``KeyringUnusable``.
        """
        sealed = bytes(sealed)
        key = self.keys().keys.get(key_id(sealed))
        if key is None:
            raise SealedUnderUnknownKey(
                "Copy the keyring file from the node that sealed it, or from the backup."
            )
        start = 1 + _ID_BYTES
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return Secret(AESGCMSIV(key).decrypt(nonce, body, spot.bound).decode())
        except (InvalidTag, ValueError) as error:
            raise SealedRowMoved(
                f"The {spot.column} in {spot.table} isn't what was stored there. Stop, and find "
                "out who can write to the database."
            ) from error


def keyring() -> Keyring:
    """The one that the settings name; made when it is first needed."""
    return _keyring_at(settings.COORDINATOR.keyring_file)


@lru_cache(maxsize=4)
def _keyring_at(path: Path) -> Keyring:
    prepare_keyring(path)
    return Keyring(path)


def key_id(sealed: bytes) -> str:
    """Which key a value is sealed under. Raises ``SealedRowMoved`` for what we never sealed."""
    if sealed[:1] != _VERSION or len(sealed) < 1 + _ID_BYTES + _NONCE_BYTES:
        raise SealedRowMoved("A sealed value has an unknown form. Restore the database.")
    return bytes(sealed[1 : 1 + _ID_BYTES]).hex()


def prepare_keyring(path: Path) -> None:
    """Make the file with one key if there is none; two processes at once agree on one."""
    if path.exists():
        return
    key = secrets.token_bytes(_KEY_BYTES)
    make_once(path, _file_text(Keys({_id_of(key): key}, _id_of(key))))


def write_keys(path: Path, keys: Keys) -> None:
    """Replace the file in one step: who reads it meanwhile gets the old one or the new one."""
    write_beside(path, _file_text(keys)).replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_keys(path: Path) -> Keys:
    """What the file holds. Raises ``KeyringUnusable``."""
    try:
        mode = path.stat().st_mode
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyringUnusable("The keyring file is missing or damaged: restore it.") from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise KeyringUnusable(f"Others can read {path.name}: chmod 600 it.")
    match content:
        case {"version": 1, "current": str(current), "keys": list(texts)}:
            keys = dict(_read_key(text) for text in texts)
            if current in keys:
                return Keys(keys, current)
    raise KeyringUnusable("The keyring file has an unknown form: restore it.")


def _read_key(text: object) -> tuple[str, bytes]:
    try:
        key = b64decode(text if isinstance(text, str) else "", validate=True)
    except ValueError as error:
        raise KeyringUnusable("A key in the keyring file is garbled: restore it.") from error
    if len(key) != _KEY_BYTES:
        raise KeyringUnusable("A key in the keyring file is garbled: restore it.")
    return _id_of(key), key


def _file_text(keys: Keys) -> str:
    content = {
        "version": 1,
        "current": keys.current,
        "keys": [b64encode(key).decode() for key in keys.keys.values()],
    }
    return json.dumps(content, indent=1)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"tripartite coordinator key id" + key).digest()[:_ID_BYTES].hex()
