"""Kits and backups as files: what opens, what doesn't, and that other people's tools open them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pyrage
import pytest

from tripartite.domain.secrets import Secret
from tripartite.protocol.archive import (
    ArchiveAltered,
    ArchiveExists,
    ArchiveKeyInvalid,
    ArchiveLocked,
    ArchiveMalformed,
    Key,
    Lock,
    read_archive,
    read_identity_file,
    unpack_archive,
    write_archive,
)

FILES = {"a.txt": b"one", "deeper/b.txt": b"two"}
AGE = shutil.which("age") or "age"
IDENTITY = pyrage.x25519.Identity.generate()
LOCK = Lock(recipients=(str(IDENTITY.to_public()),))
KEY = Key(identity=Secret(str(IDENTITY)))


def written(path: Path) -> Path:
    write_archive(path, LOCK, kind="backup", about={"network": "regtest"}, files=FILES)
    return path


def sealed(path: Path, files: dict[str, bytes]) -> Path:
    """An age file with any tar in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    path.write_bytes(pyrage.encrypt(buffer.getvalue(), [IDENTITY.to_public()]))
    return path


def test_an_archive_opens_with_its_key_and_says_what_it_is(tmp_path: Path) -> None:
    archive = read_archive(written(tmp_path / "one"), KEY)

    assert (archive.kind, archive.about, archive.files) == ("backup", {"network": "regtest"}, FILES)
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0


def test_a_passphrase_serves_as_well(tmp_path: Path) -> None:
    secret = Secret("correct horse")
    write_archive(tmp_path / "one", Lock(passphrase=secret), kind="kit", about={}, files=FILES)

    assert read_archive(tmp_path / "one", Key(passphrase=secret)).files == FILES
    with pytest.raises(ArchiveLocked):
        read_archive(tmp_path / "one", Key(passphrase=Secret("wrong horse")))


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    other = Key(identity=Secret(str(pyrage.x25519.Identity.generate())))

    with pytest.raises(ArchiveLocked):
        read_archive(written(tmp_path / "one"), other)


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    written(tmp_path / "one")

    with pytest.raises(ArchiveExists):
        written(tmp_path / "one")


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "one")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArchiveLocked):
        read_archive(path, KEY)


def test_what_the_manifest_does_not_list_is_tampering(tmp_path: Path) -> None:
    manifest = {"format": 1, "kind": "kit", "about": {}, "files": {}}
    path = sealed(tmp_path / "x", {"manifest.json": json.dumps(manifest).encode(), "more": b"x"})

    with pytest.raises(ArchiveAltered):
        read_archive(path, KEY)


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"format": 2}'])
def test_what_has_no_manifest_of_ours_is_no_archive(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(ArchiveMalformed):
        read_archive(sealed(tmp_path / "x", {"manifest.json": manifest}), KEY)


def test_what_is_no_tar_inside_is_no_archive_however_much_there_is(tmp_path: Path) -> None:
    """More than a pipe holds: whoever decrypts is still writing when the reader gives up."""
    path = tmp_path / "x"
    path.write_bytes(pyrage.encrypt(bytes(range(256)) * 4_000, [IDENTITY.to_public()]))

    with pytest.raises(ArchiveMalformed):
        read_archive(path, KEY)


def test_a_large_file_goes_through_piece_by_piece(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 12_000)
    write_archive(tmp_path / "x", LOCK, kind="backup", about={"n": 1}, files={"large": large})
    (tmp_path / "into").mkdir()

    about = unpack_archive(tmp_path / "x", KEY, tmp_path / "into", kind="backup")

    assert about == {"n": 1}
    assert (tmp_path / "into" / "large").read_bytes() == large.read_bytes()


def test_no_name_in_an_archive_becomes_a_path(tmp_path: Path) -> None:
    for name in ("../outside", "/outside", "a/b", "..", ".", ".hidden", "a" * 300):
        path = sealed(tmp_path / "x", {name: b"x"})
        with pytest.raises(ArchiveMalformed):
            unpack_archive(path, KEY, tmp_path, kind="backup")

    assert sorted(one.name for one in tmp_path.iterdir()) == ["x"]


def test_an_archive_of_another_kind_is_not_unpacked_as_this_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_archive(path, LOCK, kind="kit", about={}, files={})

    with pytest.raises(ArchiveMalformed):
        unpack_archive(path, KEY, tmp_path, kind="backup")


def test_what_is_no_age_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PK\x03\x04")

    for path in (tmp_path / "x", tmp_path / "absent"):
        with pytest.raises(ArchiveMalformed):
            read_archive(path, KEY)


def test_a_lock_is_one_thing_or_the_other() -> None:
    for recipients, passphrase in (((), None), (("age1x",), Secret("x")), ((), Secret(""))):
        with pytest.raises(ArchiveKeyInvalid):
            Lock(recipients, passphrase)


def test_a_recipient_or_identity_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveKeyInvalid):
        write_archive(tmp_path / "x", Lock(("age1junk",)), kind="kit", about={}, files={})
    for key in (Key(), Key(identity=Secret("junk"))):
        with pytest.raises(ArchiveKeyInvalid):
            read_archive(written(tmp_path / f"one-{key.identity is None}"), key)


def test_an_identity_file_is_private_and_holds_one_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("# created: today\n\nAGE-SECRET-KEY-1X\n")
    path.chmod(0o644)
    with pytest.raises(ArchiveKeyInvalid, match="chmod 600"):
        read_identity_file(path)

    path.chmod(0o600)
    assert read_identity_file(path) == Key(identity=Secret("AGE-SECRET-KEY-1X"))

    path.write_text("")
    with pytest.raises(ArchiveKeyInvalid):
        read_identity_file(path)


def test_age_and_tar_open_what_we_wrote(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(str(IDENTITY))
    path = written(tmp_path / "one")

    plain = subprocess.run(
        [AGE, "--decrypt", "--identity", str(key), str(path)], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        assert tar.getnames() == [*FILES, "manifest.json"]


def test_we_open_what_age_encrypted(tmp_path: Path) -> None:
    path = written(tmp_path / "one")
    plain = pyrage.decrypt(path.read_bytes(), [IDENTITY])

    again = tmp_path / "again"
    subprocess.run(
        [AGE, "--recipient", str(IDENTITY.to_public()), "--output", str(again)],
        input=plain,
        check=True,
    )
    assert read_archive(again, KEY).files == FILES
