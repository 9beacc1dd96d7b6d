"""Kits and backups as files: a tar in the age format, with a manifest of hashes inside.

Debian's ``age`` and ``tar`` open them without us. ``manifest.json`` says what kind of archive it
is, facts about it, and length and SHA-256 of every other file. We write it last, as hashes are known
once everything was written; a coordinator's database may be gigabytes, so archives for age keys are
written and read piece by piece. (A passphrase locks small ones: age's library has no pieces there.)
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import ClassVar, Final, Protocol, cast

import pyrage

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_LONGEST_MANIFEST: Final = 16 * 1024**2
_HEAD: Final = b"age-encryption.org/v1\n"
_PIECE: Final = 1024**2
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""What may become a file in a directory of ours: no path, nothing hidden."""


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

    @property
    def recipient(self) -> str:
        """``age1…``, the identity's public half. Raises ``ArchiveKeyInvalid``."""
        return str(_identity(self).to_public())


@dataclass(frozen=True, slots=True)
class Archive:
    """A small archive, opened and compared with its manifest."""

    kind: str
    about: Mapping[str, Json]
    files: Mapping[str, bytes]

    def text(self, name: str) -> str:
        """A file as text. Raises ``ArchiveMalformed``."""
        try:
            return self.files[name].decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise ArchiveMalformed(f"It lacks a readable {name}. Use another copy.") from error


def new_key() -> Key:
    """A key for one use."""
    return Key(identity=Secret(str(pyrage.x25519.Identity.generate())))


def read_identity_file(path: Path) -> Key:
    """The key in a file that ``age-keygen`` wrote. Raises ``ArchiveKeyInvalid``."""
    try:
        if path.stat().st_mode & 0o077:
            raise ArchiveKeyInvalid(f"Others can read {path}: chmod 600 it.")
        lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError) as error:
        raise ArchiveKeyInvalid(f"{path} can't be read. Name the file of age-keygen.") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise ArchiveKeyInvalid(f"{path} must hold one line AGE-SECRET-KEY-1…")
    return Key(identity=Secret(keys[0]))


def write_archive(
    path: Path,
    lock: Lock,
    *,
    kind: str,
    about: Mapping[str, Json],
    files: Mapping[str, Path | bytes],
) -> str:
    """Write a new archive, on the disk when this returns; the SHA-256 of the encrypted file.

    Raises ``ArchiveExists``, ``ArchiveKeyInvalid``; ``OSError`` when the disk is full.
    """
    try:
        recipients = [pyrage.x25519.Recipient.from_str(one) for one in lock.recipients]
    except pyrage.RecipientError as error:
        raise ArchiveKeyInvalid("A recipient looks like age1…; see age-keygen(1).") from error
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ArchiveExists(f"{path} stays as it is. Choose another name.") from error
    with os.fdopen(handle, "wb") as out:
        if lock.passphrase is None:
            with _fed_by(lambda pipe: _write_tar(pipe, kind, about, files)) as plain:
                try:
                    pyrage.encrypt_io(plain, out, recipients)
                except pyrage.EncryptError as error:
                    raise OSError(str(error)) from error
        else:
            tar = io.BytesIO()
            _write_tar(tar, kind, about, files)
            out.write(pyrage.passphrase.encrypt(tar.getvalue(), lock.passphrase.reveal()))
        out.flush()
        os.fsync(out.fileno())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_archive(path: Path, key: Key) -> Archive:
    """Decrypt a small archive into memory and compare everything in it with its manifest.

    Raises ``ArchiveLocked``, ``ArchiveKeyInvalid``, ``ArchiveMalformed``, ``ArchiveAltered``.
    """
    files: dict[str, bytes] = {}

    def keep(name: str, source: _Source) -> None:
        files[name] = source.read()

    kind, about = _open(path, key, keep)
    return Archive(kind, about, files)


