from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.agent.market import QUICK
from tripartite.agent.keyring import (
    KeyFileUnsafe,
    Keyring,
    KeyringUnreadable,
    PassphraseWrong,
    SealedValueMoved,
    create_keyring,
    open_keyring,
)
from tripartite.domain.secrets import Secret

WORDS = Secret("the password of a wallet")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def made(path: Path, passphrase: str = "open sesame") -> Keyring:
    return create_keyring(path, passphrase=Secret(passphrase), stretching=QUICK)


def test_what_was_sealed_opens_again_with_the_passphrase(path: Path) -> None:
    sealed = made(path).seal(WORDS, table="wallets", column="sealed", key="a")

    again = open_keyring(path, passphrase=Secret("open sesame"))

    assert again.open(sealed, table="wallets", column="sealed", key="a") == WORDS
    assert WORDS.reveal().encode() not in sealed


def test_the_keyring_file_holds_no_key_and_is_private(path: Path) -> None:
    made(path)

    assert "open sesame" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_passphrase_is_told_apart_from_damage(path: Path) -> None:
    made(path)

    with pytest.raises(PassphraseWrong):
        open_keyring(path, passphrase=Secret("open barley"))


def test_an_empty_passphrase_makes_no_keyring(path: Path) -> None:
    with pytest.raises(PassphraseWrong):
        made(path, "")


@pytest.mark.parametrize(
    "place",
    [
        {"table": "wallets", "column": "sealed", "key": "b"},
        {"table": "payouts", "column": "sealed", "key": "a"},
        {"table": "wallets", "column": "other", "key": "a"},
    ],
)
def test_a_secret_moved_to_another_row_does_not_open(path: Path, place: dict[str, str]) -> None:
    keyring = made(path)
    sealed = keyring.seal(WORDS, table="wallets", column="sealed", key="a")

    with pytest.raises(SealedValueMoved):
        keyring.open(sealed, **place)


def test_a_changed_secret_does_not_open(path: Path) -> None:
    keyring = made(path)
    sealed = bytearray(keyring.seal(WORDS, table="t", column="c", key="k"))
    sealed[-1] ^= 1

    with pytest.raises(SealedValueMoved):
        keyring.open(bytes(sealed), table="t", column="c", key="k")


def test_a_secret_of_another_home_names_the_key_as_the_trouble(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one.json"), made(tmp_path / "other.json")
    sealed = one.seal(WORDS, table="t", column="c", key="k")

    with pytest.raises(PassphraseWrong):
        other.open(sealed, table="t", column="c", key="k")


def test_a_key_file_is_made_private_and_opens_the_home(path: Path, tmp_path: Path) -> None:
    key = tmp_path / "agent.key"
    sealed = create_keyring(path, key_file=key).seal(WORDS, table="t", column="c", key="k")

    assert key.stat().st_mode & 0o777 == 0o600
    assert open_keyring(path).open(sealed, table="t", column="c", key="k") == WORDS


def test_a_key_file_that_others_can_read_is_refused(path: Path, tmp_path: Path) -> None:
    key = tmp_path / "agent.key"
    create_keyring(path, key_file=key)
    key.chmod(0o640)

    with pytest.raises(KeyFileUnsafe):
        open_keyring(path)


def test_a_file_that_is_no_key_is_refused(path: Path, tmp_path: Path) -> None:
    key = tmp_path / "agent.key"
    key.write_text("not a key")
    key.chmod(0o600)

    with pytest.raises(KeyFileUnsafe):
        create_keyring(path, key_file=key)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}'])
def test_a_damaged_keyring_file_says_so(path: Path, content: str) -> None:
    path.write_text(content)

    with pytest.raises(KeyringUnreadable):
        open_keyring(path, passphrase=Secret("open sesame"))


def test_a_keyring_is_never_written_over(path: Path) -> None:
    made(path)

    with pytest.raises(KeyringUnreadable):
        made(path)
