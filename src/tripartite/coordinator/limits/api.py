"""The limits for everybody with an account, and maintenance for admins."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from ninja import Router
from pydantic import Field

from tripartite.coordinator.admins import require_admin
from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.limits import maintenance
from tripartite.coordinator.limits.maintenance import Maintenance
from tripartite.coordinator.limits.models import LONGEST_REASON
from tripartite.coordinator.limits.reading import standing
from tripartite.coordinator.ops.idempotency import once
from tripartite.coordinator.schemas import Body
from tripartite.coordinator.storing import rfc3339, write_transaction

router = Router(tags=["operation"])


class LimitsShown(Body):
    """What new escrows are limited to, and what is left; amounts are piconero as text.

    null: no limit. While ``maintenance`` is true none is taken, for the ``reason`` given.
    """

    max_escrow_amount_atomic: str | None
    max_total_volume_atomic: str | None
    total_volume_left_atomic: str | None
    max_concurrent_escrows: int | None
    concurrent_escrows_left: int | None
    maintenance: bool
    reason: str


class MaintenanceWanted(Body):
    """Switch it on with a reason, which everybody reads, or off."""

    enabled: bool
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""


class MaintenanceShown(Body):
    """How it is, since when, and by whose hand; empty for the server's own command line."""

    enabled: bool
    reason: str
    switched_at: str | None
    switched_by: str


@router.get("/limits", response=LimitsShown)
def show_limits(request: ApiRequest) -> object:
    """What may still be proposed here."""
    return standing(settings.COORDINATOR.limits)


@router.get("/admin/maintenance-mode", response=MaintenanceShown)
def show_maintenance(request: ApiRequest) -> object:
    """As an admin: whether new escrows are taken, and who decided that."""
    require_admin(request.auth)
    return _shown(maintenance.present())


@router.post("/admin/maintenance-mode", response=MaintenanceShown)
def switch_maintenance(request: ApiRequest, body: MaintenanceWanted) -> object:
    """As an admin: take no new escrows, or take them again. What is open goes on."""
    require_admin(request.auth)
    this = once(request, request.auth.account_id)
    if (answer := this.answered()) is not None:
        return answer[1]
    with write_transaction():
        found = maintenance.switch(on=body.enabled, reason=body.reason, by=request.auth.name)
        shown = _shown(found)
        this.remember(200, shown)
    return shown


def _shown(found: Maintenance) -> dict[str, str | int | None]:
    return {
        "enabled": found.on,
        "reason": found.reason,
        "switched_at": None if found.switched_at is None else rfc3339(found.switched_at),
        "switched_by": found.switched_by,
    }
