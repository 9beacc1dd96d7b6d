"""What is kept beside the wallets, and what is never deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.notes import Nonces, Note, Notebook
from tripartite.agent.wallets.records import WalletNameInvalid, WalletRef
from tripartite.domain.secrets import Secret


@pytest.fixture
def files(tmp_path: Path) -> WalletFiles:
    made = WalletFiles(tmp_path / "pool")
    (made.wallets / "w").write_bytes(b"cache")
    (made.wallets / "w.keys").write_bytes(b"keys")
    return made


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "notes")
    assert notebook.read("w") == Note()
    for note in (Note("4abc", changing=True), Note("4abc", nonces=Nonces.SPENT)):
        notebook.write("w", note, durable=note.nonces is Nonces.SPENT)
        assert Notebook(tmp_path / "notes").read("w") == note
    assert (tmp_path / "notes" / "w.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "../w", "w/x", "W", ".w", "w" * 65, "w\n"], ids=repr)
def test_a_name_that_could_leave_the_directory_is_refused(name: str) -> None:
    with pytest.raises(WalletNameInvalid):
        WalletRef(name, Secret("x"))


def test_a_ref_never_prints_its_password() -> None:
    assert "hunter2" not in repr(WalletRef("w", Secret("hunter2")))


def test_every_slot_sees_the_same_wallets(files: WalletFiles) -> None:
    for number in (0, 1, 0):
        assert (files.slot(number) / "wallets" / "w.keys").read_bytes() == b"keys"


def test_setting_aside_moves_and_deletes_nothing(files: WalletFiles) -> None:
    files.set_wallet_aside("w")
    (files.wallets / "w.keys").write_bytes(b"others")
    files.set_wallet_aside("w")
    files.set_wallet_aside("w")
    assert list(files.wallets.iterdir()) == []
    kept = {path.read_bytes() for path in files.aside.iterdir()}
    assert kept == {b"cache", b"keys", b"others"}


def test_only_the_cache_is_taken_from_a_wallet_that_will_not_open(files: WalletFiles) -> None:
    moved = files.set_cache_aside("w")
    assert moved is not None
    assert moved.read_bytes() == b"cache"
    assert [path.name for path in files.wallets.iterdir()] == ["w.keys"]
    assert files.set_cache_aside("w") is None
    files.put_cache_back("w", moved)
    assert (files.wallets / "w").read_bytes() == b"cache"


def test_the_keys_of_a_finished_wallet_are_kept_twice(files: WalletFiles) -> None:
    files.keep_keys("w")
    copy = files.kept / "w.keys"
    assert copy.read_bytes() == b"keys"
    assert copy.stat().st_mode & 0o077 == 0


def test_directories_are_for_their_owner_only(files: WalletFiles) -> None:
    for place in (files.directory, files.wallets, files.aside, files.kept, files.slot(0)):
        assert place.stat().st_mode & 0o077 == 0
