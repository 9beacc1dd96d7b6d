"""An address is accepted only when money sent there can be spent by its owner."""

from __future__ import annotations

import nacl.bindings as sodium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monero import base58  # type: ignore[import-untyped]  # test oracle without type hints

from tripartite.domain.addresses import (
    AddressChecksumWrong,
    AddressKeyInvalid,
    AddressKind,
    AddressMalformed,
    AddressOfWrongNetwork,
    parse_address,
)
from tripartite.domain.errors import Refused
from tripartite.domain.keccak import keccak_256
from tripartite.domain.parties import Network

# Monero's general fund, published on getmonero.org.
DONATIONS = (
    "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjy"
    "Pbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"
)
# The example address of Monero's RPC documentation.
DOCUMENTED = (
    "55LTR8KniP4LQGJSPtbYDacR7dz8RBFnsfAKMaMuwUNYX6aQ"
    "bBcovzDPyrQF9KXF9tVU6Xk3K8no1BywnJX6GvZX8yJsXvt"
)
# Order of the prime-order group (RFC 8032, section 5.1).
ORDER = 2**252 + 27742317777372353535851937790883648493
KEYS = st.integers(1, ORDER - 1).map(
    lambda secret: sodium.crypto_scalarmult_ed25519_base_noclamp(secret.to_bytes(32, "little"))
)
PREFIXES = {
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
SOME_KEY = sodium.crypto_core_ed25519_from_uniform(b"\x07" * 32)


def written(prefix: int, spend: bytes, view: bytes, payment_id: bytes = b"") -> str:
    body = bytes([prefix]) + spend + view + payment_id
    return str(base58.encode((body + keccak_256(body)[:4]).hex()))


@settings(deadline=None)
@given(st.sampled_from(sorted(PREFIXES)), KEYS, KEYS)
def test_every_kind_of_every_network_reads_back(prefix: int, spend: bytes, view: bytes) -> None:
    network, kind = PREFIXES[prefix]
    payment_id = b"\x01" * 8 if kind is AddressKind.INTEGRATED else b""
    address = parse_address(written(prefix, spend, view, payment_id), network)
    assert (address.network, address.kind) == (network, kind)
    assert (address.spend_key, address.view_key) == (spend, view)


@settings(deadline=None)
@given(st.sampled_from(sorted(PREFIXES)), st.sampled_from(list(Network)))
def test_another_networks_address_is_refused_by_name(prefix: int, network: Network) -> None:
    owner, kind = PREFIXES[prefix]
    text = written(prefix, SOME_KEY, SOME_KEY, b"\x01" * 8 * (kind is AddressKind.INTEGRATED))
    expected = Network.MAINNET if network is Network.REGTEST else network
    if owner is expected:
        assert parse_address(text, network).network is network
    else:
        with pytest.raises(AddressOfWrongNetwork) as refusal:
            parse_address(text, network)
        assert refusal.value.facts == {"network": owner.value}
        assert owner.value in refusal.value.detail


def test_published_addresses_are_accepted() -> None:
    assert parse_address(DONATIONS, Network.MAINNET).kind is AddressKind.SUBADDRESS
    assert parse_address(DOCUMENTED, Network.STAGENET).kind is AddressKind.STANDARD
    assert str(parse_address(DONATIONS, Network.REGTEST)) == DONATIONS


@settings(deadline=None)
@given(st.integers(0, 94), st.characters())
def test_one_wrong_character_is_always_noticed(at: int, character: str) -> None:
    wrong = DONATIONS[:at] + character + DONATIONS[at + 1 :]
    if wrong != DONATIONS:
        with pytest.raises((AddressMalformed, AddressChecksumWrong)):
            parse_address(wrong, Network.MAINNET)


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_refused_with_a_reason_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_address(text, Network.MAINNET)
    assert len(text) < 30 or text not in refusal.value.detail


@pytest.mark.parametrize(
    "text",
    ["", DONATIONS[:-1], DONATIONS + "1", " " + DONATIONS, DONATIONS + "\n",
     "0" + DONATIONS[1:], DONATIONS[:94] + "\u0661",
     # the first block stands for more than 8 bytes
     "z" * 11 + DONATIONS[11:]],
)  # fmt: skip
def test_what_is_not_monero_base58_is_malformed(text: str) -> None:
    with pytest.raises(AddressMalformed):
        parse_address(text, Network.MAINNET)


def test_a_prefix_of_no_network_is_malformed() -> None:
    with pytest.raises(AddressMalformed):
        parse_address(written(17, SOME_KEY, SOME_KEY), Network.MAINNET)


def test_a_length_that_contradicts_the_prefix_is_malformed() -> None:
    with pytest.raises(AddressMalformed):
        parse_address(written(18, SOME_KEY, SOME_KEY, b"\x01" * 8), Network.MAINNET)
    with pytest.raises(AddressMalformed):
        parse_address(written(19, SOME_KEY, SOME_KEY), Network.MAINNET)


IDENTITY = b"\x01" + bytes(31)
ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
# A good point plus one of order eight: on the curve, outside the prime-order group.
MIXED_ORDER = sodium.crypto_core_ed25519_add(SOME_KEY, ORDER_EIGHT)
# y = p + 1 is another way of writing the identity's y = 1.
NOT_CANONICAL = bytes.fromhex("ee" + "ff" * 30 + "7f")
OFF_CURVE = b"\x02" + bytes(31)


@pytest.mark.parametrize(
    "bad", [bytes(32), IDENTITY, ORDER_EIGHT, MIXED_ORDER, NOT_CANONICAL, OFF_CURVE, b"\xff" * 32]
)
def test_a_key_that_nobody_can_own_is_refused(bad: bytes) -> None:
    for spend, view in ((bad, SOME_KEY), (SOME_KEY, bad)):
        with pytest.raises(AddressKeyInvalid):
            parse_address(written(18, spend, view), Network.MAINNET)
