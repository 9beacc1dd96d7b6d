"""Leases that are kept alive while somebody works under them.

A lease in the work table runs out by the clock of the nodes; the holder keeps its own count, by a
clock that goes on while the process is stopped or the machine sleeps. It gives up a little earlier
than others may begin: two never believe to hold the same thing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import structlog
from django.db import DatabaseError, close_old_connections, connections

from tripartite.coordinator.storing import now
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.queue import Lease, LeaseLost

LEASE: Final = timedelta(seconds=15)
"""After this long without a sign of life another attach process takes over."""

_RENEWALS: Final = 4
_MARGIN: Final = 0.2
"""Share of the lease by which the holder gives up earlier: clocks of nodes may differ that much."""

_log = structlog.get_logger()


class Held:
    """A lease as its holder sees it."""

    def __init__(self, lease: Lease, *, length: timedelta, began: float) -> None:
        self.lease = lease
        self._length = length.total_seconds() * (1 - _MARGIN)
        self._until = began + self._length
        self._lost = False

    def require(self) -> None:
        """Return only if nobody else can hold it now. Raises ``LeaseLost``."""
        if self._lost or boot_seconds() >= self._until:
            raise LeaseLost("Another attach process may hold it by now: it will go on.")

    def renewed(self, *, began: float) -> None:
        """It was renewed in the table at ``began`` or later."""
        self._until = began + self._length

    def lose(self) -> None:
        """Somebody else has it."""
        self._lost = True


class Heartbeat:
    """One thread that renews whatever is held."""

    def __init__(self, length: timedelta = LEASE) -> None:
        """Nothing is started yet."""
        self.length = length
        self._held: set[Held] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Renew nothing any more."""
        self._stopping.set()
        self._thread.join()

    @contextmanager
    def keeping(self, lease: Lease, *, began: float) -> Iterator[Held]:
        """Renew ``lease``, which was taken at ``began`` or later, until the end of the block."""
        held = Held(lease, length=self.length, began=began)
        with self._lock:
            self._held.add(held)
        try:
            yield held
        finally:
            with self._lock:
                self._held.discard(held)

    def _beat(self) -> None:
        try:
            while not self._stopping.wait(self.length.total_seconds() / _RENEWALS):
                with self._lock:
                    present = list(self._held)
                for held in present:
                    self._renew(held)
        finally:
            connections.close_all()

    def _renew(self, held: Held) -> None:
        began = boot_seconds()
        try:
            queue.renew(held.lease, until=now() + self.length)
        except LeaseLost:
            held.lose()
        except DatabaseError as error:
            # Not known whether it was renewed, so it counts as not.
            _log.warning("lease_waits_for_database", error=type(error).__name__)
            close_old_connections()
        else:
            held.renewed(began=began)


def boot_seconds() -> float:
    """Seconds since the machine started, sleep included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
