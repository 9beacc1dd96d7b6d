"""What every page can name."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest

AGENT_PORT: Final = "agent_port"
"""Where a session keeps the port of its owner's agent page."""

_USUAL_PORT: Final = 8710


def every_page(request: HttpRequest) -> dict[str, object]:
    """The Monero network served, and where a reader's own agent is likely to be."""
    return {
        "network": settings.COORDINATOR.network.value,
        "agent_page": agent_page(request),
    }


def agent_page(request: HttpRequest) -> str:
    """The reader's own agent, on the reader's own machine."""
    # A request that was refused early has no session yet.
    session = getattr(request, "session", {})
    return f"http://127.0.0.1:{session.get(AGENT_PORT, _USUAL_PORT)}"
