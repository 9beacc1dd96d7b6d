"""The rounds in which three wallets become one 2-of-3 wallet.

``monero-wallet-rpc`` makes a 2-of-3 wallet in four calls; three of them give a message that the
other two need, the last one gives the final address:

    PREPARE    prepare_multisig          → message
    MAKE       make_multisig             ← PREPARE of the other two, → message
    EXCHANGE   exchange_multisig_keys    ← MAKE of the other two, → message
    ATTEST     exchange_multisig_keys    ← EXCHANGE of the other two, → address, ready

A lost answer of make or exchange can't be fetched again, so a doubtful attempt is thrown away by
all three and the next one starts with fresh wallets. That is free before the deposit address is
attested, and forbidden after.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Final

from tripartite.domain.parties import Role

THRESHOLD: Final = 2
"""Signatures needed to spend."""

MAX_ATTEMPTS: Final = 20
"""After so many attempts a person has to look: the wallets or a party are at fault."""


class Round(IntEnum):
    """A round's number as it stands in messages."""

    PREPARE = 1
    MAKE = 2
    EXCHANGE = 3
    ATTEST = 4


SECRET_ROUNDS: Final = (Round.PREPARE, Round.MAKE, Round.EXCHANGE)
"""Rounds whose messages are sealed; the first one carries a private view key share."""


def next_round(role: Role, said: Collection[tuple[Round, Role]]) -> Round | None:
    """The round that ``role`` has to speak in, given who has spoken in which round.

    None while it waits for the others, and when it has attested.
    """
    for this in Round:
        if (this, role) in said:
            continue
        before = Round(this - 1) if this > Round.PREPARE else None
        heard = before is None or all((before, other) in said for other in role.others())
        return this if heard else None
    return None
