"""JWE as we use it: sealed to some of the three, bound to the place it was written for.

General JSON serialisation with one ECDH-ES+A256KW recipient per reader (X25519) and A256GCM. The
``aad`` carries the canonical JSON of the place (escrow, attempt, round, role, kind), so sealed
content can't be lifted out of one message and put into another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from joserfc import jwe
from joserfc.errors import JoseError

from tripartite.domain.errors import Refused, Tampered
from tripartite.protocol.canonical import Json, NotCanonical, canonical, parse
from tripartite.protocol.identity import Identity, PublicIdentity, base64url

KEY_AGREEMENT: Final = "ECDH-ES+A256KW"
ENCRYPTION: Final = "A256GCM"


class _Registry(jwe.JWERegistry):
    """joserfc's own limit of 64 KiB is below our envelope's, which bounds what arrives here."""

    max_ciphertext_length = 512 * 1024


_REGISTRY: Final = _Registry(algorithms=[KEY_AGREEMENT, ENCRYPTION])


class NotSealedForMe(Refused):
    """This message isn't sealed to this identity."""

    code: ClassVar[str] = "not_sealed_for_me"


class SealBroken(Tampered):
    """Sealed content was changed or moved from another message."""

    code: ClassVar[str] = "seal_broken"


def seal(
    content: Mapping[str, Json], *, readers: Iterable[PublicIdentity], place: Mapping[str, Json]
) -> dict[str, Json]:
    """``content`` encrypted to ``readers`` and bound to ``place``, as a JWE in general JSON."""
    message = jwe.GeneralJSONEncryption(
        {"enc": ENCRYPTION}, canonical(content), aad=canonical(place)
    )
    for reader in readers:
        message.add_recipient({"alg": KEY_AGREEMENT, "kid": reader.kid}, reader.sealing_key())
    sealed = jwe.encrypt_json(message, None, registry=_REGISTRY)
    return _plain(sealed)


def unseal(sealed: Json, *, reader: Identity, place: Mapping[str, Json]) -> Mapping[str, Json]:
    """The content that was sealed to ``reader`` for ``place``.

    Raises:
        NotSealedForMe: ``reader`` is not among the recipients.
        SealBroken: changed on the way, or sealed for another place.
    """
    if not isinstance(sealed, Mapping):
        raise SealBroken("Sealed content is a JWE in general JSON serialisation.")
    if sealed.get("aad") != base64url(canonical(place)):
        raise SealBroken("This content was sealed for another message.")
    recipients = sealed.get("recipients")
    mine = [
        recipient
        for recipient in (recipients if isinstance(recipients, list | tuple) else ())
        if isinstance(recipient, Mapping)
        and isinstance(header := recipient.get("header"), Mapping)
        and header.get("kid") == reader.public.kid
    ]
    if not mine:
        raise NotSealedForMe("This message isn't sealed to this identity.")
    # One recipient only: joserfc would otherwise try this key on everybody's copy.
    alone = {**sealed, "recipients": mine[:1]}
    try:
        opened = jwe.decrypt_json(alone, reader.sealing, registry=_REGISTRY)  # type: ignore[arg-type]  # typed as its own TypedDict
        return parse(opened.plaintext or b"")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, NotCanonical) as error:
        raise SealBroken("Sealed content can't be opened: it was changed on the way.") from error


def _plain(value: object) -> dict[str, Json]:
    """What joserfc returns, as plain JSON values."""
    match value:
        case {
            "protected": str(protected),
            "iv": str(iv),
            "ciphertext": str(ciphertext),
            "tag": str(tag),
            "aad": str(aad),
            "recipients": list(recipients),
        }:
            return {
                "protected": protected,
                "iv": iv,
                "ciphertext": ciphertext,
                "tag": tag,
                "aad": aad,
                "recipients": recipients,
            }
        case _:
            raise TypeError("joserfc changed the shape of its general JSON serialisation")
