"""Bind an account to the identity key its agent holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.db import IntegrityError

from tripartite.coordinator.accounts.models import PairedIdentity
from tripartite.coordinator.accounts.tokens import Caller
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.errors import Refused
from tripartite.protocol.identity import PublicIdentity
from tripartite.protocol.pairing import read_card


class AlreadyPaired(Refused):
    """This account or this identity is paired already."""

    code: ClassVar[str] = "already_paired"


class CardForAnother(Refused):
    """The pairing card names another account or another coordinator."""

    code: ClassVar[str] = "card_for_another"


def pair(
    caller: Caller,
    card: str,
    *,
    origin: str,
    remember: Callable[[PublicIdentity], None],
) -> PublicIdentity:
    """Store the identity that ``card`` proves for the caller's account.

    The same identity again is fine. ``remember`` runs inside the transaction. Raises
    ``AlreadyPaired``, ``CardForAnother``, or what reading the card raises.
    """
    read = read_card(card, now=now())
    if read.account != caller.name:
        raise CardForAnother(f"Make a card for account {caller.name!r}.")
    if read.coordinator != origin:
        raise CardForAnother(f"Make a card for this coordinator, {origin}.")
    identity = read.identity
    try:
        with write_transaction():
            row = PairedIdentity.objects.filter(account_id=caller.account_id).first()
            if row is None:
                PairedIdentity.objects.create(
                    account_id=caller.account_id,
                    sign=identity.sign,
                    seal=identity.seal,
                    fingerprint=identity.fingerprint,
                    paired_at=now(),
                )
            elif (row.sign, row.seal) != (identity.sign, identity.seal):
                raise AlreadyPaired("Another identity is paired with this account; it stays.")
            remember(identity)
    except IntegrityError as error:
        raise AlreadyPaired("This identity is paired with another account; it stays.") from error
    return identity
