"""Maintenance: no new escrows, while everything open goes on as before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from tripartite.coordinator.events.log import ADMINS, EventType, NewEvent, append
from tripartite.coordinator.limits.models import LONGEST_REASON, Gate
from tripartite.coordinator.storing import now, write_transaction
from tripartite.domain.errors import Refused

WHOLE_SERVICE: Final = ""
"""As an event's ``escrow_id``: it is about no single escrow."""


class MaintenanceReasonUnsound(Refused):
    """That reason can't be shown on every page."""

    code: ClassVar[str] = "maintenance_reason_unsound"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Whether it is on, why, and since when by whom; "" is the server's own command line."""

    on: bool
    reason: str
    switched_at: datetime | None = None
    switched_by: str = ""


def present() -> Maintenance:
    """How it is now."""
    return _of(Gate.objects.get(pk=1))


def switch(*, on: bool, reason: str, by: str) -> Maintenance:
    """Switch it, or say another reason. When this returns, no proposal is under way any more.

    The reason is public. Off needs none. Raises ``MaintenanceReasonUnsound``. What changes nothing
    is not put on record.
    """
    words = reason.strip()
    if (on and not words) or len(words) > LONGEST_REASON or not words.isprintable():
        raise MaintenanceReasonUnsound(
            f"Say why in one line of up to {LONGEST_REASON} characters; everybody reads it."
        )
    at = now()
    with write_transaction():
        gate = Gate.objects.select_for_update().get(pk=1)
        if (gate.maintenance, gate.reason) == (on, words if on else ""):
            return _of(gate)
        gate.maintenance, gate.reason = on, words if on else ""
        gate.switched_at, gate.switched_by = at, by
        gate.save()
        kind = EventType.MAINTENANCE_BEGUN if on else EventType.MAINTENANCE_ENDED
        facts = {"reason": words, "by": by}
        append([NewEvent(kind, WHOLE_SERVICE, facts, account_id=ADMINS)], at=at)
    return _of(gate)


def _of(gate: Gate) -> Maintenance:
    return Maintenance(gate.maintenance, gate.reason, gate.switched_at, gate.switched_by)
