"""Through a SOCKS5 proxy, names are looked up by the proxy and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.daemons import Wallets, node, wallets
from tests.functional.kit.socks import SocksProxy, socks_proxy
from tripartite.monero.errors import RpcUnreachable
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import MonerodProcess
from tripartite.monero.wallet_rpc import WalletRpc

__all__ = ["node", "wallets"]  # fixtures, used by name

# Names under .invalid exist nowhere (RFC 6761): only our proxy can make sense of them.
NAME = "node-known-to-the-proxy-alone.invalid"


@pytest.fixture
def proxy() -> Iterator[SocksProxy]:
    """One that was asked for nothing yet."""
    with socks_proxy() as running:
        yield running


def test_the_proxy_is_given_the_name_of_the_node(proxy: SocksProxy, node: MonerodProcess) -> None:
    with Monerod(f"http://{NAME}:{node.port}", proxy=proxy.url) as client:
        assert client.get_info().height >= 1
        client.get_version()
    assert (proxy.names, proxy.addresses) == ([NAME], []), "one connection, asked for by name"


def test_without_the_proxy_the_name_leads_nowhere(node: MonerodProcess) -> None:
    with Monerod(f"http://{NAME}:{node.port}") as client, pytest.raises(RpcUnreachable):
        client.get_info()


def test_a_login_works_through_the_proxy(proxy: SocksProxy, wallets: Wallets) -> None:
    wallets.start("far away")
    process = wallets.processes["far away"]
    url = f"http://{NAME}:{process.port}"
    with WalletRpc(url, process.login, proxy=proxy.url) as client:
        assert client.get_version().major == client.get_version().major == 1
    assert (proxy.names, proxy.addresses) == ([NAME], [])


def test_the_surroundings_can_not_put_a_proxy_in_between(
    proxy: SocksProxy, node: MonerodProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    with node.client() as client:
        client.get_info()
    assert (proxy.names, proxy.addresses) == ([], [])


def test_a_proxy_that_is_down_is_no_reason_to_go_without(node: MonerodProcess) -> None:
    with (
        Monerod(node.url, proxy="socks5h://127.0.0.1:1") as client,
        pytest.raises(RpcUnreachable),
    ):
        client.get_info()


# httpcore2 2.16 leaves the socket to the garbage collector when a SOCKS proxy says no.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_the_proxy_cannot_reach_is_unreachable(proxy: SocksProxy) -> None:
    with Monerod(f"http://{NAME}:1", proxy=proxy.url) as client, pytest.raises(RpcUnreachable):
        client.get_info()
