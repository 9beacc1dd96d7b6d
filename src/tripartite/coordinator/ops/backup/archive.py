"""A backup as a file: a tar in the age format, written and read piece by piece.

Debian's ``age`` and ``tar`` open it without us. ``manifest.json`` comes last, as hashes are known
once everything was written; nothing is held in memory but one piece.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import ClassVar, Final, Protocol

import pyrage

from tripartite.domain.errors import Refused, Tampered
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json

FORMAT: Final = 1
KIND: Final = "tripartite coordinator"
_MANIFEST: Final = "manifest.json"
_LONGEST_MANIFEST: Final = 16 * 1024**2
_PIECE: Final = 1024**2


class BackupFileExists(Refused):
    """There is a file of that name already."""

    code: ClassVar[str] = "backup_file_exists"


class BackupKeyInvalid(Refused):
    """That can't lock or unlock a backup."""

    code: ClassVar[str] = "backup_key_invalid"


class BackupLocked(Refused):
    """This key doesn't open the backup, or the file is damaged."""

    code: ClassVar[str] = "backup_locked"


class BackupMalformed(Refused):
    """That is no backup of a coordinator."""

    code: ClassVar[str] = "backup_malformed"


class BackupAltered(Tampered):
    """What is in the backup isn't what its manifest lists."""

    code: ClassVar[str] = "backup_altered"


def new_identity() -> Secret:
    """A key for one use."""
    return Secret(str(pyrage.x25519.Identity.generate()))


def recipient_of(identity: Secret) -> str:
    """``age1…``, the public half. Raises ``BackupKeyInvalid``."""
    return str(_identity(identity).to_public())


def read_identity_file(path: Path) -> Secret:
    """The key in a file that ``age-keygen`` wrote. Raises ``BackupKeyInvalid``."""
    try:
        if path.stat().st_mode & 0o077:
            raise BackupKeyInvalid(f"Others can read {path}: chmod 600 it.")
        lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError) as error:
        raise BackupKeyInvalid(f"{path} can't be read. Name the file of age-keygen.") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise BackupKeyInvalid(f"{path} must hold one line AGE-SECRET-KEY-1…")
    return Secret(keys[0])


def pack(
    path: Path,
    recipients: Sequence[str],
    *,
    about: Mapping[str, Json],
    files: Mapping[str, Path | bytes],
) -> str:
    """Write a new file, on the disk when this returns; its SHA-256.

    Raises ``BackupFileExists``, ``BackupKeyInvalid``; ``OSError`` when the disk is full.
    """
    try:
        locks = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    except pyrage.RecipientError as error:
        raise BackupKeyInvalid("A recipient looks like age1…; see age-keygen(1).") from error
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BackupFileExists(f"{path} stays as it is. Choose another name.") from error
    with os.fdopen(handle, "wb") as out:
        with _fed_by(lambda pipe: _write_tar(pipe, about, files)) as plain:
            try:
                pyrage.encrypt_io(plain, out, locks)
            except pyrage.EncryptError as error:
                raise OSError(str(error)) from error
        out.flush()
        os.fsync(out.fileno())
    return _sha256(path)


def unpack(path: Path, identity: Secret, into: Path) -> Mapping[str, Json]:
    """Decrypt into a directory, compare everything with the manifest; what it says ``about``.

    Raises ``BackupLocked``, ``BackupKeyInvalid``, ``BackupMalformed``, ``BackupAltered``.
    """
    key = _identity(identity)
    try:
        with path.open("rb") as sealed, _fed_by(lambda pipe: _decrypt(sealed, pipe, key)) as plain:
            found, manifest = _read_tar(plain, into)
    except FileNotFoundError as error:
        raise BackupMalformed(f"{path} isn't there. Check the name.") from error
    match manifest:
        case {"format": 1, "kind": str(kind), "about": dict(about), "files": dict(files)} if (
            kind == KIND
        ):
            pass
        case _:
            raise BackupMalformed("Its manifest has another form. Update Tripartite.")
    if found != files:
        wrong = sorted(name for name in {*found, *files} if found.get(name) != files.get(name))
        raise BackupAltered(f"{', '.join(wrong)} differ from the manifest. Use another copy.")
    return about


