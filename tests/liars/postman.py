"""A coordinator that lies: a man in the middle, whose behaviour is a small function over the mail.

Each agent reaches its coordinator through a SOCKS5 proxy of its own. These proxies end in the
postman, who speaks HTTP and WebSocket to both sides: he sees what a coordinator sees (he could be
its operator), and can change, hold back, invent and answer whatever he likes. He has no key.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import BinaryIO, Final, Protocol

from tripartite.domain.parties import Role

Object = dict[str, object]

_TEXT_FRAME: Final = 0x81  # RFC 6455, section 5.2: FIN and opcode 1
_DOMAIN_NAME: Final = 3  # RFC 1928, section 5
_ESCROW: Final = re.compile(r"^/api/escrow/([0-9a-f]{32})/messages")
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class Mail:
    """One forwarded message: which escrow, at which position, and the signed text."""

    escrow_id: str
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What an agent asks of its coordinator."""

    by: Role
    method: str
    path: str
    body: Object


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is answered."""

    status: int
    body: Object


class Lie:
    """Honest in everything. A story's lie is this with one method changed."""

    def mail(self, to: Role, item: Mail) -> Sequence[Mail]:
        """What ``to`` is shown instead of a message, whichever way it would have come."""
        return [item]

    def news(self, to: Role, event: Object) -> Object:
        """What ``to`` is told instead of any other event."""
        return event

    def instead(self, asked: Question) -> Reply | None:
        """An answer made up; the real coordinator then never hears of the question."""
        return None

    def reply(self, asked: Question, honest: Reply) -> Reply:
        """What is answered instead of the coordinator's own answer."""
        return honest


class Postman:
    """Stands between the agents and their coordinator. Honest, until a story says otherwise."""

    def __init__(self) -> None:
        self.lie = Lie()
        self.proxies: dict[Role, str] = {}
        self._lines: dict[Role, _Line] = {}
        self._cursors: dict[Role, int] = {}

    @contextmanager
    def telling(self, lie: Lie) -> Iterator[None]:
        """Lie while the block lasts."""
        self.lie = lie
        try:
            yield
        finally:
            self.lie = Lie()

    def push(self, to: Role, *items: Mail) -> None:
        """Say something to an agent that the coordinator never forwarded."""
        line = self._lines[to]
        for item in items:
            line.send_event(_relayed(item, {"cursor": self._cursors.get(to, 0), "at": "now"}))

    def hang_up(self) -> None:
        """Break the lines; the agents connect again and are told what they missed."""
        for line in list(self._lines.values()):
            line.break_off()

    def is_connected(self, to: Role) -> bool:
        """Whether the agent listens."""
        return to in self._lines

    # What passes

    def shown(self, to: Role, event: Object) -> list[Object]:
        """One event of the log, as the agent is shown it."""
        cursor, data = event.get("cursor"), event.get("data")
        if isinstance(cursor, int):
            self._cursors[to] = cursor
        if event.get("type") != "MessageRelayed" or not isinstance(data, dict):
            return [self.lie.news(to, event)]
        item = Mail(str(event["escrow_id"]), int(data["position"]), str(data["envelope"]))
        return [_relayed(one, event) for one in self.lie.mail(to, item)]

    def answered(self, asked: Question, honest: Reply) -> Reply:
        """An answer, with the mail in it as the agent is shown it."""
        body, found = honest.body, _ESCROW.match(asked.path)
        match body:
            case {"messages": list(messages)} if found is not None:
                items = [
                    Mail(found[1], int(one["position"]), str(one["envelope"])) for one in messages
                ]
                mail = [one for item in items for one in self.lie.mail(asked.by, item)]
                told = [{"position": one.position, "envelope": one.text} for one in mail]
                body = {**body, "messages": told}
            case {"events": list(events)}:
                body = {**body, "events": [o for one in events for o in self.shown(asked.by, one)]}
            case _:
                pass
        return self.lie.reply(asked, Reply(honest.status, body))

    # Lines

    @contextmanager
    def line(self, to: Role, client: socket.socket) -> Iterator[_Line]:
        """An open WebSocket to one agent."""
        line = self._lines[to] = _Line(client)
        try:
            yield line
        finally:
            if self._lines.get(to) is line:
                del self._lines[to]


