"""What every page can name."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest

from tripartite.coordinator.limits import maintenance

AGENT_PORT: Final = "agent_port"
"""Where a session keeps the port of its owner's agent page."""

_USUAL_PORT: Final = 8710


def every_page(request: HttpRequest) -> dict[str, object]:
    """The network served, the reason of a maintenance, and where a reader's own agent likely is."""
    return {
        "network": settings.COORDINATOR.network.value,
        "agent_page": agent_page(request),
        # Called by the pages that show it: answers to scripts ask the database for nothing more.
        "maintenance": _maintenance,
    }


def agent_page(request: HttpRequest) -> str:
    """The reader's own agent, on the reader's own machine."""
    # A request that was refused early has no session yet.
    session = getattr(request, "session", {})
    return f"http://127.0.0.1:{session.get(AGENT_PORT, _USUAL_PORT)}"


def _maintenance() -> str:
    """Why no new escrows are taken; empty while they are."""
    try:
        return maintenance.present().reason
    except DatabaseError:
        return ""  # the page that says so is a page, too
