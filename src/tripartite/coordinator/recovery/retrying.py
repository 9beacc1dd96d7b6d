"""Try a payout again: the chain is asked first, then what was signed is sent, then the agents.

Nothing is built or signed here. What the chain says is only reported: the watcher (``watch``) looks
at the same chain and draws the conclusions, as always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tripartite.coordinator.relay.models import Message
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.keys import payout_key
from tripartite.coordinator.watch.node import Node, OwnNode
from tripartite.coordinator.work.queue import wake
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.lifecycle import Teller, is_open
from tripartite.domain.parties import Role
from tripartite.protocol.bodies import read_broadcast
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.record import Record, is_own_payout

CHAIN, NETWORK = "chain", "network"


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one part of an act: ``who`` answered what, as a short code."""

    who: str
    result: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the chain said and what was sent. ``txid`` is the payout that the network has now."""

    parts: tuple[Part, ...]
    txid: str | None


def ask_chain(record: Record, own: OwnNode) -> Found:
    """Whether a payout is known to the network; if none is, send again what was signed."""
    txids = [
        txid
        for txid, event in record.broadcasts.items()
        if is_open(record.state, event, by=Teller.CHAIN)
    ]
    if not txids:
        return Found((Part(CHAIN, "nothing_announced"),), None)
    try:
        node = own.ask()
        known = [one for one in node.get_transactions(txids, prune=True).found if one.txid in txids]
        own_payouts = [one for one in known if is_own_payout(record, one.txid, one.key_images)]
        if known and not own_payouts:
            # The watcher raises the alarm about it; here it only isn't the payout.
            return Found((Part(CHAIN, "elsewhere"),), None)
        if own_payouts:
            best = max(own_payouts, key=lambda one: one.confirmations)
            result = "in_pool" if best.height is None else "mined"
            blocks = f"{best.confirmations} confirmations"
            return Found((Part(CHAIN, result, blocks),), best.txid)
        sent = tuple(_send_again(node, record.escrow_id))
    except (Unavailable, Refused) as error:
        return Found((Part(CHAIN, "unreachable", error.code),), None)
    taken = next((txid for txid, accepted in sent if accepted), None)
    result = "accepted" if taken is not None else "refused"
    return Found((Part(CHAIN, "not_found"), Part(NETWORK, result)), taken)


def whom_to_ask(record: Record, found: Found) -> Sequence[Role]:
    """Whose agents should look: both signers, unless the network has a payout already."""
    if found.txid is not None or record.payout is None:
        return ()
    return record.payout.signers


def look_again(record: Record) -> None:
    """Have the watcher look now. Call inside a write transaction."""
    if record.broadcasts:
        wake(payout_key(record.escrow_id), at=now())


def _send_again(node: Node, escrow_id: str) -> Iterator[tuple[str, bool]]:
    """Hand in what was announced, the latest first, until one is taken."""
    texts = (
        Message.objects.filter(escrow_id=escrow_id, kind=Kind.PAYOUT_BROADCAST.value)
        .order_by("-position")
        .values_list("text", flat=True)
    )
    for text in texts:
        announced = read_broadcast(read_envelope(text))
        accepted = node.send_raw_transaction(announced.tx).accepted
        yield announced.txid, accepted
        if accepted:
            return
