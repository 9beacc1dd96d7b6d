"""What a notification says. Pure.

It passes through servers of others, so it holds no amount, address, key or transaction id: only the
facts named here leave the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tripartite.coordinator.events.log import EventType
from tripartite.coordinator.storing import rfc3339

_TITLES: Final[Mapping[EventType, str]] = {
    EventType.ESCROW_STATUS_CHANGED: "Escrow {short} is {to} now",
    EventType.DISPUTE_OPENED: "Escrow {short} is disputed",
    EventType.DISPUTE_RESOLVED: "The dispute about escrow {short} is over",
    EventType.TRANSACTION_CONFIRMED: "The payout of escrow {short} is final",
    EventType.TRANSACTION_VANISHED: "The payout of escrow {short} has vanished from the network",
    EventType.TRANSACTION_STUCK: "Escrow {short} doesn't move, alarm {stage} of 4",
    EventType.MANUAL_RECOVERY_REQUIRED: "Escrow {short} needs a person",
    EventType.RECOVERY_ACTION_TAKEN: "An admin looked after escrow {short}",
    EventType.RECOVERY_CASE_CLOSED: "Escrow {short} moves again",
    EventType.ARBITER_CONTACTED: "You are called as the arbiter of escrow {short}",
    EventType.VOTE_REQUESTED: "Your vote is asked for on escrow {short}",
    EventType.RECOMMENDATION_MADE: "A panel has a recommendation for escrow {short}",
    EventType.AGENT_OFFLINE: "An agent is offline",
}
NOTIFIED: Final = tuple(_TITLES)
"""The events that people are notified of."""

_TOLD: Final = (
    "from", "to", "status", "original_status", "hours_stuck", "stage", "action_required",
    "opened_by", "outcome", "action", "action_id", "panel", "recommendation", "role", "since",
)  # fmt: skip
_SHORT: Final = 8


@dataclass(frozen=True, slots=True)
class News:
    """A notification: for programs ``payload``, for people ``title`` and ``text``."""

    type: str
    at: datetime
    escrow_id: str
    facts: Mapping[str, object]
    title: str
    text: str

    @property
    def payload(self) -> dict[str, object]:
        """As a Standard Webhooks payload: type, timestamp, data."""
        return {
            "type": self.type,
            "timestamp": rfc3339(self.at),
            "data": {"escrow_id": self.escrow_id, **self.facts},
        }


def news_of(kind: EventType, escrow_id: str, data: Mapping[str, object], at: datetime) -> News:
    """What is told of an event."""
    facts = {name: data[name] for name in _TOLD if name in data}
    short = escrow_id[:_SHORT]
    title = _TITLES[kind].format(short=short, to=facts.get("to"), stage=facts.get("stage"))
    lines = [str(facts[name]) for name in ("action_required", "recommendation") if name in facts]
    if kind is EventType.ARBITER_CONTACTED:
        lines.append(f"Answer with: tripartite agent acknowledge {facts.get('action_id')}")
    if kind is EventType.VOTE_REQUESTED:
        lines.append(f"Answer with: tripartite agent vote {facts.get('panel')} …")
    return News(kind.value, at, escrow_id, facts, title, " ".join(lines) or title)
