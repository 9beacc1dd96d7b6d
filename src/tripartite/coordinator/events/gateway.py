"""The WebSocket: a cursor in, every event after it out.

A subscriber first gets on the live feed, then reads what it missed from the database, then goes
on with the feed from where the reading ended. So nothing falls between the two. One that reads
too slowly is let go; it comes back with its cursor and has lost nothing.

An agent comes with a token and a cursor. A page comes with its session and is only told which
escrow has news: it then asks for what it shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qs

from django.db import connection
from granian._granian import RSGIProtocolClosed as ProtocolClosed  # typed here, not in rsgi
from granian.rsgi import WebsocketMessageType

from tripartite.coordinator.accounts.tokens import TokenInvalid, caller_of
from tripartite.coordinator.events.log import Reader, StoredEvent, may_see, read_for
from tripartite.domain.errors import Refused

PATH: Final = "/api/events/ws"

_BACKLOG: Final = 1_000
"""Events a subscriber may lag behind before it has to come back."""
_PAGE: Final = 500
_RECHECK: Final = 30.0
"""Seconds after which it is looked up again whether a connection may still listen."""
_SEND_LIMIT: Final = 30.0
"""Seconds that one frame may take to leave."""
_KNOWN_ESCROWS: Final = 4_096

# RFC 6455 section 7.4: 1008 policy, 1012 restart, 1013 try again later.
_NO_LONGER: Final = 1008
_RESTARTING: Final = 1012
_TOO_SLOW: Final = 1013

_NOTHING: Final = "{}"

_Result = TypeVar("_Result")


class Socket(Protocol):
    """An accepted WebSocket."""

    async def send_str(self, data: str) -> None: ...

    async def receive(self) -> object: ...


@dataclass(frozen=True)
class Frame:
    """An event of the feed."""

    event: StoredEvent
    parties: frozenset[int]

    @cached_property
    def text(self) -> str:
        """Rendered once for all who may see it, and not at all if nobody here may."""
        return render(self.event)

    @cached_property
    def hint(self) -> str:
        """Where there is news, and nothing of what it is."""
        return json.dumps({"escrow_id": self.event.escrow_id}, separators=(",", ":"))

    def seen_by(self, reader: Reader) -> bool:
        """Whether ``reader`` may see it."""
        return may_see(reader, self.event, lambda _: self.parties)


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who knocks. ``who`` is asked again and again; it raises ``Refused``.

    ``after`` is a cursor, None stands for now. ``brief`` is told only which escrows have news, and
    now and then nothing at all, so that a proxy keeps the connection.
    """

    who: Callable[[], Reader]
    after: int | None
    brief: bool = False


def agent(authorization: str, after: int) -> Listener:
    """Somebody with a token, who wants everything after a cursor."""

    def who() -> Reader:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise TokenInvalid("Send Authorization: Bearer <token>.")
        caller = caller_of(token.strip())
        return Reader(caller.account_id, caller.is_admin)

    return Listener(who, after)


