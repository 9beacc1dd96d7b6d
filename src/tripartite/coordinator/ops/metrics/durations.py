"""How long the parties took, as far as the coordinator sees it: from message to message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import connection

from tripartite.coordinator.ops.metrics.catalogue import SETUP_SECONDS, SYNC_SECONDS, Metric
from tripartite.coordinator.ops.metrics.tally import TALLY
from tripartite.domain.lifecycle import Event, Step
from tripartite.protocol.envelope import Kind, Message

_FIRST_KEY_EXCHANGE: Final = (
    "SELECT MIN(received_at) FROM relay_message WHERE escrow_id = %s AND kind = 'key_exchange'"
)
# The first info of this attempt to pay: after the transaction that was built before, if any.
_FIRST_INFO: Final = (
    "SELECT MIN(received_at) FROM relay_message WHERE escrow_id = %s AND kind = 'payout_info'"
    " AND position > (SELECT COALESCE(MAX(position), 0) FROM relay_message"
    " WHERE escrow_id = %s AND kind = 'payout_txset' AND position < %s)"
)


def note_durations(message: Message, steps: Sequence[Step], *, position: int, at: datetime) -> None:
    """Call after ``message`` was stored. Asks the database only when something has ended."""
    if message.kind is Kind.PAYOUT_TXSET:
        escrow = message.escrow_id
        _observe(SYNC_SECONDS, _FIRST_INFO, [escrow, escrow, position], at)
    elif message.kind is Kind.ATTEST and any(
        step.event is Event.ADDRESS_ATTESTED for step in steps
    ):
        _observe(SETUP_SECONDS, _FIRST_KEY_EXCHANGE, [message.escrow_id], at)


def _observe(metric: Metric, query: str, values: list[str | int], at: datetime) -> None:
    with connection.cursor() as sql:
        sql.execute(query, values)
        began = sql.fetchone()[0]
    if isinstance(began, str):  # an aggregate on SQLite comes back as text
        began = datetime.fromisoformat(began).replace(tzinfo=UTC)
    if began is not None:
        TALLY.observe((metric.name,), max(0.0, (at - began).total_seconds()), metric.buckets)
