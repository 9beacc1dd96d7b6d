"""Launch limits: how much a young service takes on before it has proven itself.

Three numbers: the amount of one escrow, the sum of the amounts of all escrows, and how many are
open at once. They are judged when an escrow is proposed, and never again: what was let in goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.lifecycle import BEFORE_THE_WALLET, CLOSED, State
from tripartite.domain.money import ATOMIC, Piconero, format_xmr

OPEN: Final = frozenset(State) - CLOSED
"""The states in which an escrow is open, and counts as one of those at once."""

WITHOUT_MONEY: Final = BEFORE_THE_WALLET | {State.AWAITING_DEPOSIT}
"""The states in which a successor has none of the money that it is to take over."""

COUNTED: Final = frozenset(State) - {State.CANCELLED}
"""The states whose amounts add up to the volume: all but that in which there never was money."""


class AmountAboveLimit(Refused):
    """An escrow here may not be that large."""

    code: ClassVar[str] = "amount_above_limit"


class VolumeLimitReached(Refused):
    """All escrows here together would hold more than they may."""

    code: ClassVar[str] = "volume_limit_reached"


class EscrowLimitReached(Unavailable):
    """As many escrows are open here as may be at once."""

    code: ClassVar[str] = "escrow_limit_reached"


class UnderMaintenance(Unavailable):
    """No new escrows are taken here for now; those that are open go on."""

    code: ClassVar[str] = "under_maintenance"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is let in; None where there is no limit.

    ``escrow_amount`` is the most for one escrow, ``total_volume`` for all that are open or have
    been paid out, ``concurrent_escrows`` how many may be open at once.
    """

    escrow_amount: Piconero | None
    total_volume: Piconero | None
    concurrent_escrows: int | None


BETA: Final = Limits(escrow_amount=5 * ATOMIC, total_volume=50 * ATOMIC, concurrent_escrows=20)
"""The requirement document's numbers, Phase 4.2."""


@dataclass(frozen=True, slots=True)
class Used:
    """What there is already: the sum of the amounts, and the number of open escrows."""

    volume: Piconero
    concurrent: int


def volume_left(limits: Limits, used: Used) -> Piconero | None:
    """How much all further escrows may hold together; None without a limit, never below 0."""
    return None if limits.total_volume is None else max(0, limits.total_volume - used.volume)


def escrows_left(limits: Limits, used: Used) -> int | None:
    """How many more may be opened now; None without a limit, never below 0."""
    if limits.concurrent_escrows is None:
        return None
    return max(0, limits.concurrent_escrows - used.concurrent)


def require_open(maintenance: str) -> None:
    """Raise ``UnderMaintenance`` with the reason for it; "" is none."""
    if maintenance:
        raise UnderMaintenance(
            f"Propose it again later. The operator says: {maintenance}", reason=maintenance
        )


def require_room(limits: Limits, used: Used, amount: Piconero) -> None:
    """Raise unless one more escrow of ``amount`` fits.

    ``AmountAboveLimit`` or ``VolumeLimitReached``, which a smaller amount may mend, or
    ``EscrowLimitReached``, which time does. Each has the ``limit`` and what is ``left`` among its
    facts: piconero as text, or a number of escrows.
    """
    most = limits.escrow_amount
    if most is not None and amount > most:
        raise AmountAboveLimit(
            f"Propose {format_xmr(most)} XMR or less: that is the limit for each escrow.",
            limit=str(most),
            left=str(most),
        )
    volume = volume_left(limits, used)
    if limits.total_volume is not None and volume is not None and amount > volume:
        limit = format_xmr(limits.total_volume)
        raise VolumeLimitReached(
            f"All escrows together may hold {limit} XMR, of which {format_xmr(volume)} XMR are "
            "left. Propose that or less, or ask the operator for a higher limit."
            if volume
            else f"All escrows together may hold {limit} XMR, of which 0 XMR are left. Ask the "
            "operator for a higher limit.",
            limit=str(limits.total_volume),
            left=str(volume),
        )
    if limits.concurrent_escrows is not None and escrows_left(limits, used) == 0:
        raise EscrowLimitReached(
            f"{limits.concurrent_escrows} may be open at once, and 0 are left: propose it again "
            "when one has ended.",
            limit=limits.concurrent_escrows,
            left=0,
        )
