"""The card by which an identity says which account at which coordinator is its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from tripartite.domain.errors import Refused
from tripartite.protocol.canonical import Json
from tripartite.protocol.identity import Identity, PairingCard, PublicIdentity
from tripartite.protocol.signing import EnvelopeMalformed, sign, take_apart, verify

TYP: Final = "tripartite-pairing+jws"
LIMIT: Final = 4_096
VALID_FOR: Final = timedelta(minutes=10)
"""A card is made for one pairing; an old one may have been found somewhere."""


class CardStale(Refused):
    """This pairing card is too old or from the future."""

    code: ClassVar[str] = "pairing_card_stale"


def write_card(identity: Identity, *, account: str, coordinator: str, issued_at: datetime) -> str:
    """A signed card. ``issued_at`` is aware UTC."""
    payload: dict[str, Json] = {
        "v": 1,
        "account": account,
        "coordinator": coordinator,
        "identity": identity.public.to_json(),
        "issued_at": issued_at.isoformat(),
    }
    return sign(identity, payload, typ=TYP)


def read_card(text: str, *, now: datetime) -> PairingCard:
    """The card in ``text``, its signature and age checked.

    Raises:
        EnvelopeMalformed: not a card.
        SignatureInvalid: not signed by the identity it shows.
        CardStale: issued more than ``VALID_FOR`` away from ``now``.
    """
    unverified = take_apart(text, typ=TYP, limit=LIMIT)
    match unverified.payload:
        case {
            "v": 1,
            "account": str(account),
            "coordinator": str(coordinator),
            "identity": shown,
            "issued_at": str(written),
        }:
            identity = PublicIdentity.from_json(shown)
        case _:
            raise EnvelopeMalformed("This isn't a pairing card.")
    verify(unverified, identity)
    try:
        issued_at = datetime.fromisoformat(written)
        age = now - issued_at
    except (ValueError, TypeError) as error:
        raise EnvelopeMalformed("A pairing card carries its time with an offset.") from error
    if not -VALID_FOR <= age <= VALID_FOR:
        raise CardStale("This pairing card is too old; make a new one, and check the clocks.")
    return PairingCard(account, coordinator, identity, issued_at)