def _write_tar(
    out: BufferedWriter, about: Mapping[str, Json], files: Mapping[str, Path | bytes]
) -> None:
    entries: dict[str, Json] = {}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            with _opened(content) as (source, size):
                hashed = _Hashed(source)
                _add(tar, name, hashed, size)
            entries[name] = {"bytes": size, "sha256": hashed.sha256.hexdigest()}
        manifest: dict[str, Json] = {
            "format": FORMAT, "kind": KIND, "about": dict(about), "files": entries,
        }  # fmt: skip  # four facts
        text = json.dumps(manifest, indent=1).encode()
        _add(tar, _MANIFEST, io.BytesIO(text), len(text))


def _add(tar: tarfile.TarFile, name: str, source: object, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, source)  # type: ignore[arg-type]  # only ``read`` is asked for


def _read_tar(plain: BufferedReader, into: Path) -> tuple[dict[str, object], object]:
    """Only plain files: what a name holds besides its last part never becomes a path."""
    found: dict[str, object] = {}
    manifest: object = None
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() else None
            name = member.name
            if source is None or name in found or Path(name).name != name or manifest is not None:
                raise BackupMalformed("It holds something else than plain files.")
            if name == _MANIFEST:
                try:
                    manifest = json.loads(source.read(_LONGEST_MANIFEST))
                except (ValueError, RecursionError) as error:
                    raise BackupMalformed("Its manifest can't be read.") from error
                continue
            hashed = _Hashed(source)
            handle = os.open(into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                while piece := hashed.read(_PIECE):
                    out.write(piece)
            found[name] = {"bytes": member.size, "sha256": hashed.sha256.hexdigest()}
    # To the end: only then the last piece was authenticated.
    while plain.read(_PIECE):
        continue
    return found, manifest


def _decrypt(sealed: BufferedReader, plain: BufferedWriter, key: pyrage.x25519.Identity) -> None:
    try:
        pyrage.decrypt_io(sealed, plain, [key])
    except pyrage.DecryptError as error:
        raise BackupLocked("Try the other key; else use another copy.") from error
    except OSError as error:
        if "decryption error" not in str(error):
            raise
        raise BackupLocked("The file is damaged or cut off. Use another copy.") from error


@contextmanager
def _fed_by(produce: Callable[[BufferedWriter], None]) -> Iterator[BufferedReader]:
    """The reading end of a pipe that ``produce`` fills in a thread; its errors come out here.

    What the block raises goes first, but for a tar that ends too early: then the error is the
    producer's.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def run() -> None:
        with os.fdopen(writing, "wb") as pipe:
            try:
                produce(pipe)
            except BaseException as error:  # noqa: BLE001 — raised below, in the caller's thread
                failures.append(error)

    thread = threading.Thread(target=run, name="backup")
    thread.start()
    cut_off: tarfile.TarError | None = None
    try:
        with os.fdopen(reading, "rb") as pipe:
            try:
                yield pipe
            except tarfile.TarError as error:
                cut_off = error
    finally:
        thread.join()
    if failures:
        raise failures[0]
    if cut_off is not None:
        raise BackupMalformed("What it encrypts is no tar archive.") from cut_off


class _Source(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Hashed:
    """A source that is hashed while it is read."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self.sha256.update(piece)
        return piece


@contextmanager
def _opened(content: Path | bytes) -> Iterator[tuple[_Source, int]]:
    if isinstance(content, bytes):
        yield io.BytesIO(content), len(content)
        return
    with content.open("rb") as file:
        yield file, os.fstat(file.fileno()).st_size


def _identity(secret: Secret) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(secret.reveal())
    except pyrage.IdentityError as error:
        raise BackupKeyInvalid("An age identity looks like AGE-SECRET-KEY-1…") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