class Subscriber:
    """One connection's place on the feed; it is offered only what ``reader`` may see."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue(_BACKLOG)
        self.lost = False

    def offer(self, frame: Frame | None) -> None:
        """Hand over a frame; None ends the connection."""
        try:
            self.frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.lost = True


class Gateway:
    """All WebSockets of one process. Lives in the event loop; only ``publish`` doesn't."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Executor) -> None:
        self._loop = loop
        self._database = database
        self._subscribers: set[Subscriber] = set()
        self._parties: OrderedDict[str, frozenset[int]] = OrderedDict()
        self._delivered = 0
        self._closing = False

    def start_at(self, cursor: int) -> None:
        """Where the tail begins."""
        self._delivered = max(self._delivered, cursor)

    def publish(self, events: Sequence[StoredEvent]) -> None:
        """The tail's listener; runs in the thread that delivers, one at a time."""
        frames = [Frame(event, self._parties_of(event.escrow_id)) for event in events]
        self._loop.call_soon_threadsafe(self._fan_out, frames)

    def close(self) -> None:
        """Ask all subscribers to come back later."""
        self._closing = True
        for subscriber in self._subscribers:
            subscriber.offer(None)

    async def identify(self, listener: Listener) -> Reader:
        """Who connects. Raises ``Refused``."""
        return await self._in_thread(listener.who)

    async def serve(self, socket: Socket, listener: Listener, reader: Reader) -> int:
        """Send events until somebody goes away. Returns the close code."""
        subscriber = Subscriber(reader)
        self._subscribers.add(subscriber)
        listening = asyncio.ensure_future(_until_closed(socket, subscriber))
        try:
            return await self._send(socket, listener, subscriber)
        except TimeoutError:
            return _TOO_SLOW
        except ProtocolClosed:
            return _RESTARTING  # nobody is left to read the code
        finally:
            self._subscribers.discard(subscriber)
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _send(self, socket: Socket, listener: Listener, subscriber: Subscriber) -> int:
        # Everything up to here is in the database; everything after will be on the feed.
        joined_at = self._delivered
        cursor = joined_at if listener.after is None else listener.after
        while cursor < joined_at:
            events, cursor = await self._in_thread(self._reading(subscriber.reader, cursor))
            for event in events:
                await _send_in_time(socket, render(event))
        recheck_at = self._loop.time() + _RECHECK
        while not (self._closing or subscriber.lost):
            if self._loop.time() >= recheck_at:
                if not await self._may_still_listen(listener):
                    return _NO_LONGER
                if listener.brief:
                    await _send_in_time(socket, _NOTHING)
                recheck_at = self._loop.time() + _RECHECK
            try:
                async with asyncio.timeout_at(recheck_at):
                    frame = await subscriber.frames.get()
            except TimeoutError:
                continue
            if frame is None:
                break
            if frame.event.cursor > cursor:
                await _send_in_time(socket, frame.hint if listener.brief else frame.text)
        return _TOO_SLOW if subscriber.lost else _RESTARTING

    async def _may_still_listen(self, listener: Listener) -> bool:
        try:
            await self._in_thread(listener.who)
        except Refused:
            return False
        return True

    def _fan_out(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            for subscriber in self._subscribers:
                if frame.seen_by(subscriber.reader):
                    subscriber.offer(frame)
        self._delivered = frames[-1].event.cursor

    def _parties_of(self, escrow_id: str) -> frozenset[int]:
        """The accounts of an escrow: fixed when it is proposed, so kept. Only for ``publish``."""
        kept = self._parties.get(escrow_id)
        if kept is None:
            with connection.cursor() as sql:
                sql.execute(
                    "SELECT account_id FROM escrows_participant WHERE escrow_id = %s", [escrow_id]
                )
                kept = self._parties[escrow_id] = frozenset(row[0] for row in sql.fetchall())
            if len(self._parties) > _KNOWN_ESCROWS:
                self._parties.popitem(last=False)
        return kept

    @staticmethod
    def _reading(reader: Reader, cursor: int) -> Callable[[], tuple[list[StoredEvent], int]]:
        return lambda: read_for(reader, cursor, limit=_PAGE)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await self._loop.run_in_executor(self._database, work)


def cursor_in(query: str) -> int | None:
    """``after`` of the query string; 0 if absent, None if it isn't a cursor."""
    given = parse_qs(query).get("after", ["0"])[-1]
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        return None
    return int(given)


def render(event: StoredEvent) -> str:
    """One event as the text of one frame."""
    return json.dumps(event.to_json(), separators=(",", ":"))


async def _send_in_time(socket: Socket, text: str) -> None:
    """Raises ``TimeoutError`` when the other end stopped reading."""
    async with asyncio.timeout(_SEND_LIMIT):
        await socket.send_str(text)


async def _until_closed(socket: Socket, subscriber: Subscriber) -> None:
    """Notice the other end going away. What a client sends has no meaning and is dropped."""
    with contextlib.suppress(ProtocolClosed, RuntimeError):
        while True:
            message = await socket.receive()
            if getattr(message, "kind", None) == WebsocketMessageType.close:
                break
    subscriber.offer(None)
