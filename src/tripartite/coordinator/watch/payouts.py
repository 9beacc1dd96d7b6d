"""Which payout is final? Asks the coordinator's own node, by transaction id.

A payout is done at the required number of confirmations and not before: neither a party's word
nor a place in the pool counts. What one party announces has to spend what its builder said: else it
is somebody's other transaction, an alarm, and ends nothing. All payouts ever handed to the network
are watched, and the one that is mined is the outcome; one that vanished is sent again. "We could
not find out" is not "no": an unreachable node only means asking again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tripartite.coordinator.escrows import storage
from tripartite.coordinator.events.log import (
    EventType,
    NewEvent,
    append,
    dispute_events,
    status_changes,
)
from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.keys import PAYOUT
from tripartite.coordinator.watch.models import PayoutSighting
from tripartite.coordinator.watch.node import Node, OwnNode
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.domain.lifecycle import Event, Step, Teller, is_open
from tripartite.monero.monerod import KnownTransaction
from tripartite.protocol.admission import observe
from tripartite.protocol.bodies import read_broadcast
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.record import Record, is_own_payout


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. ``height`` is None in the pool and when missing.

    ``elsewhere`` says that it isn't this escrow's money that the transaction spends.
    """

    txid: str
    known: bool
    height: int | None
    confirmations: int
    elsewhere: bool = False


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
        txids = _awaited(seen.record)
        if not txids:
            return None
        node = own.ask()
        look = _look(seen.record, txids, node.get_transactions(txids, prune=True).found)
        if not look.known:
            _send_again(node, escrow_id)
        before = PayoutSighting.objects.filter(pk=escrow_id, txid=look.txid).first()
        finding = judge(
            seen.record,
            look,
            before=None
            if before is None
            else Look(
                look.txid,
                not before.missing,
                before.height,
                before.confirmations,
                before.elsewhere,
            ),
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
                    "txid": look.txid,
                    "height": look.height,
                    "confirmations": look.confirmations,
                    "missing": not look.known,
                    "elsewhere": look.elsewhere,
                    "looked_at": at,
                },
            )
            if finding.events:
                append(finding.events, at=at)
        return None if finding.final else Again(pause)

    return reconcile


def judge(record: Record, look: Look, *, before: Look | None, required: int) -> Finding:
    """What a look means. Pure."""
    confirmed = record.broadcasts[look.txid]
    facts = {"txid": look.txid, "height": look.height}
    if look.elsewhere:
        known = before is not None and before.elsewhere
        alarm = NewEvent(EventType.TRANSACTION_ELSEWHERE, record.escrow_id, facts)
        return Finding(record, (), () if known else (alarm,), final=False)
    if look.known and look.confirmations >= required:
        after, step = observe(record, confirmed, by=Teller.CHAIN)
        told = [
            NewEvent(
                EventType.TRANSACTION_CONFIRMED,
                record.escrow_id,
                {**facts, "confirmations": look.confirmations},
            ),
            *status_changes(record.escrow_id, (step,)),
            *dispute_events(record, (step,)),
        ]
        return Finding(after, (step,), tuple(told), final=True)
    was_known = before is not None and before.known
    if not look.known and was_known:
        gone = NewEvent(EventType.TRANSACTION_VANISHED, record.escrow_id, {"txid": look.txid})
        if not is_open(record.state, Event.PAYOUT_VANISHED, by=Teller.CHAIN):
            return Finding(record, (), (gone,), final=False)
        after, step = observe(record, Event.PAYOUT_VANISHED, by=Teller.CHAIN)
        return Finding(
            after, (step,), (gone, *status_changes(record.escrow_id, (step,))), final=False
        )
    moved = look.known and (not was_known or before is None or before.height != look.height)
    sighted = NewEvent(EventType.TRANSACTION_SEEN, record.escrow_id, facts)
    return Finding(record, (), (sighted,) if moved else (), final=False)


def _awaited(record: Record) -> list[str]:
    """Every payout that could end this escrow: they spend the same outputs, so one will."""
    return [
        txid
        for txid, event in record.broadcasts.items()
        if is_open(record.state, event, by=Teller.CHAIN)
    ]


def _look(record: Record, txids: Sequence[str], found: Sequence[KnownTransaction]) -> Look:
    """The transaction that got farthest, of equals the latest; the latest if none is known.

    One that isn't this escrow's payout is only looked at where there is no other.
    """
    last = list(txids).index
    asked = [
        (is_own_payout(record, one.txid, one.key_images), one.confirmations, last(one.txid), one)
        for one in found
        if one.txid in txids
    ]
    if not asked:
        return Look(txids[-1], known=False, height=None, confirmations=0)
    own, _, _, best = max(asked, key=lambda one: one[:3])
    return Look(best.txid, True, best.height, best.confirmations, elsewhere=not own)


def _send_again(node: Node, escrow_id: str) -> None:
    """Hand in what was signed, the latest first, until one is taken.

    The transaction came with the message that announced it. Whether the node has it now shows in
    the next look: what it refuses is a rival of a mined one, and that will be found.
    """
    texts = (
        Message.objects.filter(escrow_id=escrow_id, kind=Kind.PAYOUT_BROADCAST.value)
        .order_by("-position")
        .values_list("text", flat=True)
    )
    for text in texts:
        if node.send_raw_transaction(read_broadcast(read_envelope(text)).tx).accepted:
            return
