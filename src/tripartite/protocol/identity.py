"""Identity keys: who a party is, independent of any server.

An identity is two keys made together: Ed25519 signs, X25519 unseals. People compare its
fingerprint out of band; programs name it by the RFC 7638 thumbprint of the signing key (``kid``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import ClassVar, Final

from joserfc.jwk import OKPKey
from nacl.bindings import crypto_core_ed25519_is_valid_point

from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json, canonical

KEY_BYTES: Final = 32


class IdentityMalformed(Refused):
    """This isn't a public identity."""

    code: ClassVar[str] = "identity_malformed"


@dataclass(frozen=True, slots=True)
class PublicIdentity:
    """The public halves: two 32-byte keys in unpadded base64url."""

    sign: str
    seal: str

    def __post_init__(self) -> None:
        """Refuse what isn't two keys, and signing keys off the curve's prime-order group."""
        _check_keys(self.sign, self.seal)

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint of the signing key."""
        return _thumbprint(self.sign)

    @property
    def fingerprint(self) -> str:
        """100 bits over both keys as five groups of four base32 letters, for people to compare."""
        both = hashlib.sha256(canonical(self.to_json())).digest()
        letters = base64.b32encode(both).decode()[:20]
        return "-".join(letters[i : i + 4] for i in range(0, 20, 4))

    def signing_key(self) -> OKPKey:
        """The verification key as a JWK."""
        return _verification_key(self.sign)

    def sealing_key(self) -> OKPKey:
        """The key to seal for this identity, as a JWK."""
        return OKPKey.import_key({"crv": "X25519", "kty": "OKP", "x": self.seal})

    def to_json(self) -> dict[str, Json]:
        """Plain values for messages."""
        return {"sign": self.sign, "seal": self.seal}

    @classmethod
    def from_json(cls, value: Json) -> PublicIdentity:
        """Read what ``to_json`` wrote.

        Raises:
            IdentityMalformed: anything else.
        """
        match value:
            case {"sign": str(sign), "seal": str(seal), **rest} if not rest:
                return cls(sign=sign, seal=seal)
            case _:
                raise IdentityMalformed("An identity has exactly a signing and a sealing key.")


@dataclass(frozen=True)  # without slots: ``public`` is worked out once
class Identity:
    """The secret halves. Lives in one agent and never leaves it."""

    signing: OKPKey
    sealing: OKPKey

    def __repr__(self) -> str:
        """Never the keys."""
        return f"Identity({self.public.fingerprint})"

    @classmethod
    def generate(cls) -> Identity:
        """A new identity from the operating system's randomness."""
        return cls(OKPKey.generate_key("Ed25519"), OKPKey.generate_key("X25519"))

    @cached_property
    def public(self) -> PublicIdentity:
        """What others may see."""
        return PublicIdentity(
            sign=str(self.signing.as_dict(private=False)["x"]),
            seal=str(self.sealing.as_dict(private=False)["x"]),
        )

    def reveal(self) -> dict[str, Json]:
        """The secret keys as two JWKs, for the agent's encrypted storage only."""
        return {
            "signing": _plain(self.signing),
            "sealing": _plain(self.sealing),
        }

    @classmethod
    def restore(cls, value: Mapping[str, Json]) -> Identity:
        """Read what ``reveal`` wrote.

        Raises:
            IdentityMalformed: not two OKP keys with their secret halves.
        """
        match value:
            case {
                "signing": {"crv": "Ed25519", "d": str(d_sign), "x": str(x_sign)},
                "sealing": {"crv": "X25519", "d": str(d_seal), "x": str(x_seal)},
            }:
                return cls(
                    OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": d_sign, "x": x_sign}),
                    OKPKey.import_key({"kty": "OKP", "crv": "X25519", "d": d_seal, "x": x_seal}),
                )
            case _:
                raise IdentityMalformed("This isn't a stored identity.")


@dataclass(frozen=True, slots=True)
class PairingCard:
    """An identity's signed word that it belongs to one account at one coordinator."""

    account: str
    coordinator: str
    identity: PublicIdentity
    issued_at: datetime


# These are asked for with every message, and a party's keys never change within an escrow.
@lru_cache(maxsize=4_096)
def _check_keys(sign: str, seal: str) -> None:
    signing = unbase64url(sign)
    if len(signing) != KEY_BYTES or len(unbase64url(seal)) != KEY_BYTES:
        raise IdentityMalformed("An identity is two keys of 32 bytes in base64url.")
    if not crypto_core_ed25519_is_valid_point(signing):
        raise IdentityMalformed("The signing key isn't a valid Ed25519 point.")


@lru_cache(maxsize=4_096)
def _thumbprint(sign: str) -> str:
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": sign}
    return base64url(hashlib.sha256(canonical(jwk)).digest())


@lru_cache(maxsize=4_096)
def _verification_key(sign: str) -> OKPKey:
    return OKPKey.import_key({"crv": "Ed25519", "kty": "OKP", "x": sign})


def base64url(data: bytes) -> str:
    """Unpadded base64url, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """The bytes of unpadded base64url, in its one canonical spelling.

    Raises:
        IdentityMalformed: padding, foreign letters, or loose trailing bits.
    """
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise IdentityMalformed("This isn't base64url.") from error
    if base64url(data) != text:
        raise IdentityMalformed("This isn't base64url in its canonical spelling.")
    return data


def _plain(key: OKPKey) -> dict[str, Json]:
    return {name: str(part) for name, part in key.as_dict(private=True).items() if name != "kid"}
