"""Through a SOCKS5 proxy, names are looked up by the proxy and by nobody else."""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.functional.daemons import Wallets, node, wallets
from tripartite.monero.errors import RpcUnreachable
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import MonerodProcess
from tripartite.monero.wallet_rpc import WalletRpc

__all__ = ["node", "wallets"]  # fixtures, used by name

# Names under .invalid exist nowhere (RFC 6761): only our proxy can make sense of them.
NAME = "node-known-to-the-proxy-alone.invalid"
DOMAIN_NAME = 3  # RFC 1928, section 5


@dataclass
class Proxy:
    """A SOCKS5 server that takes every name for 127.0.0.1 and remembers what it was asked."""

    url: str = ""
    asked: list[tuple[int, str]] = field(default_factory=list)


def serve(client: socket.socket, proxy: Proxy) -> None:
    """One connection: RFC 1928 without authentication, CONNECT only."""
    _, methods = received(client, 2)
    received(client, methods)
    client.sendall(b"\x05\x00")
    _, _, _, kind = received(client, 4)
    size = received(client, 1)[0] if kind == DOMAIN_NAME else 4
    host = received(client, size)
    (port,) = struct.unpack(">H", received(client, 2))
    proxy.asked.append((kind, host.decode() if kind == DOMAIN_NAME else socket.inet_ntoa(host)))
    try:
        target = socket.create_connection(("127.0.0.1", port))
    except OSError:
        client.sendall(b"\x05\x05\x00\x01" + bytes(6))
        return
    with target:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        relay(client, target)


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += client.recv(size - len(data)) or b"\x00"
    return data


def relay(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    state = Proxy()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                serve(self.request, state)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.url = f"socks5h://127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()
        thread.join()


def test_the_proxy_is_given_the_name_of_the_node(proxy: Proxy, node: MonerodProcess) -> None:
    with Monerod(f"http://{NAME}:{node.port}", proxy=proxy.url) as client:
        assert client.get_info().height >= 1
        client.get_version()
    assert proxy.asked == [(DOMAIN_NAME, NAME)], "one connection, asked for by name"


def test_without_the_proxy_the_name_leads_nowhere(node: MonerodProcess) -> None:
    with Monerod(f"http://{NAME}:{node.port}") as client, pytest.raises(RpcUnreachable):
        client.get_info()


def test_a_login_works_through_the_proxy(proxy: Proxy, wallets: Wallets) -> None:
    wallets.start("far away")
    process = wallets.processes["far away"]
    url = f"http://{NAME}:{process.port}"
    with WalletRpc(url, process.login, proxy=proxy.url) as client:
        assert client.get_version().major == client.get_version().major == 1
    assert proxy.asked == [(DOMAIN_NAME, NAME)]


def test_the_surroundings_can_not_put_a_proxy_in_between(
    proxy: Proxy, node: MonerodProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    with node.client() as client:
        client.get_info()
    assert proxy.asked == []


def test_a_proxy_that_is_down_is_no_reason_to_go_without(node: MonerodProcess) -> None:
    with (
        Monerod(node.url, proxy="socks5h://127.0.0.1:1") as client,
        pytest.raises(RpcUnreachable),
    ):
        client.get_info()


# httpcore2 2.16 leaves the socket to the garbage collector when a SOCKS proxy says no.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_the_proxy_cannot_reach_is_unreachable(proxy: Proxy) -> None:
    with Monerod(f"http://{NAME}:1", proxy=proxy.url) as client, pytest.raises(RpcUnreachable):
        client.get_info()
