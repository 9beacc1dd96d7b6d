"""A small real SOCKS5 server (RFC 1928): looks names up itself, and can meddle with what passes."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_DOMAIN_NAME = 3  # RFC 1928, section 5

# A compact JWS in JSON: header, payload, and an Ed25519 signature, which takes 86 letters.
_ENVELOPE = re.compile(rb'"(eyJ[\w-]+\.[\w-]+\.)([\w-]{86})"')

Meddling = Callable[[bytes], bytes]


@dataclass
class SocksProxy:
    """It takes every name for 127.0.0.1, and remembers which it was asked for.

    ``meddling`` changes what servers answer, and must keep its length.
    """

    url: str = ""
    names: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    meddling: Meddling | None = None
    meddled: int = 0

    def forges_signatures(self) -> None:
        """From now on each envelope that passes carries another signature."""
        self.meddling = _other_signature

    def is_honest(self) -> None:
        """From now on everything passes unchanged."""
        self.meddling = None

    def passed(self, data: bytes) -> bytes:
        """What is passed on of a server's answer."""
        if self.meddling is None:
            return data
        changed = self.meddling(data)
        assert len(changed) == len(data)
        self.meddled += changed != data
        return changed


def _other_signature(data: bytes) -> bytes:
    def forged(found: re.Match[bytes]) -> bytes:
        said, signature = found.groups()
        first = b"B" if signature.startswith(b"A") else b"A"
        return b'"' + said + first + signature[1:] + b'"'

    return _ENVELOPE.sub(forged, data)


@contextmanager
def socks_proxy() -> Iterator[SocksProxy]:
    """One that runs until the block ends."""
    state = SocksProxy()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _serve(self.request, state)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.url = f"socks5h://127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()
        thread.join()


def _serve(client: socket.socket, proxy: SocksProxy) -> None:
    """One connection, without authentication, CONNECT only."""
    _, methods = _received(client, 2)
    _received(client, methods)
    client.sendall(b"\x05\x00")
    _, _, _, kind = _received(client, 4)
    if kind == _DOMAIN_NAME:
        proxy.names.append(_received(client, _received(client, 1)[0]).decode())
    else:
        proxy.addresses.append(socket.inet_ntoa(_received(client, 4)))
    (port,) = struct.unpack(">H", _received(client, 2))
    try:
        target = socket.create_connection(("127.0.0.1", port))
    except OSError:
        client.sendall(b"\x05\x05\x00\x01" + bytes(6))
        return
    with target:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        _relay(client, target, proxy)


def _received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _relay(client: socket.socket, server: socket.socket, proxy: SocksProxy) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ)
        ready.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is client:
                    data = client.recv(65_536)
                    server.sendall(data)
                else:
                    data = server.recv(65_536)
                    client.sendall(proxy.passed(data))
                if not data:
                    return
