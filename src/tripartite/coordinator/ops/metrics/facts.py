"""What the database knows about the whole coordinator: one small function for each fact.

Each is one query or two that an index answers, so that a scrape costs the same with a hundred
escrows and with a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from tripartite.coordinator.limits.gate import shared_places
from tripartite.coordinator.limits.maintenance import present
from tripartite.coordinator.ops.metrics.models import AuditPass
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.keys import ATTACH
from tripartite.coordinator.watch.models import NodeSighting
from tripartite.coordinator.watch.node import FRESH_FOR
from tripartite.coordinator.work.queue import SERVE
from tripartite.domain import limits
from tripartite.domain.deadlines import Stage
from tripartite.domain.lifecycle import CLOSED, PAYOUT_STATES, State
from tripartite.domain.limits import OPEN
from tripartite.domain.parties import Role

BACKUP_MARK: Final = "backup-done"
"""A file in DATA_DIR, as old as the last proved backup. ``ops.backup`` writes it."""

MISSING_AFTER: Final = timedelta(days=1)

_PAYOUTS: Final = ", ".join(f"'{state.value}'" for state in PAYOUT_STATES)
_CLOSED: Final = ", ".join(f"'{state.value}'" for state in sorted(CLOSED))


@dataclass(frozen=True, slots=True)
class StateCount:
    """Escrows in a state, and how often any came into it."""

    number: int
    entered: int


@dataclass(frozen=True, slots=True)
class Silent:
    """Escrows in which nothing happens.

    ``stuck``: payouts with an alarm raised, the first one after six hours. ``in_recovery``: what a
    person must take up, payouts silent for 48 hours and disputes for seven days.
    """

    stuck: int
    in_recovery: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Things that wait, and since when the oldest does, in seconds (0: nothing waits)."""

    depth: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class NodeState:
    """What our own node said last. All zero if it never answered."""

    reachable: bool
    synchronized: bool
    height: int
    target_height: int


@dataclass(frozen=True, slots=True)
class AuditState:
    """The running check of the event log; seconds are None before the first whole pass."""

    intact: bool
    checked_seconds: float | None


def escrow_counts() -> Mapping[State, StateCount]:
    """Every state, also those without an escrow."""
    with connection.cursor() as sql:
        sql.execute("SELECT state, number, entered FROM metrics_escrowcount")
        rows = {state: StateCount(number, entered) for state, number, entered in sql.fetchall()}
    return {state: rows.get(state.value, StateCount(0, 0)) for state in State}


def maintenance() -> bool:
    """Whether new escrows are kept out."""
    return present().on


def escrows_left(counts: Mapping[State, StateCount]) -> int | None:
    """How many more may be opened now; None without such a limit."""
    allowed = settings.COORDINATOR.limits
    if allowed.concurrent_escrows is None:
        return None
    is_open = sum(counts[state].number for state in OPEN) - shared_places()
    return limits.escrows_left(allowed, limits.Used(0, is_open))


def silent_escrows() -> Silent:
    """Escrows in which nothing happens: the open incidents (``recovery``), by their stage."""
    with connection.cursor() as sql:
        sql.execute(
            f"SELECT COUNT(CASE WHEN state IN ({_PAYOUTS}) THEN 1 END),"
            f" COUNT(CASE WHEN stage >= {int(Stage.RECOVERY)} THEN 1 END)"
            " FROM recovery_incident WHERE cleared_at IS NULL"
        )
        stuck, in_recovery = sql.fetchone()
    return Silent(int(stuck), int(in_recovery))


def work_queue() -> Queue:
    """Work that is due."""
    at = now()
    with connection.cursor() as sql:
        # By pool: so the index is.
        sql.execute(
            "SELECT COUNT(*), MIN(due) FROM work_workitem WHERE pool IN (%s, %s) AND due <= %s",
            [SERVE, ATTACH, _stamp(at)],
        )
        depth, oldest = sql.fetchone()
    return Queue(int(depth), _seconds_since(oldest, at))


