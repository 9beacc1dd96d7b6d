"""An agent's sign of life."""

from __future__ import annotations

from django.conf import settings
from ninja import Router, Status

from tripartite.coordinator.authentication import ApiRequest
from tripartite.coordinator.presence.watching import heard_from

router = Router(tags=["accounts"])


@router.post("/agent/heartbeat", response={204: None})
def heartbeat(request: ApiRequest) -> Status[None]:
    """As an agent: say that you are there. Once a minute is enough."""
    heard_from(request.auth.account_id, patience=settings.COORDINATOR.agent_patience)
    return Status(204, None)
