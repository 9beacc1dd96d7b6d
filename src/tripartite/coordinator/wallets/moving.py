"""Another arbiter by a click: what an attached party can sign for that, by both escrows' records.

Pure. ``successor`` is the record of the open escrow that is to take over the money, if there is one.
"""

from __future__ import annotations

from typing import Final

from tripartite.domain.deposits import agreed
from tripartite.domain.parties import Role
from tripartite.domain.succession import NothingToMove, successor_terms
from tripartite.domain.terms import Terms
from tripartite.protocol.record import Record, Successor
from tripartite.protocol.succession import SuccessorNotReady, may_replace, ready_successor

_UNNAMED: Final = "0" * 32
"""In place of an id: the agent draws it."""


def destination(record: Record, role: Role, successor: Record | None) -> Successor | None:
    """Where the money of ``record`` goes if this trader signs now; None if there is nothing to sign.

    What the other trader offers counts only if it is that very successor.
    """
    if successor is None or role is Role.ARBITER or not may_replace(record, role):
        return None
    if record.payout is not None and record.payout.successor is not None:
        return None
    try:
        ready = ready_successor(successor)
    except SuccessorNotReady:
        return None
    offers = {by: one.successor for by, one in record.offers.items() if one.successor is not None}
    theirs = [to for by, to in offers.items() if by is not role]
    if theirs:
        return ready if theirs == [ready] else None
    return None if offers.get(role) == ready else ready


def named(to: Successor) -> dict[str, str]:
    """As a click has to name it, so that nobody signs for another address than the one shown."""
    return {"successor": to.escrow_id, "successor_address": to.address}


def new_terms(record: Record, role: Role, arbiter_bps: int) -> Terms:
    """The terms that the agent of ``role`` will propose, but for the id.

    Raises ``NothingToMove``, ``FeeRuleInvalid``.
    """
    if record.contract_id is None:
        raise NothingToMove("The terms aren't signed yet.")
    return successor_terms(
        record.agreement.terms,
        record.contract_id,
        escrow_id=_UNNAMED,
        proposer=role,
        arbiter_bps=arbiter_bps,
        balance=agreed(record.reports)[0],
    )


def is_paid_as_before(record: Record, role: Role) -> bool:
    """Whether the agent knows where this party is paid: in a successor, as in the old escrow."""
    return record.agreement.terms.succeeds is not None and role is not Role.ARBITER