def failing_work() -> int:
    """Keys whose last look failed."""
    with connection.cursor() as sql:
        sql.execute("SELECT COUNT(*) FROM work_workitem WHERE failures > 0")
        return int(sql.fetchone()[0])


def event_log() -> tuple[int, float | None]:
    """How many events there are, and how old the last is in seconds; None without any."""
    at = now()
    with connection.cursor() as sql:
        sql.execute(
            "SELECT h.cursor, e.at FROM events_eventhead h"
            " LEFT JOIN events_event e ON e.cursor = h.cursor WHERE h.id = 1"
        )
        cursor, last = sql.fetchone()
    if last is None:
        return int(cursor), None
    return int(cursor), max(0.0, (at - datetime.fromisoformat(last)).total_seconds())


def node_state() -> NodeState:
    """Our own node, as the watcher last saw it."""
    seen = NodeSighting.objects.filter(pk=1).first()
    if seen is None:
        return NodeState(reachable=False, synchronized=False, height=0, target_height=0)
    fresh = seen.looked_at > now() - FRESH_FOR
    return NodeState(
        reachable=fresh,
        synchronized=fresh and seen.synchronized,
        height=seen.height,
        target_height=max(seen.target_height, seen.height),
    )


def audit_state() -> AuditState:
    """Whether the running check of the event log has found anything."""
    row = AuditPass.objects.filter(pk=1).first()
    if row is None:
        return AuditState(intact=True, checked_seconds=None)
    seconds = None if row.whole_at is None else (now() - row.whole_at).total_seconds()
    return AuditState(row.broken_at is None, seconds)


def backup_age(data_dir: Path) -> float:
    """Seconds since the last backup was complete; infinite if there never was one."""
    try:
        made = (data_dir / BACKUP_MARK).stat().st_mtime
    except FileNotFoundError:
        return float("inf")
    return max(0.0, now().timestamp() - made)


def agents_online() -> Mapping[Role, int]:
    """Agents that are online, by the roles that they ever had."""
    return _agents(
        "a.online AND EXISTS (SELECT 1 FROM escrows_participant p"
        " WHERE p.account_id = a.account_id AND p.role = %s)",
        [],
    )


def agents_missing() -> Mapping[Role, int]:
    """Agents that have been away for a day, by the roles that they have in open escrows."""
    return _agents(
        "NOT a.online AND a.since <= %s AND EXISTS (SELECT 1 FROM escrows_participant p"
        " JOIN escrows_escrow e ON e.escrow_id = p.escrow_id"
        f" WHERE p.account_id = a.account_id AND p.role = %s AND e.state NOT IN ({_CLOSED}))",
        [_stamp(now() - MISSING_AFTER)],
    )


def _agents(condition: str, values: list[str | None]) -> Mapping[Role, int]:
    with connection.cursor() as sql:
        found = {}
        for role in Role:
            sql.execute(
                f"SELECT COUNT(*) FROM presence_agentpresence a WHERE {condition}",
                [*values, role.value],
            )
            found[role] = int(sql.fetchone()[0])
    return found


def webhook_backlog() -> Queue:
    """Deliveries that wait for their turn, or for their next try."""
    at = now()
    with connection.cursor() as sql:
        sql.execute(
            "SELECT COUNT(*), MIN(d.created_at) FROM notify_delivery d"
            " JOIN notify_channel c ON c.id = d.channel_id"
            " WHERE d.state = 'pending' AND c.removed_at IS NULL"
        )
        depth, oldest = sql.fetchone()
    return Queue(int(depth), _seconds_since(oldest, at))


def _stamp(moment: datetime) -> str | None:
    # Typed as text; on PostgreSQL it is the datetime itself. Either goes straight into a query.
    return connection.ops.adapt_datetimefield_value(moment)


def _seconds_since(moment: object, at: datetime) -> float:
    if moment is None:
        return 0.0
    if isinstance(moment, str):  # an aggregate on SQLite comes back as text
        moment = datetime.fromisoformat(moment + "+00:00")
    assert isinstance(moment, datetime)
    return max(0.0, (at - moment).total_seconds())
