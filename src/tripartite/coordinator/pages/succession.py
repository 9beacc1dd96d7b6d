"""What an escrow's page says of another arbiter: whose place it takes, and which takes its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tripartite.coordinator.escrows.succeeding import successor_of
from tripartite.coordinator.pages import wording
from tripartite.coordinator.pages.moves import where_to_decide
from tripartite.coordinator.pages.wording import Text
from tripartite.coordinator.wallets.words import Click
from tripartite.domain.parties import Role
from tripartite.protocol.record import Record
from tripartite.protocol.succession import may_replace

_SHORT_ID: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Which escrow's place this one takes, and which takes its place.

    ``movers`` have signed that the money goes to ``successor``; it is on its way, or there, once
    ``is_moved``. ``may_look``: the reader takes part in those, too. ``command`` replaces an arbiter,
    where that is open to the reader; ``path`` leads to it for whose agent the operator runs.
    """

    predecessor: str | None
    successor: str | None
    movers: tuple[Text, ...]
    is_moved: bool
    may_look: bool
    command: str | None
    path: str | None


def place_of(record: Record, role: Role, *, attached: bool = False) -> Place:
    """Both ways, for a reader in this role; ``attached``: whose agent the operator runs."""
    named, payout = record.agreement.terms.succeeds, record.payout
    agreed = None if payout is None else payout.successor
    waiting = None if agreed is not None else successor_of(record.escrow_id)
    movers = [by for by, offer in record.offers.items() if offer.successor is not None]
    replaces = may_replace(record, role) and waiting is None and agreed is None
    command = f"tripartite agent replace-arbiter {record.escrow_id[:_SHORT_ID]} --arbiter …"
    return Place(
        predecessor=None if named is None else named.escrow_id,
        successor=waiting if agreed is None else agreed.escrow_id,
        movers=tuple(wording.ROLES[by] for by in movers),
        is_moved=agreed is not None,
        may_look=role is not Role.ARBITER,
        command=command if replaces and not attached else None,
        path=where_to_decide(record.escrow_id, Click.REPLACE) if replaces and attached else None,
    )
