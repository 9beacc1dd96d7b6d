"""Secrets at rest: one master key, and values that decrypt only in their own row.

The master key comes from a passphrase (Argon2id) or from a key file. ``keyring.json`` in the
agent's home says which, with the parameters, and holds a sealed word that tells a wrong
passphrase from a broken journal. The key itself is never in it.

A sealed value is ``version (1) | key id (8) | nonce (12) | AES-256-GCM-SIV ciphertext and tag``,
with ``table|column|primary key`` as associated data: a value copied to another row doesn't open.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.secrets import Secret

FORMAT: Final = 1
KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 16
_HEADER: Final = bytes([FORMAT])
_CHECK_WORD: Final = b"tripartite"
_CHECK_PLACE: Final = ("keyring", "check", "1")


class PassphraseWrong(Refused):
    """This passphrase or key file doesn't open the agent's home."""

    code: ClassVar[str] = "passphrase_wrong"


class KeyFileUnsafe(Refused):
    """The key file can be read by others, or isn't a key file."""

    code: ClassVar[str] = "key_file_unsafe"


class KeyringUnreadable(Refused):
    """The agent's keyring file is missing or damaged."""

    code: ClassVar[str] = "keyring_unreadable"


class SealedValueMoved(Tampered):
    """A secret in the journal was changed, or moved to another row."""

    code: ClassVar[str] = "sealed_value_moved"


@dataclass(frozen=True, slots=True)
class Stretching:
    """Argon2id parameters. The defaults are RFC 9106's second recommendation (64 MiB)."""

    time_cost: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


class Keyring:
    """Seals and opens values. Made by ``create_keyring`` and ``open_keyring``."""

    def __init__(self, key: bytes) -> None:
        self._key_id = hashlib.sha256(b"tripartite agent key id" + key).digest()[:_KEY_ID_BYTES]
        self._cipher = AESGCMSIV(key)

    def seal(self, text: Secret, *, table: str, column: str, key: str) -> bytes:
        """``text`` for this one place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._cipher.encrypt(nonce, text.reveal().encode(), _place(table, column, key))
        return _HEADER + self._key_id + nonce + body

    def open(self, sealed: bytes, *, table: str, column: str, key: str) -> Secret:
        """What ``seal`` sealed for this place.

        Raises:
            PassphraseWrong: it was sealed under another key.
            SealedValueMoved: it was changed, or sealed for another place.
        """
        if sealed[:1] != _HEADER:
            raise SealedValueMoved("A sealed value has an unknown format. Restore the journal.")
        start = 1 + _KEY_ID_BYTES
        if sealed[1:start] != self._key_id:
            raise PassphraseWrong("Another key sealed this. Use this home's own passphrase or key.")
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            plain = self._cipher.decrypt(nonce, body, _place(table, column, key))
        except (InvalidTag, ValueError) as error:
            raise SealedValueMoved(
                f"The {column} in {table} isn't what was stored there. Stop, and restore the "
                "journal from a backup you trust."
            ) from error
        return Secret(plain.decode())


def create_keyring(
    path: Path,
    *,
    passphrase: Secret | None = None,
    key_file: Path | None = None,
    stretching: Stretching | None = None,
) -> Keyring:
    """A new keyring file at ``path``, opened. Give a passphrase or a key file, not both.

    A key file that doesn't exist is made, with 32 random bytes.
    Raises ``KeyFileUnsafe``, ``KeyringUnreadable`` (``path`` exists), ``PassphraseWrong`` (empty).
    """
    about: dict[str, object]
    if key_file is not None:
        key = _made_key(key_file)
        about = {"source": "key_file", "path": str(key_file.absolute())}
    else:
        chosen = stretching or Stretching()
        salt = secrets.token_bytes(_SALT_BYTES)
        about = {
            "source": "passphrase",
            "kdf": "argon2id",
            "salt": b64encode(salt).decode(),
            "time_cost": chosen.time_cost,
            "memory_kib": chosen.memory_kib,
            "lanes": chosen.lanes,
        }
        if passphrase is None or not passphrase.reveal():
            raise PassphraseWrong("Give a passphrase that isn't empty, or a key file.")
        key = _stretched(passphrase, salt, chosen)
    keyring = Keyring(key)
    table, column, row = _CHECK_PLACE
    check = keyring.seal(Secret(_CHECK_WORD.decode()), table=table, column=column, key=row)
    content = {"version": FORMAT, **about, "check": b64encode(check).decode()}
    write_private(path, json.dumps(content, indent=1).encode())
    return keyring


def open_keyring(
    path: Path, *, passphrase: Secret | None = None, key_file: Path | None = None
) -> Keyring:
    """The keyring of ``path``.

    ``key_file`` overrides the place that was noted when it was made.
    Raises ``PassphraseWrong``, ``KeyFileUnsafe``, ``KeyringUnreadable``.
    """
    content = _read(path)
    match content:
        case {"version": 1, "source": "key_file", "path": str(noted), "check": str(check)}:
            keyring = Keyring(_read_key(key_file or Path(noted)))
        case {
            "version": 1,
            "source": "passphrase",
            "kdf": "argon2id",
            "salt": str(salt),
            "time_cost": int(time_cost),
            "memory_kib": int(memory_kib),
            "lanes": int(lanes),
            "check": str(check),
        }:
            if passphrase is None:
                raise PassphraseWrong("This home is under a passphrase: give it.")
            stretching = Stretching(time_cost, memory_kib, lanes)
            keyring = Keyring(_stretched(passphrase, b64decode(salt), stretching))
        case _:
            raise KeyringUnreadable("keyring.json has an unknown form. Restore it from a backup.")
    table, column, row = _CHECK_PLACE
    try:
        keyring.open(b64decode(check), table=table, column=column, key=row)
    except SealedValueMoved as error:
        raise KeyringUnreadable("keyring.json is damaged. Restore it from a backup.") from error
    return keyring


def wants_passphrase(path: Path) -> bool:
    """Whether this home is under a passphrase. Raises ``KeyringUnreadable``."""
    return _read(path).get("source") == "passphrase"


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises ``KeyringUnreadable`` if there is one already: a secret is never written over.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyringUnreadable(f"{path.name} exists already, and stays. Use it.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def check_private(path: Path) -> None:
    """Refuse a secret file that others can read. Raises ``KeyFileUnsafe``."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileUnsafe(f"{path} can't be read. Check the path.") from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise KeyFileUnsafe(f"{path} must be a file that only you can read: chmod 600 it.")


