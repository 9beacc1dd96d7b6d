"""Sealed content: only its readers open it, and only where it was put."""

from __future__ import annotations

from typing import Any

import pytest

from tripartite.protocol.canonical import Json, canonical
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES
from tripartite.protocol.identity import Identity, base64url
from tripartite.protocol.sealing import NotSealedForMe, SealBroken, seal, unseal
from tripartite.protocol.signing import sign, take_apart, verify

PLACE: dict[str, Json] = {"escrow_id": "5e" * 16, "round": 1}
CONTENT: dict[str, Json] = {"multisig_info": "MultisigxV2…"}


@pytest.fixture(scope="module")
def readers() -> list[Identity]:
    """Two readers and, last, a stranger."""
    return [Identity.generate() for _ in range(3)]


@pytest.fixture
def sealed(readers: list[Identity]) -> dict[str, Any]:
    """Content sealed to the first two."""
    return seal(CONTENT, readers=[reader.public for reader in readers[:2]], place=PLACE)


def test_each_reader_opens_it(readers: list[Identity], sealed: dict[str, Any]) -> None:
    for reader in readers[:2]:
        assert unseal(sealed, reader=reader, place=PLACE) == CONTENT


def test_a_stranger_does_not(readers: list[Identity], sealed: dict[str, Any]) -> None:
    with pytest.raises(NotSealedForMe):
        unseal(sealed, reader=readers[2], place=PLACE)


def test_content_shows_nowhere_outside(sealed: dict[str, Any]) -> None:
    assert "Multisig" not in str(sealed)
    assert base64url(b"Multisig") not in str(sealed)


def test_it_cannot_be_moved_to_another_place(
    readers: list[Identity], sealed: dict[str, Any]
) -> None:
    elsewhere = {**PLACE, "round": 2}
    moved = {**sealed, "aad": base64url(canonical(elsewhere))}
    for attempt in (sealed, moved):
        with pytest.raises(SealBroken):
            unseal(attempt, reader=readers[0], place=elsewhere)


@pytest.mark.parametrize("field", ["ciphertext", "tag", "iv", "protected"])
def test_every_changed_field_is_noticed(
    readers: list[Identity], sealed: dict[str, Any], field: str
) -> None:
    value = sealed[field]
    changed = {**sealed, field: ("B" if value[0] == "A" else "A") + value[1:]}
    with pytest.raises(SealBroken):
        unseal(changed, reader=readers[0], place=PLACE)


@pytest.mark.parametrize("field", ["ciphertext", "tag", "iv", "protected"])
def test_every_missing_field_is_noticed(
    readers: list[Identity], sealed: dict[str, Any], field: str
) -> None:
    del sealed[field]
    with pytest.raises(SealBroken):
        unseal(sealed, reader=readers[0], place=PLACE)


def test_a_reader_with_a_swapped_key_is_noticed(
    readers: list[Identity], sealed: dict[str, Any]
) -> None:
    first, second = sealed["recipients"]
    first["encrypted_key"] = second["encrypted_key"]
    with pytest.raises(SealBroken):
        unseal(sealed, reader=readers[0], place=PLACE)


@pytest.mark.parametrize("value", [None, "x", [], 3])
def test_what_is_no_jwe_is_refused(readers: list[Identity], value: Json) -> None:
    with pytest.raises(SealBroken):
        unseal(value, reader=readers[0], place=PLACE)


def test_as_much_as_an_envelope_holds_can_be_sealed_and_signed(readers: list[Identity]) -> None:
    """The libraries' own limits are lower; a part of a file, or a large txset, needs more."""
    author = readers[0]
    content: dict[str, Json] = {"txset": "ab" * 110_000}
    closed = seal(content, readers=[readers[1].public], place=PLACE)

    text = sign(author, {"sealed": closed}, typ="test")

    assert 128_000 < len(text) <= MAX_ENVELOPE_BYTES
    payload = verify(take_apart(text, typ="test", limit=MAX_ENVELOPE_BYTES), author.public)
    assert unseal(payload["sealed"], reader=readers[1], place=PLACE) == content
