"""Every escrow for the operator, or every open one: what there is to look after before a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.escrows.storage import record_of
from tripartite.coordinator.recovery.models import Incident
from tripartite.domain.deadlines import Stage
from tripartite.domain.lifecycle import CLOSED, MAY_HOLD_MONEY, shown_as
from tripartite.domain.parties import Role
from tripartite.protocol.next_step import waiting_on

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """One escrow. ``amount`` is in piconero; ``waiting_on`` holds (role, step) pairs."""

    escrow_id: str
    status: str
    may_hold_money: bool
    amount: int
    parties: Mapping[Role, str]
    waiting_on: tuple[tuple[Role, str], ...]
    created_at: datetime
    changed_at: datetime


def listed(*, only_open: bool) -> Iterator[Listed]:
    """The oldest first. Read in pages: what changes meanwhile shows as it was when it was read."""
    rows = Escrow.objects.order_by("created_at", "escrow_id")
    if only_open:
        rows = rows.exclude(state__in=[state.value for state in CLOSED])
    overdue = frozenset(
        Incident.objects.filter(cleared_at=None, stage__gte=int(Stage.RECOVERY)).values_list(
            "escrow_id", flat=True
        )
    )
    with_names = rows.prefetch_related("participants__account")
    for row in with_names.iterator(chunk_size=_PAGE):
        record = record_of(row.escrow_id, row.version, row.snapshot)
        yield Listed(
            escrow_id=row.escrow_id,
            status=shown_as(record.state, overdue=row.escrow_id in overdue),
            may_hold_money=record.state in MAY_HOLD_MONEY,
            amount=row.amount,
            parties={Role(one.role): one.account.name for one in row.participants.all()},
            waiting_on=tuple(waiting_on(record)),
            created_at=row.created_at,
            changed_at=row.changed_at,
        )
