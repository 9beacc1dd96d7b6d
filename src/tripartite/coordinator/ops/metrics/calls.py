"""Calls to Monero's daemons, timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from tripartite.coordinator.ops.metrics.catalogue import (
    RPC_FAILURES,
    RPC_HEALTH_CHECKS,
    RPC_SECONDS,
)
from tripartite.coordinator.ops.metrics.tally import TALLY
from tripartite.domain.errors import Unavailable
from tripartite.monero.monerod import FoundTransactions, NodeInfo, NodeVersion, Submission

_SECONDS: Final = (RPC_SECONDS.name,)
_FAILURES: Final = (RPC_FAILURES.name,)
_CHECKS: Final = (RPC_HEALTH_CHECKS.name,)


@contextmanager
def measured_call() -> Iterator[None]:
    """Around one call to a monerod or a wallet-rpc: how long it took, and whether it failed."""
    began = time.perf_counter()
    try:
        yield
    except Unavailable:
        TALLY.count(_FAILURES)
        raise
    finally:
        TALLY.observe(_SECONDS, time.perf_counter() - began, RPC_SECONDS.buckets)


def count_health_check() -> None:
    """A call that was made only to see whether the daemon is well."""
    TALLY.count(_CHECKS)


class _Node(Protocol):
    def get_info(self) -> NodeInfo: ...

    def get_version(self) -> NodeVersion: ...

    def get_transactions(self, txids: list[str], *, prune: bool = False) -> FoundTransactions: ...

    def send_raw_transaction(self, blob: str) -> Submission: ...

    def close(self) -> None: ...


class MeasuredNode:
    """A node whose calls are timed."""

    def __init__(self, node: _Node) -> None:
        self._node = node

    def get_info(self) -> NodeInfo:
        with measured_call():
            return self._node.get_info()

    def get_version(self) -> NodeVersion:
        with measured_call():
            return self._node.get_version()

    def get_transactions(self, txids: list[str], *, prune: bool = False) -> FoundTransactions:
        with measured_call():
            return self._node.get_transactions(txids, prune=prune)

    def send_raw_transaction(self, blob: str) -> Submission:
        with measured_call():
            return self._node.send_raw_transaction(blob)

    def close(self) -> None:
        self._node.close()
