"""How the connection to a daemon is set up, before anything is sent."""

from __future__ import annotations

import pytest

from tripartite.domain.secrets import Secret
from tripartite.monero.errors import ProxyUnsuitable, RpcUrlInvalid
from tripartite.monero.transport import Channel, Login


@pytest.mark.parametrize(
    "url",
    ["", "localhost:18083", "ftp://host:1", "http://host", "http://host:port", "http://:18083",
     "http://user:secret@host:1", "http://host:1/json_rpc", "http://host:1?x", "http://a\x7fb:1", "http://[::1:1"],
)  # fmt: skip
def test_a_daemons_address_has_a_scheme_host_and_port_only(url: str) -> None:
    with pytest.raises(RpcUrlInvalid) as refusal:
        Channel(url, None)
    assert "secret" not in refusal.value.detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:18083", "https://node.example:443/",
                                 "http://[::1]:18083"])  # fmt: skip
def test_usual_addresses_are_taken(url: str) -> None:
    Channel(url, None).close()


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
        Channel("http://127.0.0.1:18083", None, proxy=proxy)


def test_a_login_does_not_print_its_password() -> None:
    assert "hunter2" not in repr(Login("user", Secret("hunter2")))
