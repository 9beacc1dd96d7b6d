"""One thread that asks the own node, every few seconds, whether anything happened.

Two small questions for all escrows together: the top block, and the ids in the pool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from tripartite.domain.errors import TripartiteError
from tripartite.monero.monerod import NodeInfo


class News(Protocol):
    """The part of a node that is asked."""

    def get_info(self) -> NodeInfo: ...

    def get_pool(self) -> frozenset[str]: ...


class Pulse:
    """Calls ``stirred(block)`` when the top block changed (True) or only the pool did (False)."""

    def __init__(
        self,
        node: News,
        stirred: Callable[[bool], None],
        *,
        seconds: float,
        failed: Callable[[BaseException], None],
    ) -> None:
        """``failed`` hears of an error that nobody dealt with: a bug, so the process must end."""
        self._node = node
        self._stirred = stirred
        self._seconds = seconds
        self._failed = failed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pulse", daemon=True)
        self._top: str | None = None
        self._pool: frozenset[str] = frozenset()

    def start(self) -> None:
        """Start the thread; its first beat counts as a new block."""
        self._thread.start()

    def stop(self) -> None:
        """Finish a running question."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def beat(self) -> None:
        """Ask once. Raises what the node's client raises."""
        top, pool = self._node.get_info().top_block_hash, self._node.get_pool()
        block, changed = top != self._top, pool != self._pool
        self._top, self._pool = top, pool
        if block or changed:
            self._stirred(block)

    def _work(self) -> None:
        log = structlog.get_logger()
        quiet = True
        try:
            while not self._over.is_set():
                try:
                    self.beat()
                    quiet = True
                except TripartiteError as error:
                    if quiet:
                        log.warning("node_silent", code=error.code)
                    quiet = False
                self._over.wait(self._seconds)
        except BaseException as error:
            log.error("pulse_bug", error=type(error).__name__)  # noqa: TRY400 — a message could quote what is private
            self._failed(error)
            raise
