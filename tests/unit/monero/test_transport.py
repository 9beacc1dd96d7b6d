"""How the connection to a daemon is set up, before anything is sent."""

from __future__ import annotations

import pytest

from tripartite.domain.secrets import Secret
from tripartite.monero.connection import Login
from tripartite.monero.errors import MethodForbidden, ProxyUnsuitable, RpcUrlInvalid
from tripartite.monero.signing import SigningWallet
from tripartite.monero.transport import Channel
from tripartite.monero.wallet_rpc import WalletRpc


@pytest.mark.parametrize(
    "url",
    ["", "localhost:18083", "ftp://host:1", "http://host", "http://host:port", "http://:18083",
     "http://user:secret@host:1", "http://host:1/json_rpc", "http://host:1?x", "http://a\x7fb:1", "http://[::1:1"],
)  # fmt: skip
def test_a_daemons_address_has_a_scheme_host_and_port_only(url: str) -> None:
    with pytest.raises(RpcUrlInvalid) as refusal:
        Channel(url, None, methods=frozenset())
    assert "secret" not in refusal.value.detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:18083", "https://node.example:443/",
                                 "http://[::1]:18083"])  # fmt: skip
def test_usual_addresses_are_taken(url: str) -> None:
    Channel(url, None, methods=frozenset()).close()


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://127.0.0.1:9050",
        "http://127.0.0.1:8080",
        "tor:9050",
        "socks5h://tor",
        "socks5h://:9050",
        "socks5h://tor:x",
        "",
    ],
)
def test_a_proxy_that_might_not_look_names_up_itself_is_refused(proxy: str) -> None:
    with pytest.raises(ProxyUnsuitable):
        Channel("http://127.0.0.1:18083", None, methods=frozenset(), proxy=proxy)


def test_a_login_does_not_print_its_password() -> None:
    assert "hunter2" not in repr(Login("user", Secret("hunter2")))


def test_a_client_that_may_not_sign_cannot_be_made_to() -> None:
    """Its channel refuses before anything is sent: nothing listens at this port."""
    with WalletRpc("http://127.0.0.1:1", None) as client, pytest.raises(MethodForbidden):
        client._call("sign_multisig", tx_data_hex="00")


def test_no_method_that_makes_keys_or_moves_money_is_open_to_everybody() -> None:
    signing = SigningWallet.METHODS - WalletRpc.METHODS

    assert signing >= {"make_multisig", "sign_multisig", "submit_multisig", "transfer", "sweep_all"}
    assert not {
        m for m in WalletRpc.METHODS if m.startswith(("query_key", "export", "sign", "sub"))
    }
