"""Check the event log again and again while the coordinator runs.

``tripartite audit verify`` does it at once and on demand. Here it is work like any other: a part
at a time, new events every minute, and once a day from the first event on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from tripartite.coordinator.events.audit import LogAltered, verify_part
from tripartite.coordinator.events.chain import GENESIS
from tripartite.coordinator.ops.metrics.models import AuditPass
from tripartite.coordinator.storing import now
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again

AUDIT_KEY: Final = "audit:"
PART: Final = 2_000
"""Events checked at one look: some tens of milliseconds, so that payouts don't wait behind it."""

_NEXT_PART: Final = timedelta(seconds=1)
_NEW_EVENTS: Final = timedelta(minutes=1)
_WHOLE_AGAIN: Final = timedelta(days=1)
_AFTER_A_BREAK: Final = timedelta(hours=1)

_log = structlog.get_logger()


def audit_on(lease: Lease) -> Again:
    """The handler for ``audit:``: one part further."""
    row = AuditPass.objects.filter(pk=1).first() or AuditPass(pk=1, hash=GENESIS)
    at = now()
    if row.whole_at is not None and at - row.whole_at >= _WHOLE_AGAIN and row.whole_cursor:
        row.cursor, row.hash, row.whole_cursor = 0, GENESIS, 0
    try:
        reached = verify_part(row.cursor, row.hash, most=PART)
    except LogAltered as error:
        _log.error("audit_chain_broken", cursor=error.facts.get("cursor"))
        row.cursor, row.hash, row.whole_cursor = 0, GENESIS, 0
        row.broken_at = row.broken_at or at
        pause = _AFTER_A_BREAK
    else:
        row.cursor, row.hash = reached.cursor, reached.hash
        if reached.at_end and not row.whole_cursor:
            # From the first event to the last: only that clears an earlier finding.
            row.whole_at, row.whole_cursor, row.broken_at = at, reached.cursor, None
        pause = _NEW_EVENTS if reached.at_end else _NEXT_PART
    with fenced(lease):
        row.save()
    return Again(pause)
