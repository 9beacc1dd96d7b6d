"""How far an escrow has come, so that standing still can be told from moving. From the record.

Not every message is progress: agents that begin a payout anew every hour, a trader who writes one
statement after the other, a wallet that reports nothing new would else keep the alarm quiet for
ever. An escrow has moved when it is in another phase, or farther in the same one than ever before.
"""

from __future__ import annotations

from dataclasses import dataclass

from tripartite.domain.lifecycle import PAYOUT_STATES, State
from tripartite.domain.parties import Role
from tripartite.protocol.record import Record


@dataclass(frozen=True, slots=True)
class Progress:
    """``phase`` names what is going on; ``rank`` grows within it."""

    phase: str
    rank: int

    def is_beyond(self, before: Progress) -> bool:
        """Whether the escrow has moved since ``before``."""
        return self.phase != before.phase or self.rank > before.rank


def progress(record: Record) -> Progress:
    """How far the escrow is."""
    state = record.state
    if state in PAYOUT_STATES:
        return _payout(record)
    match state:
        case State.CREATED:
            rank = len(record.details) + len(record.signed)
        case State.ACCEPTED | State.KEYING:
            rank = len(record.exchange) + len(record.attested)
        case State.AWAITING_DEPOSIT:
            reports = record.reports.values()
            seen = sum(1 for one in reports if one.confirmed or one.pending or one.locked)
            rank = seen + sum(1 for one in reports if one.confirmed)
        case State.DISPUTED:
            # Only the arbiter can bring a dispute on, so only the arbiter's words count.
            head = record.heads.get(Role.ARBITER)
            rank = 0 if head is None else head.seq
        case _:
            rank = 0
    return Progress(state.value, rank)


def _payout(record: Record) -> Progress:
    """A new agreement or ruling is a new phase; a new attempt at the same payout is not."""
    payout = record.payout
    if payout is None:
        return Progress(record.state.value, 0)
    agreed = (payout.event.value, payout.cosigner.value, payout.vendor_share, payout.vendor_bps)
    moved = () if payout.successor is None else (payout.successor.escrow_id,)
    phase = ":".join(str(one) for one in (record.state.value, *agreed, *moved))
    steps = len(payout.said) + (payout.txid is not None)
    return Progress(phase, steps)