def unpack_archive(path: Path, key: Key, into: Path, *, kind: str) -> Mapping[str, Json]:
    """Decrypt an archive of this kind into a directory and compare; what it says ``about`` itself.

    Raises as ``read_archive``. After an error the directory may hold some of the files.
    """

    def keep(name: str, source: _Source) -> None:
        if not _FILE_NAME.fullmatch(name):
            raise ArchiveMalformed("It holds something else than plain files.")
        handle = os.open(into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            while piece := source.read(_PIECE):
                out.write(piece)

    found, about = _open(path, key, keep)
    if found != kind:
        raise ArchiveMalformed(f"That is no backup of a {kind}.")
    return about


def _open(
    path: Path, key: Key, keep: Callable[[str, _Source], None]
) -> tuple[str, Mapping[str, Json]]:
    """Show ``keep`` each file, then compare; the archive's kind and what it says about itself."""
    with _decrypted(path, key) as plain:
        found, text = _read_tar(plain, keep)
    kind, about, listed = _manifest(text)
    if found != listed:
        wrong = sorted(name for name in {*found, *listed} if found.get(name) != listed.get(name))
        raise ArchiveAltered(f"{', '.join(wrong)} differ from the manifest. Use another copy.")
    return kind, about


def _write_tar(
    out: BufferedIOBase, kind: str, about: Mapping[str, Json], files: Mapping[str, Path | bytes]
) -> None:
    entries: dict[str, Json] = {}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            with _source(content) as (source, size):
                hashed = _Hashed(source)
                _add(tar, name, hashed, size)
            entries[name] = hashed.entry()
        manifest: dict[str, Json] = {
            "format": FORMAT, "kind": kind, "about": dict(about), "files": entries,
        }  # fmt: skip  # four facts
        text = json.dumps(manifest, indent=1).encode()
        _add(tar, _MANIFEST, io.BytesIO(text), len(text))


def _add(tar: tarfile.TarFile, name: str, source: object, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, source)  # type: ignore[arg-type]  # only ``read`` is asked for


def _read_tar(
    plain: BufferedIOBase, keep: Callable[[str, _Source], None]
) -> tuple[dict[str, object], bytes]:
    """What was found, by name, and the manifest. Only plain files, and each name once."""
    found: dict[str, object] = {}
    manifest = b""
    try:
        # "r|" is plain tar: nothing in it is unpacked to more than it is.
        with tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if (
                    content is None
                    or member.name in found
                    or (manifest and member.name == _MANIFEST)
                ):
                    raise ArchiveMalformed("It holds something else than plain files.")
                if member.name == _MANIFEST:
                    manifest = content.read(_LONGEST_MANIFEST)
                    continue
                hashed = _Hashed(content)
                keep(member.name, hashed)
                found[member.name] = hashed.entry()
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise ArchiveMalformed("What it encrypts is no tar archive.") from error
    # To the end: only then the last piece was authenticated.
    while plain.read(_PIECE):
        continue
    return found, manifest


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


@contextmanager
def _decrypted(path: Path, key: Key) -> Iterator[BufferedIOBase]:
    try:
        sealed = path.open("rb")
    except OSError as error:
        raise ArchiveMalformed(f"{path} can't be read. Check the path.") from error
    with sealed:
        if sealed.read(len(_HEAD)) != _HEAD:
            raise ArchiveMalformed(f"{path} is no age file.")
        sealed.seek(0)
        if key.passphrase is not None:
            yield io.BytesIO(_by_passphrase(sealed.read(), key.passphrase))
            return
        identity = _identity(key)
        with _fed_by(lambda pipe: _decrypt(sealed, pipe, identity)) as plain:
            yield plain


def _by_passphrase(sealed: bytes, passphrase: Secret) -> bytes:
    try:
        return pyrage.passphrase.decrypt(sealed, passphrase.reveal())
    except pyrage.DecryptError as error:
        raise ArchiveLocked("Try the other passphrase or key; else use another copy.") from error


def _decrypt(
    sealed: BufferedIOBase, plain: BufferedIOBase, identity: pyrage.x25519.Identity
) -> None:
    try:
        pyrage.decrypt_io(sealed, plain, [identity])
    except pyrage.DecryptError as error:
        raise ArchiveLocked("Try the other passphrase or key; else use another copy.") from error
    except OSError as error:
        if "decryption error" not in str(error):
            raise
        raise ArchiveLocked("The file is damaged or cut off. Use another copy.") from error


def _identity(key: Key) -> pyrage.x25519.Identity:
    if key.identity is None:
        raise ArchiveKeyInvalid("Give the passphrase or the identity file that opens it.")
    try:
        return pyrage.x25519.Identity.from_str(key.identity.reveal())
    except pyrage.IdentityError as error:
        raise ArchiveKeyInvalid("An age identity looks like AGE-SECRET-KEY-1…") from error


@contextmanager
def _fed_by(produce: Callable[[BufferedIOBase], None]) -> Iterator[BufferedIOBase]:
    """The reading end of a pipe that ``produce`` fills in a thread; its errors come out here.

    What the block raises goes first, but for a tar that makes no sense: if the producer failed, too,
    that is why.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                produce(pipe)
        except BrokenPipeError:
            return  # the block read no further, and says why itself
        except BaseException as error:  # noqa: BLE001 — raised below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="archive")
    thread.start()
    malformed: ArchiveMalformed | None = None
    try:
        with os.fdopen(reading, "rb") as pipe:
            try:
                yield pipe
            except ArchiveMalformed as error:
                malformed = error
    finally:
        thread.join()
    if failures:
        raise failures[0]
    if malformed is not None:
        raise malformed


class _Source(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Hashed:
    """A source that is hashed while it is read."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        self._sha256.update(piece)
        self._bytes += len(piece)
        return piece

    def entry(self) -> dict[str, Json]:
        """What the manifest says of it."""
        return {"bytes": self._bytes, "sha256": self._sha256.hexdigest()}


@contextmanager
def _source(content: Path | bytes) -> Iterator[tuple[_Source, int]]:
    """What to read, and how many bytes there are."""
    if isinstance(content, bytes):
        yield io.BytesIO(content), len(content)
        return
    with content.open("rb") as file:
        yield file, os.fstat(file.fileno()).st_size
