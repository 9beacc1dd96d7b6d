"""Worker threads over escrows that have something to do. An idle escrow costs nothing here.

One escrow is never worked on twice at once. A wake-up while it is being worked on makes it run
again, so nothing is missed; many wake-ups make one run. Threads sleep on a condition, never by the
clock, except until the next time something is due.
"""

from __future__ import annotations

import heapq
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import structlog


class Handler(Protocol):
    """Work on one escrow; seconds until it wants to be called again, None if it doesn't."""

    def __call__(self, escrow_id: str, /) -> float | None: ...


class Scheduler:
    """Calls a handler for woken escrows in ``workers`` threads."""

    def __init__(self, *, workers: int, failed: Callable[[BaseException], None]) -> None:
        """``failed`` hears of an error that nobody dealt with: a bug, so the process must end."""
        self._failed = failed
        self._changed = threading.Condition()
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._due_at: dict[str, float] = {}
        self._stopping = False
        self._workers = workers
        self._threads: list[threading.Thread] = []

    def start(self, handler: Handler) -> None:
        """Start the threads."""
        for number in range(self._workers):
            name = f"escrows-{number}"
            thread = threading.Thread(target=self._work, args=(handler,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, *, seconds: float = 60.0) -> None:
        """Finish what is running, begin nothing new."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def wake(self, escrow_ids: Iterable[str]) -> None:
        """Look at these escrows."""
        with self._changed:
            for escrow_id in escrow_ids:
                self._put(escrow_id)

    @property
    def is_idle(self) -> bool:
        """Nothing is running or waiting to run (what is due later doesn't count)."""
        with self._changed:
            return not self._running and not self._ready

    def wait_until_idle(self, *, seconds: float) -> bool:
        """Block until ``is_idle``, at most so long; False if the time ran out or it stops."""
        with self._changed:
            return (
                self._changed.wait_for(
                    lambda: self._stopping or (not self._running and not self._ready), seconds
                )
                and not self._stopping
            )

    def _put(self, escrow_id: str) -> None:
        if escrow_id in self._running:
            self._again.add(escrow_id)
        elif escrow_id not in self._queued:
            self._queued.add(escrow_id)
            self._ready.append(escrow_id)
            self._changed.notify()

    def _work(self, handler: Handler) -> None:
        log = structlog.get_logger()
        while (escrow_id := self._take()) is not None:
            pause: float | None = None
            try:
                pause = handler(escrow_id)
            except BaseException as error:
                # Only the place: a message could quote what is private.
                log.error("agent_bug", error=type(error).__name__, at=_place(error))  # noqa: TRY400 — see above
                self._failed(error)
                raise
            finally:
                self._done(escrow_id, pause)

    def _take(self) -> str | None:
        with self._changed:
            while not self._stopping:
                self._collect_due()
                if self._ready:
                    escrow_id = self._ready.popleft()
                    self._queued.discard(escrow_id)
                    self._running.add(escrow_id)
                    self._due_at.pop(escrow_id, None)
                    return escrow_id
                wait = self._due[0][0] - time.monotonic() if self._due else None
                self._changed.wait(None if wait is None else max(wait, 0.0))
        return None

    def _collect_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            at, escrow_id = heapq.heappop(self._due)
            # Only the latest appointment counts; an earlier one was overtaken by a wake-up.
            if self._due_at.get(escrow_id) == at:
                del self._due_at[escrow_id]
                self._put(escrow_id)

    def _done(self, escrow_id: str, pause: float | None) -> None:
        with self._changed:
            self._running.discard(escrow_id)
            if escrow_id in self._again:
                self._again.discard(escrow_id)
                self._put(escrow_id)
            elif pause is not None:
                at = time.monotonic() + pause
                self._due_at[escrow_id] = at
                heapq.heappush(self._due, (at, escrow_id))
            self._changed.notify_all()


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames[-4:]))
