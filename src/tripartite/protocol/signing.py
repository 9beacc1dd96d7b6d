"""JWS as we use it: compact, Ed25519, canonical JSON inside, nothing optional.

The algorithm is named ``Ed25519`` (RFC 9864), not by the older polymorphic ``EdDSA``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from joserfc import jws
from joserfc.errors import JoseError

from tripartite.domain.errors import Refused, Tampered
from tripartite.protocol.canonical import Json, NotCanonical, canonical, parse
from tripartite.protocol.identity import Identity, IdentityMalformed, PublicIdentity, unbase64url

ALGORITHM: Final = "Ed25519"


_ED25519: Final = jws.JWSRegistry(algorithms=[ALGORITHM]).get_alg(ALGORITHM)


class EnvelopeMalformed(Refused):
    """This isn't one of our signed envelopes."""

    code: ClassVar[str] = "envelope_malformed"


class SignatureInvalid(Tampered):
    """The signature doesn't fit: someone else wrote this, or it was changed."""

    code: ClassVar[str] = "signature_invalid"


@dataclass(frozen=True, slots=True)
class Unverified:
    """A signed text taken apart; its claims count only once ``verify`` has passed."""

    text: str
    kid: str
    payload: Mapping[str, Json]


def sign(identity: Identity, payload: Mapping[str, Json], *, typ: str) -> str:
    """``payload`` in canonical JSON as a compact JWS by ``identity``."""
    header = {"alg": ALGORITHM, "kid": identity.public.kid, "typ": typ}
    return jws.serialize_compact(
        header, canonical(payload), identity.signing, algorithms=[ALGORITHM]
    )


def take_apart(text: str, *, typ: str, limit: int) -> Unverified:
    """Split a compact JWS without believing it yet.

    Args:
        text: the compact serialisation.
        typ: the media type its header must name.
        limit: the largest length in characters.

    Raises:
        EnvelopeMalformed: too long, not a compact JWS, or another header than ours.
    """
    if len(text) > limit:
        raise EnvelopeMalformed(
            f"An envelope has at most {limit} characters; this one has {len(text)}.",
            limit=limit,
        )
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():  # RFC 7515, section 3.1
        raise EnvelopeMalformed("An envelope is a compact JWS: header.payload.signature.")
    try:
        header = _known_header(parts[0]) if len(parts[0]) <= _HEADER else _header(parts[0])
        payload = parse(unbase64url(parts[1]))
    except (IdentityMalformed, NotCanonical) as error:
        raise EnvelopeMalformed(f"The envelope can't be read: {error.detail}") from error
    match header:
        case {"alg": str(alg), "kid": str(kid), "typ": str(kind)} if (
            alg == ALGORITHM and kind == typ and len(header) == len(("alg", "kid", "typ"))
        ):
            return Unverified(text=text, kid=kid, payload=payload)
        case _:
            raise EnvelopeMalformed(
                f"The header must say alg={ALGORITHM}, typ={typ} and name the key, nothing else."
            )


def verify(unverified: Unverified, signer: PublicIdentity) -> Mapping[str, Json]:
    """The payload, once the signature is known to be by ``signer``.

    Raises:
        SignatureInvalid: it isn't.
    """
    if unverified.kid != signer.kid:
        raise SignatureInvalid("This envelope was signed by another key than the pinned one.")
    content, _, signature = unverified.text.rpartition(".")
    # joserfc's algorithm without its reading of the text: ``take_apart`` has read it already, and
    # more strictly.
    try:
        fits = _ED25519.verify(content.encode(), unbase64url(signature), signer.signing_key())
    except (JoseError, ValueError, IdentityMalformed) as error:
        raise SignatureInvalid("The signature doesn't fit this envelope.") from error
    if not fits:
        raise SignatureInvalid("The signature doesn't fit this envelope.")
    return unverified.payload


def _header(text: str) -> Mapping[str, Json]:
    return parse(_sorted(unbase64url(text)))


# A party writes the same header every time. What is refused isn't kept, and nothing large is.
_HEADER: Final = 256
_known_header: Final = lru_cache(maxsize=1_024)(_header)


def _sorted(header: bytes) -> bytes:
    """Headers are JSON in any spelling (RFC 7515); only their content matters here."""
    try:
        return canonical(json.loads(header))
    except (ValueError, RecursionError) as error:
        raise EnvelopeMalformed("The envelope's header isn't JSON.") from error
