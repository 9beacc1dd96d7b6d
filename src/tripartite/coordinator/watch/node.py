"""The coordinator's own monerod: whether it may be believed, and what it last said of itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Final, Protocol, Self

from tripartite.coordinator.configuration import Configuration
from tripartite.coordinator.ops.metrics.calls import MeasuredNode, count_health_check
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.models import NodeSighting
from tripartite.coordinator.work.queue import Lease, fenced
from tripartite.coordinator.work.runner import Again
from tripartite.domain.errors import Unavailable
from tripartite.domain.parties import Network
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.monerod import FoundTransactions, Monerod, NodeInfo, NodeVersion, Submission
from tripartite.monero.versions import require_supported_node

NODE_KEY: Final = "node:"
LOOK_EVERY: Final = timedelta(seconds=30)
FRESH_FOR: Final = timedelta(minutes=5)
"""An older sighting counts as "not reachable"."""

# Two questions, each connecting and waiting at most this long, stay within one work lease.
_TIMEOUTS: Final = Timeouts(connect=10.0, light=10.0, heavy=10.0)


class NodeMissing(Unavailable):
    """No monerod is configured, so payouts can't be confirmed."""

    code: ClassVar[str] = "node_missing"


class NodeOfAnotherNetwork(Unavailable):
    """The configured monerod follows another network."""

    code: ClassVar[str] = "node_of_another_network"


class Node(Protocol):
    """What the watcher asks a node."""

    def get_info(self) -> NodeInfo: ...

    def get_version(self) -> NodeVersion: ...

    def get_transactions(self, txids: list[str], *, prune: bool = False) -> FoundTransactions: ...

    def send_raw_transaction(self, blob: str) -> Submission: ...

    def close(self) -> None: ...


class OwnNode:
    """Opens the connection when first asked, and refuses a node of another network."""

    def __init__(self, network: Network, connect: Callable[[], Node] | None) -> None:
        self._network = network
        self._connect = connect
        self._node: Node | None = None

    @classmethod
    def of(cls, configuration: Configuration) -> Self:
        """The node that the settings name."""
        url = configuration.monerod_url
        if url is None:
            return cls(configuration.network, None)
        login = configuration.monerod_login
        return cls(
            configuration.network,
            lambda: Monerod(
                url,
                None if login is None else Login(*login),
                proxy=configuration.monerod_proxy,
                timeouts=_TIMEOUTS,
            ),
        )

    def ask(self) -> Node:
        """The node, once known to be of our network and new enough.

        Raises ``NodeMissing``, ``NodeOfAnotherNetwork``, ``VersionTooOld`` and what its calls
        raise.
        """
        if self._node is None:
            if self._connect is None:
                raise NodeMissing("Set TRIPARTITE_MONEROD_URL.")
            node: Node = MeasuredNode(self._connect())
            info = node.get_info()
            if info.network is not self._network:
                node.close()
                raise NodeOfAnotherNetwork(
                    f"It follows {info.network.value}; this coordinator serves "
                    f"{self._network.value}. Change TRIPARTITE_MONEROD_URL."
                )
            require_supported_node(self._network, node.get_version(), info)
            self._node = node
        return self._node

    def close(self) -> None:
        """Let go of the connection."""
        if self._node is not None:
            self._node.close()
            self._node = None


def watch_node(own: OwnNode) -> Callable[[Lease], Again | None]:
    """The handler that keeps ``GET /api/network`` informed."""

    def reconcile(lease: Lease) -> Again | None:
        try:
            node = own.ask()
            count_health_check()
            info = node.get_info()
        except NodeMissing:
            return None
        with fenced(lease):
            NodeSighting.objects.update_or_create(
                pk=1,
                defaults={
                    "height": info.height,
                    "target_height": info.target_height,
                    "synchronized": info.synchronized,
                    "version": info.version,
                    "looked_at": now(),
                },
            )
        return Again(LOOK_EVERY)

    return reconcile


def latest_sighting() -> NodeSighting | None:
    """What the node said in the last minutes; None if nothing."""
    return NodeSighting.objects.filter(pk=1, looked_at__gt=now() - FRESH_FOR).first()
