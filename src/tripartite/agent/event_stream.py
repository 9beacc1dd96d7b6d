"""The coordinator's events, pushed: a WebSocket from a cursor on, plain polling as the fallback.

Whatever connection is lost, the next one starts from the cursor that is stored; what comes twice is
recognised. Frames that arrive together are handed on together, so that they cost one commit.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tripartite.agent.coordinator_client import CoordinatorClient, checked_proxy, is_position
from tripartite.agent.ports import Forwarded
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.secrets import Secret
from tripartite.domain.terms import is_escrow_id
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import MAX_ENVELOPE_BYTES

_FRAME_LIMIT: Final = MAX_ENVELOPE_BYTES + 65_536
_MOST_AT_ONCE: Final = 100
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that arrived together: messages to judge, and escrows with news from the chain.

    ``retries`` are escrows whose payout an admin wants tried again, with the number to answer to.
    """

    messages: Sequence[Forwarded]
    touched: frozenset[str]
    cursor: int | None
    retries: Sequence[tuple[str, int]] = ()


Receive = Callable[[Batch], None]


class EventStream:
    """One thread that listens until it is stopped."""

    def __init__(
        self,
        client: CoordinatorClient,
        token: Secret,
        receive: Receive,
        *,
        cursor: int,
        failed: Callable[[BaseException], None],
        proxy: str | None = None,
    ) -> None:
        """``receive`` is called from the listening thread, one batch after the other."""
        self._client = client
        self._token = token
        self._receive = receive
        self._cursor = cursor
        self._failed = failed
        self._proxy = checked_proxy(proxy)
        self._stopping = threading.Event()
        self._connection: ClientConnection | None = None
        self._lock = threading.Lock()
        self._log = structlog.get_logger()
        self.connected = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up."""
        self._stopping.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(10.0)

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while not self._stopping.is_set():
                if self._follow():
                    pause = _FIRST_PAUSE
                self.connected.clear()
                if self._stopping.is_set():
                    return
                # While the socket can't be had, plain requests still work.
                self._poll()
                self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 — jitter, no secret
                pause = min(pause * 2, _LONGEST_PAUSE)
        except BaseException as error:
            self._log.error("events_bug", error=type(error).__name__)
            self._failed(error)
            raise

    def _follow(self) -> bool:
        """Read a WebSocket to its end; whether there was one at all."""
        url = f"{self._client.origin.socket_url}/api/events/ws?after={self._cursor}"
        try:
            connection = connect(
                url,
                additional_headers={"Authorization": f"Bearer {self._token.reveal()}"},
                proxy=self._proxy,
                compression=None,
                max_size=_FRAME_LIMIT,
                open_timeout=20,
                # The other end pings; ours find a connection that died without a word.
                ping_interval=20,
                ping_timeout=20,
            )
        except (OSError, WebSocketException, TimeoutError) as error:
            self._log.warning("events_unreachable", error=type(error).__name__)
            return False
        with self._lock:
            self._connection = connection
        self.connected.set()
        try:
            with connection:
                while not self._stopping.is_set():
                    self._hand_on(_frames(connection))
        except (ConnectionClosed, OSError, TimeoutError):
            self._log.info("events_disconnected")
        finally:
            with self._lock:
                self._connection = None
        return True

    def _poll(self) -> None:
        try:
            while not self._stopping.is_set():
                page = self._client.events(after=self._cursor)
                if page.cursor == self._cursor:
                    return
                self._hand_on(page.events, cursor=page.cursor)
        except (Unavailable, Refused) as error:
            self._log.warning("events_unavailable", code=error.code)

    def _hand_on(self, events: Sequence[Mapping[str, Json]], *, cursor: int | None = None) -> None:
        if not events and cursor is None:
            return
        batch = read_events(events, cursor=cursor)
        self._receive(batch)
        if batch.cursor is not None:
            self._cursor = max(self._cursor, batch.cursor)


def read_events(events: Sequence[Mapping[str, Json]], *, cursor: int | None = None) -> Batch:
    """Events as they came, sorted into messages and hints. What we don't know is left out."""
    messages: list[Forwarded] = []
    touched: set[str] = set()
    retries: list[tuple[str, int]] = []
    last = cursor
    for event in events:
        match event:
            case {"cursor": int(number), "type": str(kind), "escrow_id": str(escrow_id)} if (
                is_escrow_id(escrow_id)
            ):
                last = number if last is None else max(last, number)
            case _:
                continue
        match kind, event.get("data"):
            case "MessageRelayed", {"position": int(position), "envelope": str(text)} if (
                is_position(position)
            ):
                messages.append(Forwarded(escrow_id, position, text))
            case "TransactionRetryRequested", {"action_id": int(number)}:
                retries.append((escrow_id, number))
                touched.add(escrow_id)
            case str(), _ if kind.startswith("Transaction"):
                # A hint that it is worth asking one's own node now. States aren't taken from the
                # coordinator: they follow from the messages.
                touched.add(escrow_id)
            case _:
                pass
    return Batch(messages, frozenset(touched), last, retries)


def _frames(connection: ClientConnection) -> list[Mapping[str, Json]]:
    """The next frame, and whatever is there already. Raises ``ConnectionClosed``."""
    frames = [connection.recv()]
    try:
        while len(frames) < _MOST_AT_ONCE:
            frames.append(connection.recv(timeout=0))
    except TimeoutError:
        pass
    except ConnectionClosed:
        # What came before it still counts; the next call says it again.
        pass
    events: list[Mapping[str, Json]] = []
    for frame in frames:
        try:
            value = json.loads(frame)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            events.append(value)
    return events
