"""Monero addresses: text in, proof of a usable address out.

An address is prefix byte, public spend key, public view key, for an integrated one 8 bytes of
payment id, and the first 4 bytes of the Keccak-256 of all that; written in base58 by blocks of
8 bytes (Monero's ``src/common/base58.cpp``). Prefixes are those of ``cryptonote_config.h``.

Beyond what wallets check, both keys have to be points of the prime-order group other than the
identity: money sent to any other "key" may be spendable by anyone or by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final

from nacl.bindings import crypto_core_ed25519_is_valid_point

from tripartite.domain.errors import Refused
from tripartite.domain.keccak import keccak_256
from tripartite.domain.parties import Network


class AddressMalformed(Refused):
    """That is not a Monero address."""

    code: ClassVar[str] = "address_malformed"


class AddressChecksumWrong(Refused):
    """The address has a typing error."""

    code: ClassVar[str] = "address_checksum"


class AddressOfWrongNetwork(Refused):
    """The address belongs to another network."""

    code: ClassVar[str] = "address_wrong_network"


class AddressKeyInvalid(Refused):
    """The address holds a key that nobody can own."""

    code: ClassVar[str] = "address_bad_key"


class AddressKind(StrEnum):
    """What an address says about its owner's wallet."""

    STANDARD = "standard"
    SUBADDRESS = "subaddress"
    INTEGRATED = "integrated"


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address; the keys are 32 bytes each. Made only by ``parse_address``."""

    text: str
    network: Network
    kind: AddressKind
    spend_key: bytes
    view_key: bytes

    def __str__(self) -> str:
        return self.text


def parse_address(text: str, network: Network) -> Address:
    """The address in ``text``, which must belong to ``network``.

    Raises AddressMalformed, AddressChecksumWrong, AddressOfWrongNetwork (its fact ``network``
    names the network it does belong to) or AddressKeyInvalid. The text is never repeated in an
    error: payout addresses are sealed.
    """
    return _parse(text, network)


# One key exchange reads the same address half a dozen times in each process, half a millisecond
# each while all cores are busy. Refusals aren't kept, only what was found good.
@lru_cache(maxsize=256)
def _parse(text: str, network: Network) -> Address:
    raw = _decode(text)
    body, checksum = raw[:-_CHECKSUM_SIZE], raw[-_CHECKSUM_SIZE:]
    if keccak_256(body)[:_CHECKSUM_SIZE] != checksum:
        raise AddressChecksumWrong("A character is wrong or missing: copy the address again.")

    owner = _PREFIXES.get(body[0])
    if owner is None:
        raise AddressMalformed("The prefix is of no Monero network: give a Monero address.")
    found, kind = owner
    if len(body) != _BODY_SIZES[kind]:
        raise AddressMalformed("Length and prefix of the address disagree: copy it again.")
    if found is not _PREFIX_NETWORK[network]:
        raise AddressOfWrongNetwork(
            f"This is a {found} address; give one of {network}.", network=found.value
        )

    spend_key, view_key = body[1:33], body[33:65]
    for key in (spend_key, view_key):
        if not crypto_core_ed25519_is_valid_point(key):
            raise AddressKeyInvalid(
                "Money sent there could not be spent, or by anyone: give an address made by a "
                "wallet."
            )
    return Address(text, network, kind, spend_key, view_key)


_CHECKSUM_SIZE: Final = 4
_BODY_SIZES: Final = {
    AddressKind.STANDARD: 65,
    AddressKind.SUBADDRESS: 65,
    AddressKind.INTEGRATED: 73,
}
_PREFIXES: Final = {
    18: (Network.MAINNET, AddressKind.STANDARD),
    19: (Network.MAINNET, AddressKind.INTEGRATED),
    42: (Network.MAINNET, AddressKind.SUBADDRESS),
    53: (Network.TESTNET, AddressKind.STANDARD),
    54: (Network.TESTNET, AddressKind.INTEGRATED),
    63: (Network.TESTNET, AddressKind.SUBADDRESS),
    24: (Network.STAGENET, AddressKind.STANDARD),
    25: (Network.STAGENET, AddressKind.INTEGRATED),
    36: (Network.STAGENET, AddressKind.SUBADDRESS),
}
# Regtest is mainnet's rules on a chain of one's own: its addresses can't be told apart.
_PREFIX_NETWORK: Final = {
    Network.MAINNET: Network.MAINNET,
    Network.STAGENET: Network.STAGENET,
    Network.TESTNET: Network.TESTNET,
    Network.REGTEST: Network.MAINNET,
}

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_BLOCK_CHARS: Final = 11
# How many bytes a block of so many characters stands for; other lengths don't occur.
_BYTES_OF_CHARS: Final = {2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}
# 69 bytes make 95 characters, 77 make 106.
_TEXT_LENGTHS: Final = frozenset({95, 106})


def _decode(text: str) -> bytes:
    """Monero's base58: each block of 11 characters is 8 bytes, big-endian."""
    if len(text) not in _TEXT_LENGTHS:
        raise AddressMalformed("An address has 95 or 106 characters: copy all of it.")
    raw = bytearray()
    for start in range(0, len(text), _BLOCK_CHARS):
        block = text[start : start + _BLOCK_CHARS]
        number = 0
        for character in block:
            if character not in _VALUES:
                raise AddressMalformed(
                    "An address has only letters and digits, without 0, O, I and l: copy it again."
                )
            number = number * len(_ALPHABET) + _VALUES[character]
        size = _BYTES_OF_CHARS[len(block)]
        # Without this check two texts could stand for one address.
        if number >> (8 * size):
            raise AddressMalformed("A group of characters has no meaning: copy the address again.")
        raw += number.to_bytes(size, "big")
    return bytes(raw)
