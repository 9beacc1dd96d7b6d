"""What may be connected to for a registered wallet RPC, and the spellings that try for more."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripartite.coordinator.wallets.rpc_url import RpcUrlRefused, read_rpc_url


def onion(key: bytes = bytes(range(32)), *, version: bytes = b"\x03", checksum: bytes = b"") -> str:
    """An onion name as rend-spec-v3 makes it."""
    right = hashlib.sha3_256(b".onion checksum" + key + version).digest()[:2]
    raw = key + (checksum or right) + version
    return base64.b32encode(raw).decode().lower() + ".onion"


ONION = onion()

ALLOWED = {
    "http://127.0.0.1:18082": "http://127.0.0.1:18082",
    "http://127.0.0.1:18082/": "http://127.0.0.1:18082",
    "http://127.0.0.1:18082/json_rpc": "http://127.0.0.1:18082",
    "HTTP://LocalHost:18082": "http://127.0.0.1:18082",
    "http://localhost:65535": "http://127.0.0.1:65535",
    "http://127.3.0.255:1024": "http://127.3.0.255:1024",
    "http://[::1]:18082": "http://[::1]:18082",
    f"http://{ONION}:18082": f"http://{ONION}:18082",
    f"http://{ONION.upper()}:80/json_rpc": f"http://{ONION}:80",
}

HOSTILE = {
    "no address": "",
    "names that begin like loopback": "http://127.evil.example:18082",
    "a whole loopback address before a name": "http://127.0.0.1.evil.example:18082",
    "localhost before a name": "http://localhost.evil.example:18082",
    "localhost behind a name": "http://evil.localhost:18082",
    "localhost with a final dot": "http://localhost.:18082",
    "an address with a final dot": "http://127.0.0.1.:18082",
    "::1 before a name": "http://::1.evil.example:18082",
    "a name that ends like an onion": "http://evil-onion:18082",
    "onion before a name": "http://x.onion.evil.example:18082",
    "user info that looks like the host": "http://127.0.0.1:18082@evil.example:18082",
    "user info": "http://user@127.0.0.1:18082",
    "user and password": "http://user:secret@127.0.0.1:18082",
    "empty user info": "http://@127.0.0.1:18082",
    "two at signs": "http://a@b@127.0.0.1:18082",
    "a backslash before the host": "http://evil.example\\@127.0.0.1:18082",
    "a backslash as slash": "http:\\\\127.0.0.1:18082",
    "a fragment that hides the host": "http://evil.example#@127.0.0.1:18082",
    "a query that hides the host": "http://evil.example?@127.0.0.1:18082",
    "a decimal address": "http://2130706433:18082",
    "an octal address": "http://0177.0.0.1:18082",
    "octal parts": "http://127.00.00.01:18082",
    "a hexadecimal address": "http://0x7f000001:18082",
    "a hexadecimal part": "http://0x7f.0.0.1:18082",
    "a shortened address": "http://127.1:18082",
    "a shortened address of three parts": "http://127.0.1:18082",
    "zero, which some systems take for this machine": "http://0:18082",
    "the unspecified address": "http://0.0.0.0:18082",
    "an octet too large": "http://127.0.0.256:18082",
    "an octet of zeros": "http://127.0.0.000:18082",
    "five octets": "http://127.0.0.0.1:18082",
    "another private network": "http://10.0.0.1:18082",
    "a neighbour of loopback": "http://128.0.0.1:18082",
    "the cloud's metadata": "http://169.254.169.254:80",
    "an IPv4-mapped address": "http://[::ffff:127.0.0.1]:18082",
    "an IPv4-mapped address in hexadecimal": "http://[::ffff:7f00:1]:18082",
    "an IPv4-compatible address": "http://[::127.0.0.1]:18082",
    "a NAT64 address": "http://[64:ff9b::7f00:1]:18082",
    "a zone id": "http://[::1%25lo]:18082",
    "a bare zone id": "http://[::1%lo]:18082",
    "a link-local address": "http://[fe80::1]:18082",
    "::1 at length": "http://[0:0:0:0:0:0:0:1]:18082",
    "unspecified": "http://[::]:18082",
    "::1 without brackets": "http://::1:18082",
    "an address in brackets": "http://[127.0.0.1]:18082",
    "no scheme": "127.0.0.1:18082",
    "no slashes": "http:127.0.0.1:18082",
    "one slash": "http:/127.0.0.1:18082",
    "three slashes": "http:///127.0.0.1:18082",
    "https": "https://127.0.0.1:18082",
    "ftp": "ftp://127.0.0.1:18082",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:18082/_x",
    "a Unix socket": "unix://127.0.0.1:18082",
    "a scheme with a space before": " http://127.0.0.1:18082",
    "no port": "http://127.0.0.1",
    "an empty port": "http://127.0.0.1:",
    "port zero": "http://127.0.0.1:0",
    "a port with a zero before": "http://127.0.0.1:018082",
    "a port too large": "http://127.0.0.1:65536",
    "a port that overflows": "http://127.0.0.1:83618",
    "a signed port": "http://127.0.0.1:+18082",
    "a negative port": "http://127.0.0.1:-1",
    "a port in other digits": "http://127.0.0.1:１８０８２",  # noqa: RUF001 — that is the trick
    "a port with a space": "http://127.0.0.1: 18082",
    "a service's own port": "http://127.0.0.1:22",
    "two ports": "http://127.0.0.1:18082:80",
    "another path": "http://127.0.0.1:18082/get_info",
    "a path that climbs": "http://127.0.0.1:18082/json_rpc/..",
    "two slashes at the end": "http://127.0.0.1:18082//",
    "a query": "http://127.0.0.1:18082/json_rpc?x=1",
    "a fragment": "http://127.0.0.1:18082/#x",
    "a line feed": "http://127.0.0.1:18082\n",
    "a header in the host": "http://127.0.0.1\r\nHost: evil:18082",
    "a tab in the host": "http://127.0.0\t.1:18082",
    "a NUL": "http://127.0.0.1\0.evil.example:18082",
    "a full-width digit": "http://１27.0.0.1:18082",  # noqa: RUF001 — that is the trick
    "an ideographic full stop": "http://127。0。0。1:18082",
    "enclosed letters": "http://ⓛocalhost:18082",
    "a long s, which folds to s": "http://localho\u017ft:18082",
    "percent-encoded dots": "http://127%2e0%2e0%2e1:18082",
    "a percent-encoded name": "http://%6cocalhost:18082",
    "a sub-domain of an onion": f"http://www.{ONION}:18082",
    "an onion with a final dot": f"http://{ONION}.:18082",
    "an onion in another zone": f"http://{ONION}.example:18082",
    "an onion without a port": f"http://{ONION}",
    "an onion under https": f"https://{ONION}:18082",
    "a v2 onion": "http://expyuzz4wqqyqhjn.onion:18082",
    "an onion one letter short": f"http://{ONION[1:]}:18082",
    "an onion with a digit that base32 lacks": f"http://{ONION[:5]}1{ONION[6:]}:18082",
    "an onion with a wrong checksum": f"http://{onion(checksum=bytes(2))}:18082",
    "an onion of version 4": f"http://{onion(version=bytes([4]))}:18082",
    "just .onion": "http://.onion:18082",
    "an unfinished bracket": "http://[::1:18082",
    "something endless": "http://127.0.0.1:18082/" + "a" * 100_000,
}


@pytest.mark.parametrize("text", ALLOWED)
def test_loopback_and_onion_names_are_taken_in_one_spelling(text: str) -> None:
    assert read_rpc_url(text).url == ALLOWED[text]


@pytest.mark.parametrize("trick", HOSTILE)
def test_nothing_else_is(trick: str) -> None:
    with pytest.raises(RpcUrlRefused):
        read_rpc_url(HOSTILE[trick])


def _stays_at_home(text: str) -> None:
    """Whatever is let through leads to loopback or to an onion name, for any reader."""
    try:
        place = read_rpc_url(text)
    except RpcUrlRefused:
        return
    parts = urlsplit(place.url)
    assert (parts.hostname, parts.port) == (place.host.strip("[]"), place.port)
    assert parts.username is None
    if place.onion:
        assert place.host.endswith(".onion")
        assert place.host.count(".") == 1
    else:
        assert ipaddress.ip_address(place.host.strip("[]")).is_loopback
        assert place.port >= 1024


@given(st.text(max_size=200))
def test_no_text_leads_elsewhere(text: str) -> None:
    _stays_at_home(text)


_PIECES = st.sampled_from(
    [
        "http://", "https://", "HTTP://", "//", "/", "127.0.0.1", "127.", "localhost", "[::1]",
        "::1", "[", "]", ONION, ".onion", "evil.example", "@", ":", "#", "?", "%", "\\", ".", "0x7f",
        "18082", "80", "/json_rpc", "\n", "\t", "\0", " ", "１", "。",  # noqa: RUF001 — those are the tricks
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=9).map("".join))
def test_no_mixture_of_the_usual_tricks_leads_elsewhere(text: str) -> None:
    _stays_at_home(text)


@given(st.ip_addresses(), st.integers(0, 70_000))
def test_of_all_addresses_only_loopback_is_let_through(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        place = read_rpc_url(f"http://{host}:{port}")
    except RpcUrlRefused:
        assert not (address.is_loopback and 1024 <= port <= 65_535) or address.version == 6
        return
    assert address.is_loopback
    assert place.url == f"http://{host}:{port}"


@given(st.binary(min_size=32, max_size=32))
def test_every_onion_name_is_taken_and_no_neighbour_of_it(key: bytes) -> None:
    name = onion(key)
    assert read_rpc_url(f"http://{name}:18082").onion
    other = ("b" if name[0] != "b" else "c") + name[1:]
    with pytest.raises(RpcUrlRefused):
        read_rpc_url(f"http://{other}:18082")


def test_a_place_has_a_name_that_does_not_tell_it() -> None:
    place = read_rpc_url(f"http://{ONION}:18082")

    assert place.endpoint == read_rpc_url(f"http://{ONION.upper()}:18082/json_rpc").endpoint
    assert place.endpoint != read_rpc_url(f"http://{ONION}:18083").endpoint
    assert ONION[:10] not in place.endpoint
