"""Bind an account to the identity key its agent holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar, Final

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.errors import Refused
from tripartite.protocol.identity import PublicIdentity, read_pairing_card

# Long enough for a slow Tor circuit and a clock that is a little off, short enough that a card
# found later is worthless.
CARD_AGE: Final = timedelta(minutes=10)


class AlreadyPaired(Refused):
    """This account or this identity is paired already."""

    code: ClassVar[str] = "already_paired"


class CardForAnother(Refused):
    """The pairing card names another account or another coordinator."""

    code: ClassVar[str] = "card_for_another"


class CardTooOld(Refused):
    """The pairing card was made too long ago, or the clocks differ."""

    code: ClassVar[str] = "card_too_old"


def pair(
    caller: Caller,
    card: str,
    *,
    origin: str,
    at: datetime | None = None,
    remember: Callable[[PublicIdentity], None] = lambda _: None,
) -> PublicIdentity:
    """Store the identity that ``card`` proves for the caller's account.

    The same identity again is fine. ``remember`` runs inside the transaction. Raises
    ``AlreadyPaired``, ``CardForAnother``, ``CardTooOld``, or what reading the card raises.
    """
    read = read_pairing_card(card)
    if read.account != caller.name:
        raise CardForAnother(f"Make a card for account {caller.name!r}.")
    if read.coordinator != origin:
        raise CardForAnother(f"Make a card for this coordinator, {origin}.")
    if abs((at or now()) - read.issued_at) > CARD_AGE:
        raise CardTooOld("Check this machine's clock and make a new card.")
    identity = read.identity
    with write_transaction():
        row, fresh = PairedIdentity.objects.get_or_create(
            account_id=caller.account_id,
            defaults={
                "sign": identity.sign,
                "seal": identity.seal,
                "fingerprint": identity.fingerprint,
                "paired_at": now(),
            },
        )
        if not fresh and (row.sign, row.seal) != (identity.sign, identity.seal):
            raise AlreadyPaired("Another identity is paired with this account; it stays.")
        remember(identity)
    return identity
