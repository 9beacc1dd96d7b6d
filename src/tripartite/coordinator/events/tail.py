"""Follow the event log and hand every new event to whoever listens.

Correctness comes from the cursor alone: the tail's thread reads on from the last event delivered.
A NOTIFY or a changed database file only tells it to read sooner. What this process commits itself
is handed on by the thread that did, if it is what comes next; else that, too, is only a hint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import structlog
from django.db import DatabaseError, connection, connections

from tripartite.coordinator.events import log
from tripartite.coordinator.events.log import StoredEvent

PAGE: Final = 500

# How often SQLite's change counter is read (a few microseconds each): the delay with which a
# commit of another process is noticed. This process's own commits hint at once.
_SQLITE_POLL: Final = 0.02
# PostgreSQL tells by NOTIFY; this is the safety net behind it.
_POSTGRESQL_POLL: Final = 0.5
_RETRY: Final = 1.0

Listener = Callable[[Sequence[StoredEvent]], None]

_log = structlog.get_logger()


class _Waiter(Protocol):
    def listen(self) -> None:
        """Called before each read, so that nothing after it goes unnoticed."""

    def wait(self) -> None:
        """Return when there may be news, or after a while."""

    def wake(self) -> None:
        """Make ``wait`` return soon; called from any thread."""


class Tail:
    """Delivers the log from where it ends now. ``listener`` is never called twice at once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._delivering = threading.Lock()
        self._cursor = 0
        self._stopping = threading.Event()
        self._waiter: _Waiter = _FileWaiter()
        self.ready = threading.Event()
        self.start_cursor = 0

    def run(self) -> None:
        """Follow the log until ``stop``."""
        log.appended.connect(self._on_append, weak=False, dispatch_uid=id(self))
        try:
            with self._delivering:
                self.start_cursor = self._cursor = log.head()
            if connection.vendor == "postgresql":
                self._waiter = _ChannelWaiter()
            self.ready.set()
            while not self._stopping.is_set():
                try:
                    self._waiter.listen()
                    self._read_on()
                    self._waiter.wait()
                except DatabaseError as error:
                    _log.warning("tail_waits_for_database", error=type(error).__name__)
                    connections.close_all()
                    self._stopping.wait(_RETRY)
        finally:
            log.appended.disconnect(dispatch_uid=id(self))
            connections.close_all()

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stopping.set()
        self._waiter.wake()

    def _read_on(self) -> None:
        """Deliver what is in the database and wasn't delivered."""
        with self._delivering:
            for page in _pages(self._cursor):
                self._deliver(page)

    def _deliver(self, events: Sequence[StoredEvent]) -> None:
        self._listener(events)
        self._cursor = events[-1].cursor

    def _on_append(self, events: Sequence[StoredEvent], **_: object) -> None:
        """Runs in the thread that committed ``events``."""
        # Not waited for: whoever delivers just now may not see these yet, so it is told.
        if self._delivering.acquire(blocking=False):
            try:
                if self.ready.is_set() and events[0].cursor == self._cursor + 1:
                    self._deliver(events)
                    return
            except DatabaseError as error:
                # What was committed stays so: the tail's own thread tries again.
                _log.warning("tail_delivers_later", error=type(error).__name__)
            finally:
                self._delivering.release()
        self._waiter.wake()


class _FileWaiter:
    """Waits for this process's own commits, and looks at SQLite's change counter for others'."""

    def __init__(self) -> None:
        self._news = threading.Event()
        self._seen = -1

    def listen(self) -> None:
        self._news.clear()

    def wait(self) -> None:
        while not self._news.wait(_SQLITE_POLL):
            with connection.cursor() as sql:
                sql.execute("PRAGMA data_version")
                version = sql.fetchone()[0]
            if version != self._seen:
                self._seen = version
                return

    def wake(self) -> None:
        self._news.set()


class _ChannelWaiter:
    """Waits for PostgreSQL's NOTIFY, which every commit sends, this process's own too."""

    def listen(self) -> None:
        # Before each read: a session that was reconnected has forgotten it; else it costs nothing.
        with connection.cursor() as sql:
            sql.execute(f"LISTEN {log.CHANNEL}")

    def wait(self) -> None:
        # A notification that came during the read was kept by the driver and counts here.
        # The driver's own generator: without this its errors aren't Django's, which ``run`` knows.
        with connection.wrap_database_errors:
            for _ in connection.connection.notifies(timeout=_POSTGRESQL_POLL, stop_after=1):
                return

    def wake(self) -> None:
        """Nothing to do: it looks up often enough to notice ``stop``."""


def _pages(cursor: int) -> Iterator[list[StoredEvent]]:
    """What follows ``cursor``, page by page, to the present end."""
    while True:
        page = log.read_all(cursor, limit=PAGE)
        if page:
            yield page
            cursor = page[-1].cursor
        if len(page) < PAGE:
            return
