"""Looks at due keys, one after the other, until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final

import structlog
from django.db import DatabaseError, close_old_connections, connections

from tripartite.coordinator.storing import now
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.queue import Lease, LeaseLost
from tripartite.domain.errors import TripartiteError, Unavailable

IDLE: Final = 1.0
"""Seconds between two looks at the table when nothing hints: what other processes may add."""

_log = structlog.get_logger()


class WorkUnknown(Unavailable):
    """No part of this version knows how to do that work."""

    code: ClassVar[str] = "work_unknown"


@dataclass(frozen=True, slots=True)
class Again:
    """Look once more after ``pause``."""

    pause: timedelta


Handler = Callable[[Lease], Again | None]
"""``reconcile(key)``: looks at the facts, does the next thing, says when to look again."""


class Runner:
    """One thread's worth of work. ``handlers`` go by the beginning of the key."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        pool: str = queue.SERVE,
        lease: timedelta = queue.LEASE,
    ) -> None:
        """``lease`` is how long one look may take, unless its handler renews it."""
        self._handlers = handlers
        self._pool = pool
        self._lease = lease
        self._hint = threading.Event()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until ``stop``."""
        queue.woken.connect(self._on_hint, weak=False, dispatch_uid=id(self))
        try:
            while not self._stopping.is_set():
                self._hint.clear()
                try:
                    busy = self.step()
                except DatabaseError as error:
                    # The database is away: nothing is lost, every key is still due.
                    _log.warning("work_waits_for_database", error=type(error).__name__)
                    close_old_connections()
                    busy = False
                if not busy:
                    self._hint.wait(self._pause())
        finally:
            queue.woken.disconnect(dispatch_uid=id(self))
            connections.close_all()

    def stop(self) -> None:
        """Let ``run`` return after the present look."""
        self._stopping.set()
        self._hint.set()

    def step(self) -> bool:
        """Take one due key and look at it. False: nothing was due."""
        lease = queue.take(at=now(), lease=self._lease, pool=self._pool)
        if lease is None:
            return False
        try:
            again = self._handler(lease)(lease)
            queue.finish(lease, again_at=None if again is None else now() + again.pause)
        except LeaseLost:
            _log.warning("work_lost", kind=_kind(lease), epoch=lease.epoch)
        except DatabaseError:
            raise
        except TripartiteError as error:
            self._failed(lease, error.code or type(error).__name__)
        # A bug in one handler must not stop the work on all other escrows: it is logged with
        # its trace, counted on the row, and tried again later.
        except Exception as error:  # noqa: BLE001 — see above
            _log.exception("work_broke", kind=_kind(lease))
            self._failed(lease, type(error).__name__)
        return True

    def _handler(self, lease: Lease) -> Handler:
        prefix = _kind(lease) + ":"
        try:
            return self._handlers[prefix]
        except KeyError as error:
            raise WorkUnknown(f"{prefix} belongs to a newer version: update this node.") from error

    def _failed(self, lease: Lease, error: str) -> None:
        _log.info("work_failed", kind=_kind(lease), failures=lease.failures + 1, error=error)
        try:
            queue.fail(lease, at=now(), error=error)
        except LeaseLost:
            _log.warning("work_lost", kind=_kind(lease), epoch=lease.epoch)

    def _pause(self) -> float:
        try:
            due = queue.next_due(pool=self._pool)
        except DatabaseError:
            return IDLE
        if due is None:
            return IDLE
        return min(max((due - now()).total_seconds(), 0.001), IDLE)

    def _on_hint(self, **_: object) -> None:
        self._hint.set()


def _kind(lease: Lease) -> str:
    """What the work is, for logs too: the rest of the key is an escrow id, and stays out of them."""
    return lease.key.partition(":")[0]
