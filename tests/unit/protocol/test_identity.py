"""Identities: what is shown, what is stored, what is refused."""

from __future__ import annotations

import pytest

from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import (
    Identity,
    IdentityMalformed,
    PublicIdentity,
    base64url,
    unbase64url,
)


def test_an_identity_survives_storage() -> None:
    identity = Identity.generate()
    assert Identity.restore(identity.reveal()).public == identity.public
    assert PublicIdentity.from_json(identity.public.to_json()) == identity.public


def test_an_identity_cannot_print_its_keys() -> None:
    identity = Identity.generate()
    secrets = [part["d"] for part in identity.reveal().values() if isinstance(part, dict)]
    assert len(secrets) == 2
    shown = repr(identity) + str(identity)
    assert not [secret for secret in secrets if str(secret) in shown]


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    """RFC 8037, appendix A.3: the thumbprint of its example Ed25519 key."""
    public = PublicIdentity(
        sign="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        seal=Identity.generate().public.seal,
    )
    assert public.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_fingerprint_covers_both_keys() -> None:
    one, other = Identity.generate().public, Identity.generate().public
    prints = {
        PublicIdentity(sign, seal).fingerprint
        for sign in (one.sign, other.sign)
        for seal in (one.seal, other.seal)
    }
    assert len(prints) == 4
    assert all(len(shown) == 24 and shown.count("-") == 4 for shown in prints)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"sign": "AA", "seal": "AA"},
        {"sign": base64url(bytes(32)), "seal": base64url(bytes(range(32)))},
        {"sign": base64url(b"\x01" + bytes(31)), "seal": base64url(bytes(range(32)))},
        {"sign": 1, "seal": 2},
    ],
)
def test_what_is_no_identity_is_refused(value: Json) -> None:
    with pytest.raises(IdentityMalformed):
        PublicIdentity.from_json(value)


def test_an_identity_with_an_extra_field_is_refused() -> None:
    with pytest.raises(IdentityMalformed):
        PublicIdentity.from_json({**Identity.generate().public.to_json(), "note": "x"})


@pytest.mark.parametrize("text", ["AA==", "A", "AB", "A+A/", "ä", "AAA=", " AA"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(IdentityMalformed):
        unbase64url(text)


def test_a_stored_identity_without_its_secret_half_is_refused() -> None:
    stored = Identity.generate().reveal()
    signing = stored["signing"]
    assert isinstance(signing, dict)
    del signing["d"]
    with pytest.raises(IdentityMalformed):
        Identity.restore(stored)
