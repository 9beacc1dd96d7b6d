"""Keccak-256 as Monero uses it: the submission of 2011, before NIST changed the padding.

Python's ``hashlib`` has only the final SHA-3, which differs in one padding byte. The permutation
below is FIPS 202, section 3.2; a test runs it with SHA-3's padding against ``hashlib``. It is
meant for checksums of short texts: about a millisecond per block, and not constant in time.
"""

from __future__ import annotations

from typing import Final

_LANE: Final = 2**64 - 1
_RATE: Final = 136  # bytes taken in per permutation, for a 256-bit digest
_ROUNDS: Final = 24

KECCAK_PADDING: Final = 0x01
SHA3_PADDING: Final = 0x06


def keccak_256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest that Monero calls ``cn_fast_hash``."""
    return sponge_256(data, padding=KECCAK_PADDING)


def sponge_256(data: bytes, *, padding: int) -> bytes:
    """The Keccak sponge with 512 bits of capacity and a 32-byte output.

    ``padding`` is the byte that follows the data: the one difference between Keccak and SHA-3.
    """
    padded = bytearray(data)
    padded.append(padding)
    padded.extend(bytes(-len(padded) % _RATE))
    padded[-1] |= 0x80

    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            at = start + 8 * lane
            state[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> list[int]:
    """24 rounds over 25 lanes; the lane at column x and row y is ``state[x + 5 * y]``."""
    for constant in _ROUND_CONSTANTS:
        # theta: each lane takes in the parity of two neighbouring columns
        parity = [
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        ]
        mixed = [parity[(x - 1) % 5] ^ _rotate(parity[(x + 1) % 5], 1) for x in range(5)]
        # rho and pi: rotate every lane and move it to its new place
        moved = [0] * 25
        for place in range(25):
            moved[_PLACES[place]] = _rotate(state[place] ^ mixed[place % 5], _OFFSETS[place])
        # chi: the one step that is not linear
        state = [
            moved[place]
            ^ (
                ~moved[(place + 1) % 5 + place // 5 * 5]
                & moved[(place + 2) % 5 + place // 5 * 5]
                & _LANE
            )
            for place in range(25)
        ]
        # iota
        state[0] ^= constant
    return state


def _rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _LANE


def _offsets() -> list[int]:
    """Rotation of each lane: triangular numbers along the walk (x, y) → (y, 2x + 3y)."""
    offsets = [0] * 25
    x, y = 1, 0
    for step in range(24):
        offsets[x + 5 * y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


def _round_constants() -> list[int]:
    """Bits of a linear feedback register over x^8 + x^6 + x^5 + x^4 + 1, at places 2^j - 1."""
    constants = []
    register = 1
    for _ in range(_ROUNDS):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << (2**j - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return constants


_OFFSETS: Final = _offsets()
_PLACES: Final = [
    place // 5 + 5 * ((2 * (place % 5) + 3 * (place // 5)) % 5) for place in range(25)
]
_ROUND_CONSTANTS: Final = _round_constants()