def _made_key(path: Path) -> bytes:
    if not path.exists():
        write_private(path, b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    check_private(path)
    try:
        key = b64decode(path.read_bytes().strip(), validate=True)
    except ValueError as error:
        raise KeyFileUnsafe(f"{path} isn't a key file.") from error
    if len(key) != KEY_BYTES:
        raise KeyFileUnsafe(f"{path} isn't a key file: it holds {KEY_BYTES} bytes in base64.")
    return key


def _read(path: Path) -> dict[str, object]:
    try:
        content: object = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise KeyringUnreadable(
            "There is no agent in this home. Make one with `tripartite agent init`."
        ) from error
    except (OSError, ValueError) as error:
        raise KeyringUnreadable("keyring.json can't be read. Restore it from a backup.") from error
    if not isinstance(content, dict):
        raise KeyringUnreadable("keyring.json has an unknown form. Restore it from a backup.")
    return cast("dict[str, object]", content)


def _stretched(passphrase: Secret, salt: bytes, stretching: Stretching) -> bytes:
    return hash_secret_raw(
        passphrase.reveal().encode(),
        salt,
        time_cost=stretching.time_cost,
        memory_cost=stretching.memory_kib,
        parallelism=stretching.lanes,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )


def _place(table: str, column: str, key: str) -> bytes:
    return f"{table}|{column}|{key}".encode()


class LockedKeyring:
    """Stands in for the keyring where nothing sealed is needed, such as for a status."""

    def seal(self, text: Secret, *, table: str, column: str, key: str) -> bytes:  # noqa: ARG002 — the interface of Keyring
        """Refuse."""
        raise PassphraseWrong("This needs the home's passphrase or key file.")

    def open(self, sealed: bytes, *, table: str, column: str, key: str) -> Secret:  # noqa: ARG002 — the interface of Keyring
        """Refuse."""
        raise PassphraseWrong("This needs the home's passphrase or key file.")
