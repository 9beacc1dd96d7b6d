"""Where a registered wallet-rpc may be: on this machine's loopback, or behind a v3 onion name.

The text is parsed by a grammar of our own that knows nothing else, and what we connect to is built
anew from the parsed parts, never from the text. So there is no second reader who could understand
it differently, and no name is ever looked up: ``localhost`` means 127.0.0.1 (RFC 6761 section 6.3),
and an onion name goes to the SOCKS proxy as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from tripartite.domain.errors import Refused


class RpcUrlRefused(Refused):
    """That is no address of a wallet RPC that may be registered."""

    code: ClassVar[str] = "rpc_url_refused"


LONGEST: Final = 128
LEAST_LOOPBACK_PORT: Final = 1024
"""Below are the system's own services; an unprivileged wallet-rpc can't listen there."""

_MOST_PORT: Final = 65_535

# Canonical decimal only: inet_aton's octal, hexadecimal and shortened spellings mean different
# hosts to different readers. IPv6 only as ::1; zone ids and mapped addresses have no place.
_OCTET: Final = r"(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_URL: Final = re.compile(
    rf"http://(?:(?P<ipv4>127(?:\.{_OCTET}){{3}})|(?P<ipv6>\[::1\])|(?P<localhost>localhost)"
    r"|(?P<onion>[a-z2-7]{56})\.onion)"
    r":(?P<port>[1-9][0-9]{0,4})(?:/|/json_rpc)?",
    re.ASCII,
)

# rend-spec-v3, "Encoding onion addresses": base32(public key | checksum | version).
_ONION_VERSION: Final = b"\x03"
_ONION_KEY: Final = 32
_ONION_CHECKSUM: Final = 2


@dataclass(frozen=True, slots=True)
class RpcPlace:
    """A checked address. ``url`` is the one and only spelling of what is connected to."""

    host: str
    port: int
    onion: bool

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://{self.host}:{self.port}"

    @property
    def endpoint(self) -> str:
        """A name for this place that doesn't tell it: for keys of leases and for logs."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:32]


def read_rpc_url(text: str) -> RpcPlace:
    """The place that ``text`` names. Raises ``RpcUrlRefused``."""
    # Names are the same in either case (RFC 3986 section 3.2.2); everything else we take is, too.
    match = _URL.fullmatch(text.lower()) if len(text) <= LONGEST and text.isascii() else None
    if match is None:
        raise RpcUrlRefused(
            "Write http://127.0.0.1:PORT for a wallet RPC on the coordinator's machine, or "
            "http://NAME.onion:PORT with a v3 onion name. Nothing else is connected to; the login "
            "goes into its own fields."
        )
    port = int(match["port"])
    if port > _MOST_PORT:
        raise RpcUrlRefused(f"A port is at most {_MOST_PORT}.")
    if match["onion"] is not None:
        _check_onion(match["onion"])
        return RpcPlace(match["onion"] + ".onion", port, onion=True)
    if port < LEAST_LOOPBACK_PORT:
        raise RpcUrlRefused(f"Let the wallet RPC listen on a port from {LEAST_LOOPBACK_PORT} on.")
    return RpcPlace(match["ipv4"] or match["ipv6"] or "127.0.0.1", port, onion=False)


def _check_onion(name: str) -> None:
    """A v3 name carries its version and a checksum. Raises ``RpcUrlRefused``."""
    try:
        raw = base64.b32decode(name.upper())
    except binascii.Error as error:
        raise RpcUrlRefused("The onion name is garbled: copy it again.") from error
    key, checksum = raw[:_ONION_KEY], raw[_ONION_KEY : _ONION_KEY + _ONION_CHECKSUM]
    version = raw[_ONION_KEY + _ONION_CHECKSUM :]
    expected = hashlib.sha3_256(b".onion checksum" + key + _ONION_VERSION).digest()
    if version != _ONION_VERSION or checksum != expected[:_ONION_CHECKSUM]:
        raise RpcUrlRefused("The onion name is misspelt, or not of version 3: copy it again.")
