"""One escrow as the coordinator's event log tells it, and the phases that follow from that. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from tripartite.domain.lifecycle import CLOSED, PAYOUT_STATES, State
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.validation.figures import KEYS


@dataclass(frozen=True, slots=True)
class Told:
    """One event. ``at`` is Unix seconds by the coordinator's clock."""

    at: float
    type: str
    state: State | None = None
    kind: Kind | None = None
    txid: str | None = None
    stage: int = 0


@dataclass(slots=True)
class Story:
    """All events of an escrow so far, in order."""

    told: list[Told] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """Where it stands; None before anything was told."""
        if not self.told:
            return None
        return next((one.state for one in reversed(self.told) if one.state), State.CREATED)

    @property
    def txids(self) -> tuple[str, ...]:
        """The payouts that were announced."""
        return tuple(one.txid for one in self.told if one.txid is not None)

    @property
    def stage(self) -> int:
        """The loudest alarm so far; 0 for none."""
        return max((one.stage for one in self.told), default=0)

    def first(self, *states: State) -> float | None:
        """When it first came into one of these states."""
        return next((one.at for one in self.told if one.state in states), None)

    def last(self, *states: State) -> float | None:
        """When it last came into one of these states from another."""
        found, before = None, None
        for one in self.told:
            if one.state is not None:
                if one.state in states and before not in states:
                    found = one.at
                before = one.state
        return found

    def said(self, kind: Kind) -> float | None:
        """When somebody first said such a thing."""
        return next((one.at for one in self.told if one.kind is kind), None)


def read_event(event: Mapping[str, object]) -> Told:
    """An event as ``GET /api/events`` gives it."""
    at = datetime.fromisoformat(str(event["at"])).timestamp()
    data = cast("Mapping[str, object]", event["data"])
    match event["type"]:
        case "EscrowStatusChanged":
            return Told(at, "EscrowStatusChanged", state=State(str(data["to"])))
        case "MessageRelayed":
            kind = Kind(str(data["kind"]))
            txid = None
            if kind is Kind.PAYOUT_BROADCAST:
                txid = str(read_envelope(str(data["envelope"])).body["txid"])
            return Told(at, "MessageRelayed", kind=kind, txid=txid)
        case "TransactionStuck":
            return Told(at, "TransactionStuck", stage=int(str(data["stage"])))
        case other:
            return Told(at, str(other))


def phases(story: Story, *, paid_at: float | None) -> dict[str, float]:
    """Seconds per phase, of those that came to their end. ``paid_at`` is when the deposit was sent."""
    proposed = story.told[0].at if story.told else None
    closed = story.last(*CLOSED)
    spans: Sequence[tuple[str, float | None, float | None]] = (
        ("agree on terms", proposed, story.first(State.ACCEPTED)),
        (KEYS, story.first(State.ACCEPTED), story.first(State.AWAITING_DEPOSIT)),
        ("deposit until it counts", paid_at, story.first(State.FUNDED)),
        ("dispute until the ruling", story.first(State.DISPUTED), _ruled(story)),
        ("sign the payout", _consented(story), story.said(Kind.PAYOUT_BROADCAST)),
        ("payout until it is final", story.said(Kind.PAYOUT_BROADCAST), closed),
        ("the whole escrow", proposed, closed),
    )
    return {
        name: max(end - start, 0.0)
        for name, start, end in spans
        if start is not None and end is not None
    }


def _consented(story: Story) -> float | None:
    return story.last(*PAYOUT_STATES)


def _ruled(story: Story) -> float | None:
    if story.first(State.DISPUTED) is None:
        return None
    return story.said(Kind.RULING)
