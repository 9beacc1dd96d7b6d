"""Kits and backups as files: a tar in the age format, with a manifest of hashes inside.

Debian's ``age`` and ``tar`` open them without us. The manifest is ``manifest.json``: what kind of
archive it is, facts about it, and length and SHA-256 of every other file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, cast

import pyrage

from tripartite.agent.keyring import check_private
from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_HEAD: Final = b"age-encryption.org/v1\n"


class ArchiveKeyInvalid(Refused):
    """That can't lock or unlock an archive."""

    code: ClassVar[str] = "archive_key_invalid"


class ArchiveLocked(Refused):
    """This key or passphrase doesn't open the archive, or the file is damaged."""

    code: ClassVar[str] = "archive_locked"


class ArchiveExists(Refused):
    """There is a file of that name already."""

    code: ClassVar[str] = "archive_exists"


class ArchiveMalformed(Refused):
    """That is no kit or backup of ours."""

    code: ClassVar[str] = "archive_malformed"


class ArchiveAltered(Tampered):
    """What is in the archive isn't what its manifest lists."""

    code: ClassVar[str] = "archive_altered"


@dataclass(frozen=True, slots=True)
class Lock:
    """How an archive is encrypted: to age recipients (``age1…``), or under a passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: Secret | None = None

    def __post_init__(self) -> None:
        """Exactly one of the two."""
        if bool(self.recipients) is (self.passphrase is not None):
            raise ArchiveKeyInvalid("Give either recipients (age1…) or a passphrase.")
        if self.passphrase is not None and not self.passphrase.reveal():
            raise ArchiveKeyInvalid("An empty passphrase locks nothing.")


@dataclass(frozen=True, slots=True)
class Key:
    """What opens an archive: an age identity (``AGE-SECRET-KEY-1…``), or a passphrase."""

    identity: Secret | None = None
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened archive. ``sha256`` is that of the encrypted file."""

    kind: str
    about: Mapping[str, Json]
    files: Mapping[str, bytes]
    sha256: str

    def text(self, name: str) -> str:
        """A file as text. Raises ``ArchiveMalformed``."""
        try:
            return self.files[name].decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise ArchiveMalformed(f"It lacks a readable {name}. Use another copy.") from error


def read_identity_file(path: Path) -> Secret:
    """The key in a file that ``age-keygen`` wrote.

    Raises ``ArchiveKeyInvalid``, and ``KeyFileUnsafe`` if others can read it.
    """
    check_private(path)
    lines = [line.strip() for line in path.read_text().splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise ArchiveKeyInvalid(f"{path} must hold one line AGE-SECRET-KEY-1…")
    return Secret(keys[0])


def write_archive(
    path: Path,
    lock: Lock,
    *,
    kind: str,
    about: Mapping[str, Json],
    files: Mapping[str, bytes],
) -> str:
    """Write a new archive, on the disk when this returns; its SHA-256.

    Raises ``ArchiveExists``, ``ArchiveKeyInvalid``.
    """
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "about": dict(about),
        "files": {name: _entry(content) for name, content in sorted(files.items())},
    }
    whole = {_MANIFEST: json.dumps(manifest, indent=1).encode(), **files}
    sealed = _encrypt(_packed(whole), lock)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ArchiveExists(f"{path} stays as it is. Choose another name.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(sealed).hexdigest()


def read_archive(path: Path, key: Key) -> Archive:
    """Decrypt an archive and compare everything in it with its manifest.

    Raises ``ArchiveLocked``, ``ArchiveKeyInvalid``, ``ArchiveMalformed``, ``ArchiveAltered``.
    """
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise ArchiveMalformed(f"{path} can't be read. Check the path.") from error
    if not sealed.startswith(_HEAD):
        raise ArchiveMalformed(f"{path} is no age file.")
    files = _unpacked(_decrypt(sealed, key))
    kind, about, listed = _manifest(files.pop(_MANIFEST, b""))
    found = {name: _entry(content) for name, content in files.items()}
    if found != listed:
        wrong = sorted(name for name in {*found, *listed} if found.get(name) != listed.get(name))
        raise ArchiveAltered(f"{', '.join(wrong)} differ from the manifest. Use another copy.")
    return Archive(kind, about, files, hashlib.sha256(sealed).hexdigest())


def _encrypt(plain: bytes, lock: Lock) -> bytes:
    if lock.passphrase is not None:
        return pyrage.passphrase.encrypt(plain, lock.passphrase.reveal())
    try:
        recipients = [pyrage.x25519.Recipient.from_str(one) for one in lock.recipients]
    except pyrage.RecipientError as error:
        raise ArchiveKeyInvalid("A recipient looks like age1…; see age-keygen(1).") from error
    return pyrage.encrypt(plain, recipients)


def _decrypt(sealed: bytes, key: Key) -> bytes:
    try:
        if key.passphrase is not None:
            return pyrage.passphrase.decrypt(sealed, key.passphrase.reveal())
        if key.identity is None:
            raise ArchiveKeyInvalid("Give the passphrase or the identity file that opens it.")
        identity = pyrage.x25519.Identity.from_str(key.identity.reveal())
        return pyrage.decrypt(sealed, [identity])
    except pyrage.IdentityError as error:
        raise ArchiveKeyInvalid("An age identity looks like AGE-SECRET-KEY-1…") from error
    except pyrage.DecryptError as error:
        raise ArchiveLocked("Try the other passphrase or key; else use another copy.") from error


def _packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _unpacked(plain: bytes) -> dict[str, bytes]:
    """Only plain files, into memory: no name in an archive becomes a path here."""
    files: dict[str, bytes] = {}
    try:
        # "r:" is plain tar: nothing in it is unpacked to more than it is.
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or member.name in files:
                    raise ArchiveMalformed("It holds something else than plain files.")
                files[member.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise ArchiveMalformed("What it encrypts is no tar archive.") from error
    return files


def _manifest(content: bytes) -> tuple[str, Mapping[str, Json], Mapping[str, object]]:
    try:
        read: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArchiveMalformed("It has no readable manifest.json.") from error
    match read:
        case {"format": 1, "kind": str(kind), "about": dict(about), "files": dict(files)}:
            return kind, cast("Mapping[str, Json]", about), cast("Mapping[str, object]", files)
        case _:
            raise ArchiveMalformed("Its manifest has another form. Update Tripartite.")


def _entry(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
