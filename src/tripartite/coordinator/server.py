"""API and WebSocket on one port, in one process.

granian's embedded server speaks HTTP in Rust threads and hands us requests on the event loop.
Django stays a WSGI application (ADR 2): each request is read whole, bounded, and answered in one
of a few threads; what is said in an escrow may go to a clerk, who stores it in groups. WebSockets
go to the gateway, fed by the tail.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from tripartite.coordinator.events import gateway as events
from tripartite.coordinator.events.gateway import Gateway, Listener, Socket, cursor_in
from tripartite.coordinator.grouping import Answer, Clerk, Environ, Headers, flat
from tripartite.coordinator.ops.http import MAX_BODY_BYTES, BodyTooLarge
from tripartite.coordinator.ops.metrics.requests import count_too_large
from tripartite.coordinator.ops.problems import http_problem, problem_of
from tripartite.coordinator.pages import listening
from tripartite.domain.errors import Refused

_PATIENCE: Final = 16 * MAX_BODY_BYTES
"""Bytes of a body that is too large which are read, and thrown away, before we hang up."""

_ESCROWS: Final = "/api/escrow"


class Wsgi(Protocol):
    """A WSGI application, as far as we call it."""

    def __call__(
        self, environ: dict[str, object], start_response: Callable[..., object], /
    ) -> Iterable[bytes]: ...


class Scope(Protocol):
    """What granian knows of a request."""

    proto: str
    method: str
    path: str
    query_string: str
    scheme: str
    http_version: str
    server: str
    client: str
    authority: str | None
    headers: RequestHeaders


class RequestHeaders(Protocol):
    """The request's headers."""

    def items(self) -> list[tuple[str, str]]: ...

    def get(self, key: str, default: str = "") -> str: ...


class HttpExchange(Protocol):
    """One request's body and the way to answer it."""

    async def __call__(self) -> bytes: ...

    def __aiter__(self) -> HttpExchange: ...

    async def __anext__(self) -> bytes: ...

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...


class Handshake(Protocol):
    """A WebSocket that is knocking."""

    async def accept(self) -> Socket: ...

    def close(self, status: int | None = None) -> object: ...


class Application:
    """The RSGI application of one process; ``http`` or ``gateway`` may be left out."""

    def __init__(
        self,
        http: Wsgi | None,
        gateway: Gateway | None,
        threads: Executor,
        *,
        clerk: Clerk | None = None,
    ) -> None:
        self._http = http
        self._gateway = gateway
        self._threads = threads
        self._clerk = clerk

    async def __rsgi__(self, scope: Scope, exchange: object) -> None:
        if scope.proto == "ws":
            await self._websocket(scope, exchange)  # type: ignore[arg-type]  # scope.proto says so
        else:
            await self._request(scope, exchange)  # type: ignore[arg-type]  # scope.proto says so

    async def _request(self, scope: Scope, exchange: HttpExchange) -> None:
        if self._http is None:
            status, headers, payload = flat(http_problem(404))
        else:
            body = await _body(scope, exchange)
            if body is None:
                count_too_large(scope.method)
                limit = BodyTooLarge(f"Send at most {MAX_BODY_BYTES} bytes.", limit=MAX_BODY_BYTES)
                status, headers, payload = flat(problem_of(limit))
            elif self._clerk is not None and _says_something(scope):
                status, headers, payload = await self._clerk.ask(_environ(scope, body))
            else:
                environ = _environ(scope, body)
                loop = asyncio.get_running_loop()
                status, headers, payload = await loop.run_in_executor(
                    self._threads, _call, self._http, environ
                )
        exchange.response_bytes(status, headers, payload)

    async def _websocket(self, scope: Scope, handshake: Handshake) -> None:
        listener = _listener(scope)
        if self._gateway is None or listener is None:
            handshake.close(404)
            return
        try:
            reader = await self._gateway.identify(listener)
        except Refused:
            handshake.close(401)
            return
        socket = await handshake.accept()
        handshake.close(await self._gateway.serve(socket, listener, reader))


async def _body(scope: Scope, exchange: HttpExchange) -> bytes | None:
    """The whole body; None if it is too large, which is found before it is kept.

    A client that is still sending doesn't hear our answer, so what comes is thrown away for a
    while first; one that goes on past ``_PATIENCE`` bytes is cut off.
    """
    length = scope.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 19 and int(length) <= MAX_BODY_BYTES:
        return await exchange()
    if not length and not scope.headers.get("transfer-encoding", ""):
        return b""
    parts, size = [], 0
    async for part in exchange:
        size += len(part)
        if size > _PATIENCE:
            return None
        if size <= MAX_BODY_BYTES and not length:
            parts.append(bytes(part))
    return None if length or size > MAX_BODY_BYTES else b"".join(parts)


def _listener(scope: Scope) -> Listener | None:
    """Who knocks; None if nothing is at this address."""
    headers = scope.headers
    match scope.path:
        case events.PATH if (after := cursor_in(scope.query_string)) is not None:
            return events.agent(headers.get("authorization", ""), after)
        case listening.PATH:
            host = headers.get("host", "") or scope.authority or ""
            return listening.page(headers.get("cookie", ""), headers.get("origin", ""), host)
    return None


def _says_something(scope: Scope) -> bool:
    """Whether this posts a proposal or a message: short work, all of it with the database."""
    path = scope.path
    return scope.method == "POST" and (
        path == _ESCROWS or (path.startswith(_ESCROWS + "/") and path.endswith("/messages"))
    )


def _environ(scope: Scope, body: bytes) -> Environ:
    """The request as PEP 3333 wants it."""
    host, _, port = scope.server.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        # "_" and "-" would fall together in an environ: a client could shadow a header that the
        # proxy in front set.
        if "_" in name or name in ("content-length", "transfer-encoding"):
            continue
        key = _environ_key(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if scope.authority:  # HTTP/2 has no Host header
        environ.setdefault("HTTP_HOST", scope.authority)
    return environ


@lru_cache(maxsize=64)
def _environ_key(name: str) -> str:
    return "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")


def _call(http: Wsgi, environ: Environ) -> Answer:
    """Run the WSGI application; in one of the request threads."""
    status, headers = 500, Headers()

    def start_response(line: str, given: Headers, _: object = None) -> None:
        nonlocal status, headers
        status = int(line[:3])
        headers = [(name.lower(), value) for name, value in given]

    chunks = http(environ, start_response)
    try:
        return status, headers, b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def request_threads(count: int) -> ThreadPoolExecutor:
    """The threads that answer requests; each keeps its own database connection."""
    return ThreadPoolExecutor(max_workers=count, thread_name_prefix="request")
