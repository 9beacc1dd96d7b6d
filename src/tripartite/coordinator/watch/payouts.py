"""Is the payout final? Asks the coordinator's own node, by transaction id.

A payout is done at the required number of confirmations and not before: neither a party's word
nor a place in the pool counts. "We could not find out" is not "no": an unreachable node only means
asking again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tripartite.coordinator.escrows import storage
from tripartite.coordinator.events.log import EventType, NewEvent, append, status_changes
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.keys import PAYOUT
from tripartite.coordinator.watch.models import PayoutSighting
from tripartite.coordinator.watch.node import OwnNode
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.domain.lifecycle import Event, Step, Teller, is_open
from tripartite.monero.monerod import KnownTransaction
from tripartite.protocol.admission import observe
from tripartite.protocol.record import Record

_CONFIRMED: Final = {
    Event.RELEASE_SIGNED: Event.RELEASE_CONFIRMED,
    Event.RULED_FOR_VENDOR: Event.RELEASE_CONFIRMED,
    Event.REFUND_SIGNED: Event.REFUND_CONFIRMED,
    Event.DEPOSIT_ARRIVED_LATE: Event.REFUND_CONFIRMED,
    Event.RULED_FOR_BUYER: Event.REFUND_CONFIRMED,
    Event.SETTLEMENT_AGREED: Event.SETTLEMENT_CONFIRMED,
    Event.RULED_SPLIT: Event.SETTLEMENT_CONFIRMED,
}
"""What it means that the payout decided by an event is final."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. ``height`` is None in the pool and when missing."""

    txid: str
    known: bool
    height: int | None
    confirmations: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What follows from a look: the record after it, its lifecycle steps, the events to log."""

    record: Record
    steps: tuple[Step, ...]
    events: tuple[NewEvent, ...]
    final: bool


def watch_payouts(
    own: OwnNode, *, required: int, pause: timedelta
) -> Callable[[Lease], Again | None]:
    """The handler for ``payout:<escrow_id>``."""

    def reconcile(lease: Lease) -> Again | None:
        escrow_id = lease.key.removeprefix(PAYOUT)
        seen = storage.load(escrow_id)
        txid = _awaited(seen.record)
        if txid is None:
            return None
        found = own.ask().get_transactions([txid], prune=True).found
        look = _look(txid, found[0] if found else None)
        before = PayoutSighting.objects.filter(pk=escrow_id, txid=txid).first()
        finding = judge(
            seen.record,
            look,
            before=None
            if before is None
            else Look(txid, not before.missing, before.height, before.confirmations),
            required=required,
        )
        with fenced(lease):
            at = now()
            if finding.steps and not storage.store(
                seen, finding.record, position=seen.last_position, at=at
            ):
                return Again(timedelta(0))
            PayoutSighting.objects.update_or_create(
                pk=escrow_id,
                defaults={
                    "txid": txid,
                    "height": look.height,
                    "confirmations": look.confirmations,
                    "missing": not look.known,
                    "looked_at": at,
                },
            )
            if finding.events:
                append(finding.events, at=at)
        return None if finding.final else Again(pause)

    return reconcile


def judge(record: Record, look: Look, *, before: Look | None, required: int) -> Finding:
    """What a look means. Pure."""
    confirmed, facts = _confirmation(record), {"txid": look.txid, "height": look.height}
    if look.known and look.confirmations >= required and confirmed is not None:
        after, step = observe(record, confirmed, by=Teller.CHAIN)
        done = NewEvent(
            EventType.TRANSACTION_CONFIRMED,
            record.escrow_id,
            {**facts, "confirmations": look.confirmations},
        )
        return Finding(
            after, (step,), (done, *status_changes(record.escrow_id, (step,))), final=True
        )
    was_known = before is not None and before.known
    if not look.known and was_known:
        after, step = observe(record, Event.PAYOUT_VANISHED, by=Teller.CHAIN)
        gone = NewEvent(EventType.TRANSACTION_VANISHED, record.escrow_id, {"txid": look.txid})
        return Finding(
            after, (step,), (gone, *status_changes(record.escrow_id, (step,))), final=False
        )
    moved = look.known and (not was_known or before is None or before.height != look.height)
    sighted = NewEvent(EventType.TRANSACTION_SEEN, record.escrow_id, facts)
    return Finding(record, (), (sighted,) if moved else (), final=False)


def _confirmation(record: Record) -> Event | None:
    """The event that ends this escrow once its payout is final; None if nothing can."""
    if record.payout is None:
        return None
    event = _CONFIRMED.get(record.payout.event)
    if event is None or not is_open(record.state, event, by=Teller.CHAIN):
        return None
    return event


def _awaited(record: Record) -> str | None:
    """The id of the transaction that this escrow waits for."""
    if record.payout is None or _confirmation(record) is None:
        return None
    return record.payout.txid


def _look(txid: str, found: KnownTransaction | None) -> Look:
    if found is None:
        return Look(txid, known=False, height=None, confirmations=0)
    return Look(txid, known=True, height=found.height, confirmations=found.confirmations)
