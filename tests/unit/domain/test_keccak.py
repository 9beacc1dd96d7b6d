"""Our Keccak is FIPS 202's permutation with Monero's padding."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripartite.domain.keccak import SHA3_PADDING, keccak_256, sponge_256


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_with_sha3_padding_it_is_sha3(data: bytes) -> None:
    assert sponge_256(data, padding=SHA3_PADDING) == hashlib.sha3_256(data).digest()


@pytest.mark.parametrize("size", [0, 1, 134, 135, 136, 137, 271, 272, 273])
def test_the_edges_of_a_block_are_padded_right(size: int) -> None:
    data = b"\xa5" * size
    assert sponge_256(data, padding=SHA3_PADDING) == hashlib.sha3_256(data).digest()


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        # Known answers of the original Keccak-256, as used by Ethereum and Monero.
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_known_answers(data: bytes, digest: str) -> None:
    assert keccak_256(data).hex() == digest
