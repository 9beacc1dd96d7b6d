"""Whether one escrow is fit to take over the money of another, by what both records say. Pure.

The coordinator asks when a successor is proposed, and each agent before its person signs a move and
again before it signs the transaction.
"""

from __future__ import annotations

from typing import ClassVar

from tripartite.domain.errors import Refused
from tripartite.domain.lifecycle import Event, Teller, is_open, open_moves
from tripartite.domain.parties import Role
from tripartite.domain.succession import NothingToMove, SuccessorDiffers, check_terms
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.record import Record, Successor
from tripartite.protocol.rules.turns import has_money


class SuccessorNotReady(Refused):
    """The new escrow's wallet isn't ready for money, or it is over."""

    code: ClassVar[str] = "successor_not_ready"


def require_succession(old: Record, new: Agreement) -> None:
    """Return only if ``new`` is the same trade of the same two with another arbiter.

    Raises ``SuccessorDiffers``, ``NothingToMove``.
    """
    check_terms(old.agreement.terms, old.contract_id, new.terms)
    for role in (Role.BUYER, Role.VENDOR):
        if new.parties[role] != old.parties[role]:
            raise SuccessorDiffers(f"It has another {role.value} than the old escrow.")
    if new.parties[Role.ARBITER] == old.parties[Role.ARBITER]:
        raise SuccessorDiffers("It has the same arbiter as the old escrow.")
    settles = is_open(old.state, Event.SETTLEMENT_AGREED, by=Teller.BUYER)
    if not settles or not has_money(old):
        raise NothingToMove(
            "The old escrow is paid out, or nobody has seen money there.", state=old.state.value
        )


def may_replace(record: Record, role: Role) -> bool:
    """Whether this party can propose that another arbiter takes over the escrow's money."""
    offers = Event.SETTLEMENT_PROPOSED in open_moves(record.state, role)
    return offers and has_money(record) and not record.broadcasts


def ready_successor(new: Record) -> Successor:
    """Where the money goes, once all three have attested the address and until it is over.

    Raises ``SuccessorNotReady``.
    """
    waits = is_open(new.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS)
    holds = is_open(new.state, Event.DEPOSIT_VANISHED, by=Teller.WALLETS)
    if new.address is None or new.contract_id is None or not (waits or holds):
        raise SuccessorNotReady(
            "Wait until all three have accepted it and their agents have made its wallet.",
            state=new.state.value,
        )
    return Successor(new.escrow_id, new.contract_id, new.address)
