"""Where notifications may go: only where anybody on the internet could reach, and by TLS.

Who gives us an address must not be able to make this server talk to its own neighbours. So a name
is looked up here, every address it has is checked, and the connection goes to one that was checked:
a second look-up could answer otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit

from tripartite.domain.errors import Refused, Unavailable

SCHEMES: Final = (
    "discord", "gotifys", "mailtos", "matrixs", "mmosts", "ntfys", "pover", "rockets", "slack",
    "tgram",
)  # fmt: skip
"""Messengers that we hand an address on to (Apprise's names). All speak TLS."""

LONGEST: Final = 1_000
_HTTPS_PORT: Final = 443


class ChannelUnsuitable(Refused):
    """News can't be sent to this address."""

    code: ClassVar[str] = "channel_unsuitable"


class AddressPrivate(Refused):
    """That name leads into a private network."""

    code: ClassVar[str] = "address_private"


class NameUnknown(Unavailable):
    """That name can't be looked up."""

    code: ClassVar[str] = "name_unknown"


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address taken apart."""

    host: str
    port: int
    path: str


def read_webhook(url: str) -> Target:
    """Raises ``ChannelUnsuitable``."""
    try:
        parts = urlsplit(url)
        port = parts.port or _HTTPS_PORT
    except ValueError as error:
        raise ChannelUnsuitable("Write it as https://host/path.") from error
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not plain or parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ChannelUnsuitable("Write it as https://host/path, without a user and password.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, port, path)


def read_messenger(url: str) -> str:
    """Scheme and host of an Apprise address, for people. Raises ``ChannelUnsuitable``."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES or len(url) > LONGEST or not url.isprintable():
        raise ChannelUnsuitable(f"Take one of these services: {', '.join(SCHEMES)}.")
    return f"{scheme}://…"


def checked_address(host: str, port: int, *, allowed: Collection[str]) -> str:
    """An IP address of ``host`` to connect to. ``allowed`` are names:ports that may be private.

    Raises ``AddressPrivate`` if any of its addresses is, and ``NameUnknown``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown("Check the name; it is tried again.") from error
    addresses = [str(one[4][0]) for one in found]
    if f"{host}:{port}" not in allowed and not all(map(is_public, addresses)):
        raise AddressPrivate("Use a server on the public internet, or ask the operator.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach this IP address."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address):
        # An IPv4 address in another dress; the two translators' prefixes of RFC 6052 and 6to4.
        inner = read.ipv4_mapped or read.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if read in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(read) & 0xFFFFFFFF)))
        if read.teredo is not None:
            return False
    return read.is_global and not read.is_multicast and not read.is_reserved
