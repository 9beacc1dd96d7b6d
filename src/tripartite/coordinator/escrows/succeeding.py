"""Escrows that take over the money of others: let in, and found again."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from tripartite.coordinator.escrows import storage
from tripartite.coordinator.escrows.errors import SuccessorExists
from tripartite.coordinator.escrows.models import Escrow, Succession
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.terms import Predecessor
from tripartite.protocol.record import Record
from tripartite.protocol.succession import require_succession


def note_succession(account_id: int, record: Record, named: Predecessor) -> None:
    """Judge a new escrow by the one that it names. Call in the transaction that stores it.

    Raises ``EscrowUnknown``, also for an escrow of others, ``SuccessorDiffers``, ``NothingToMove``,
    ``SuccessorExists``.
    """
    _, old = storage.load_for(account_id, named.escrow_id)
    require_succession(old.record, record.agreement)
    # One at a time: else the limits, which count the money of such a pair once, would hold nothing.
    before = _open_successors(named.escrow_id).first()
    if before is not None:
        raise SuccessorExists(
            "Move the money there, or have its vendor call it off first.", escrow=before
        )
    Succession.objects.create(successor_id=record.escrow_id, predecessor_id=named.escrow_id)


def note_agreement(before: Record, after: Record) -> None:
    """Keep which successor the money goes to by the word of both. Call in the storing transaction.

    What was broadcast may be mined whatever is said later, so from then on the move stays agreed on.
    """
    was, now = _destination(before), _destination(after)
    if now == was or (now is None and before.broadcasts):
        return
    ours = Succession.objects.filter(predecessor_id=after.escrow_id)
    ours.update(agreed=False)
    if now is not None:
        ours.filter(successor_id=now).update(agreed=True)


def _destination(record: Record) -> str | None:
    moves_to = None if record.payout is None else record.payout.successor
    return None if moves_to is None else moves_to.escrow_id


def successor_of(escrow_id: str) -> str | None:
    """The open escrow that is to take over this one's money."""
    return _open_successors(escrow_id).first()


def successor_record(escrow_id: str) -> Record | None:
    """The record of that escrow."""
    found = successor_of(escrow_id)
    return None if found is None else storage.load(found).record


def origin_of(escrow_id: str) -> str:
    """The first of the escrows whose money came here, or was to: itself, for most."""
    before: str | None = escrow_id
    while before is not None:
        escrow_id = before
        before = (
            Succession.objects.filter(successor_id=escrow_id)
            .values_list("predecessor_id", flat=True)
            .first()
        )
    return escrow_id


def has_relatives(escrow_id: str) -> bool:
    """Whether this escrow takes over the money of another, or another its own."""
    either = Q(successor_id=escrow_id) | Q(predecessor_id=escrow_id)
    return Succession.objects.filter(either).exists()


def _open_successors(escrow_id: str) -> QuerySet[Escrow, str]:
    closed = [state.value for state in CLOSED]
    return (
        Escrow.objects.filter(succession__predecessor_id=escrow_id)
        .exclude(state__in=closed)
        .order_by("-created_at")
        .values_list("escrow_id", flat=True)
    )
