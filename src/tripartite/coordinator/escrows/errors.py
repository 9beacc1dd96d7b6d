"""Why an escrow can't be read or written."""

from __future__ import annotations

from typing import ClassVar

from tripartite.domain.errors import Refused, Unavailable


class EscrowUnknown(Refused):
    """There is no such escrow for you."""

    code: ClassVar[str] = "escrow_unknown"


class EscrowExists(Refused):
    """An escrow with this id exists already."""

    code: ClassVar[str] = "escrow_exists"


class SuccessorExists(Refused):
    """Another escrow already waits to take over this one's money."""

    code: ClassVar[str] = "successor_exists"


class PartyUnknown(Refused):
    """The proposal names an identity that no account here is paired with."""

    code: ClassVar[str] = "party_unknown"


class NetworkNotServed(Refused):
    """This coordinator serves another Monero network."""

    code: ClassVar[str] = "network_not_served"


class RoleNotYours(Refused):
    """Your account holds another role in this escrow."""

    code: ClassVar[str] = "role_not_yours"


class ArgumentTooLong(Refused):
    """One party has said so much in this dispute that the mailbox takes no more of it."""

    code: ClassVar[str] = "argument_too_long"


class EscrowBusy(Unavailable):
    """Others are writing to this escrow; nothing was stored."""

    code: ClassVar[str] = "escrow_busy"
