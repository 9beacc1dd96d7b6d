"""What every page can name."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

AGENT_PAGE = "http://127.0.0.1:8710"
"""Where an agent shows its own page, unless it is told otherwise."""


def every_page(request: HttpRequest) -> dict[str, object]:
    """The Monero network served, and where a reader's own agent is likely to be."""
    return {"network": settings.COORDINATOR.network.value, "agent_page": AGENT_PAGE}