class _Line:
    """The agent's end of a WebSocket. Safe to share between threads."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._lock = threading.Lock()

    def send_event(self, event: Object) -> None:
        self.send(_TEXT_FRAME, json.dumps(event).encode())

    def send(self, first: int, payload: bytes) -> None:
        """A frame of a server is never masked (RFC 6455, section 5.1)."""
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", first, size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", first, 126, size)
        else:
            head = struct.pack(">BBQ", first, 127, size)
        with self._lock:
            self._client.sendall(head + payload)

    def break_off(self) -> None:
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)


@contextmanager
def postman() -> Iterator[Postman]:
    """One with a proxy for each agent, until the block ends."""
    state = Postman()
    with ExitStack() as stack:
        for role in Role:
            server = _Server(("127.0.0.1", 0), _handler(state, role))
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            state.proxies[role] = f"socks5h://127.0.0.1:{server.server_address[1]}"
        yield state


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


def _handler(state: Postman, role: Role) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        port = 0

        def handle(self) -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.port = _greet(self.rfile, self.connection)
                super().handle()

        def do_GET(self) -> None:
            self._pass("GET")

        def do_POST(self) -> None:
            self._pass("POST")

        def do_DELETE(self) -> None:
            self._pass("DELETE")

        def _pass(self, method: str) -> None:
            if self.headers.get("Upgrade", "").lower() == "websocket":
                self.close_connection = True
                _follow(state, role, self, self.port)
                return
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Question(role, method, self.path, _read(content))
            reply = state.lie.instead(asked)
            if reply is None:
                reply = state.answered(asked, self._ask(method, content))
            body = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _ask(self, method: str, content: bytes) -> Reply:
            upstream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            with contextlib.closing(upstream):
                upstream.request(method, self.path, body=content or None, headers=self._headers())
                answer = upstream.getresponse()
                return Reply(answer.status, _read(answer.read()))

        def _headers(self) -> dict[str, str]:
            return {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}

        def log_message(self, *_: object) -> None:
            """Quietly: the stories look at what the agents say."""

    return Handler


def _greet(reader: _Reader, client: socket.socket) -> int:
    """SOCKS5 without authentication, CONNECT only; the port asked for, on whatever name."""
    _, methods = _exactly(reader, 2)
    _exactly(reader, methods)
    client.sendall(b"\x05\x00")
    _, _, _, kind = _exactly(reader, 4)
    _exactly(reader, _exactly(reader, 1)[0] if kind == _DOMAIN_NAME else 4)
    (port,) = struct.unpack(">H", _exactly(reader, 2))
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    return int(port)


def _follow(state: Postman, role: Role, asked: BaseHTTPRequestHandler, port: int) -> None:
    """A WebSocket: what the coordinator pushes is looked at, what the agent sends isn't."""
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        lines = [asked.requestline, *(f"{k}: {v}" for k, v in asked.headers.items()), "", ""]
        upstream.sendall("\r\n".join(lines).encode())
        reader = upstream.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(reader, 1)
        asked.connection.sendall(head)
        if not head.startswith(b"HTTP/1.1 101"):
            return
        back = threading.Thread(target=_copy, args=(asked.rfile, upstream), daemon=True)
        back.start()
        with state.line(role, asked.connection) as line:
            _forward(state, role, reader, line)


def _forward(state: Postman, role: Role, reader: BinaryIO, line: _Line) -> None:
    while True:
        first, payload = _frame(reader)
        if first != _TEXT_FRAME:
            line.send(first, payload)
            continue
        for event in state.shown(role, json.loads(payload)):
            line.send_event(event)


def _frame(reader: BinaryIO) -> tuple[int, bytes]:
    first, size = _exactly(reader, 2)
    if size == 126:
        (size,) = struct.unpack(">H", _exactly(reader, 2))
    elif size == 127:
        (size,) = struct.unpack(">Q", _exactly(reader, 8))
    return first, _exactly(reader, size)


def _copy(reader: BinaryIO, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := reader.read1(65_536):  # type: ignore[attr-defined]  # a socket's file is buffered
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _exactly(reader: _Reader, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise ConnectionError
    return data


def _read(content: bytes) -> Object:
    try:
        read: object = json.loads(content) if content else {}
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _relayed(item: Mail, like: Mapping[str, object]) -> Object:
    data = like.get("data")
    known = data if isinstance(data, dict) else {}
    return {
        **like,
        "type": "MessageRelayed",
        "escrow_id": item.escrow_id,
        "data": {**known, "position": item.position, "envelope": item.text},
    }
