"""Take heartbeats in, and notice when they stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tripartite.coordinator.escrows.models import Participant
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.events.log import EventType, NewEvent, append
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.storing import now, rfc3339, write_transaction
from tripartite.coordinator.work.queue import Lease, fenced, wake
from tripartite.coordinator.work.runner import Again, Handler
from tripartite.domain.lifecycle import CLOSED
from tripartite.domain.parties import Role
from tripartite.domain.rotation import ArbiterOffline
from tripartite.protocol.next_step import ARBITER_RESTS, waiting_on

PRESENCE: Final = "presence:"

_MOST_TOLD: Final = 1_000
"""Escrows whose parties are told that an agent is gone; the oldest first."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an agent is online, and since when it is so."""

    online: bool
    since: datetime


def heard_from(account_id: int, *, patience: timedelta) -> None:
    """The agent of this account spoke up."""
    at = now()
    with write_transaction():
        # Only what changes is written: an agent that was online keeps its "since".
        if AgentPresence.objects.filter(pk=account_id, online=True).update(seen_at=at):
            return
        AgentPresence.objects.update_or_create(
            pk=account_id, defaults={"online": True, "since": at, "seen_at": at}
        )
        wake(f"{PRESENCE}{account_id}", at=at + patience)


def presence_of(account_ids: Iterable[int]) -> Mapping[int, Presence]:
    """Of those whose agent was ever heard of."""
    rows = AgentPresence.objects.filter(pk__in=list(account_ids))
    return {row.pk: Presence(row.online, row.since) for row in rows}


def require_arbiter(account_id: int) -> None:
    """Raise ``ArbiterOffline`` if this account's agent has fallen silent.

    One that was never heard of may be new, or not speak up at all: that is no "offline".
    """
    gone = AgentPresence.objects.filter(pk=account_id, online=False).first()
    if gone is not None:
        raise ArbiterOffline(
            "Name another arbiter, or propose it again when the agent is back.",
            since=rfc3339(gone.since),
        )


def watch_presence(*, patience: timedelta) -> Handler:
    """The handler of ``presence:<account id>``."""

    def reconcile(lease: Lease) -> Again | None:
        account_id = int(lease.key.removeprefix(PRESENCE))
        with fenced(lease):
            row = AgentPresence.objects.filter(pk=account_id, online=True).first()
            if row is None:
                return None
            left = row.seen_at + patience - now()
            if left > timedelta():
                return Again(min(left, patience))
            AgentPresence.objects.filter(pk=account_id).update(online=False, since=row.seen_at)
            append(_gone(account_id, since=row.seen_at), at=now())
        return None

    return reconcile


def _gone(account_id: int, *, since: datetime) -> list[NewEvent]:
    """Its owner hears of it, and the parties of each escrow that waits for this agent now."""
    kind, at = EventType.AGENT_OFFLINE, rfc3339(since)
    told = [NewEvent(kind, "", {"role": None, "since": at}, account_id=account_id)]
    told += [
        NewEvent(kind, escrow_id, {"role": role.value, "since": at})
        for escrow_id, role in _waiting_for(account_id)
    ]
    return told


def _waiting_for(account_id: int) -> Iterable[tuple[str, Role]]:
    closed, resting = ([state.value for state in some] for some in (CLOSED, ARBITER_RESTS))
    rows = (
        Participant.objects.filter(account_id=account_id)
        .exclude(escrow__state__in=closed)
        .exclude(role=Role.ARBITER.value, escrow__state__in=resting)
        .select_related("escrow")
        .order_by("escrow__created_at")[:_MOST_TOLD]
    )
    for row in rows:
        escrow = row.escrow
        record = record_of(escrow.escrow_id, escrow.version, escrow.snapshot)
        if any(who.value == row.role for who, _ in waiting_on(record)):
            yield escrow.escrow_id, Role(row.role)
