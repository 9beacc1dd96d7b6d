"""What a client needs to know about this coordinator first."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from tripartite.coordinator.schemas import Body
from tripartite.coordinator.watch.node import latest_sighting
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES

router = Router(tags=["operation"])


class NetworkShown(Body):
    """Which Monero network is served, and how the coordinator's own node is."""

    network: str
    max_envelope_bytes: int
    height: int | None
    monerod_version: str | None


@router.get("/network", response=NetworkShown, auth=None)
def show_network(request: HttpRequest) -> object:
    """The network, the limits, and the node's height; null while the node can't be reached."""
    node = latest_sighting()
    return {
        "network": settings.COORDINATOR.network.value,
        "max_envelope_bytes": MAX_ENVELOPE_BYTES,
        "height": None if node is None else node.height,
        "monerod_version": None if node is None else node.version,
    }
