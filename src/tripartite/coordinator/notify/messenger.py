"""``python -m tripartite.coordinator.notify.messenger``: one message through Apprise, then the end.

Reads JSON on stdin. Ends with 0 when it was taken; else with 1 and a short code on stdout.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Collection
from typing import Any, Final

from tripartite.coordinator.notify.addresses import is_public, read_messenger
from tripartite.domain.errors import Refused

_plain_getaddrinfo: Final = socket.getaddrinfo
_refused: list[str] = []


def guard(allowed: Collection[str]) -> None:
    """Let this process connect only to public addresses, or to ``allowed`` names:ports.

    It is the socket that refuses, whatever was looked up before: nothing is left to deceive.
    """
    kept: set[str] = set()

    def look_up(host: str, port: int | str | None, *args: int, **kwargs: int) -> list[object]:
        found = _plain_getaddrinfo(host, port, *args, **kwargs)
        if f"{host}:{port}" in allowed:
            kept.update(str(one[4][0]) for one in found)
        return list(found)

    class Guarded(socket.socket):
        """A socket that refuses to connect into private networks."""

        def connect(self, address: Any) -> None:  # noqa: ANN401 — as in socket.socket
            _check(address, kept)
            super().connect(address)

        def connect_ex(self, address: Any) -> int:  # noqa: ANN401 — as above
            _check(address, kept)
            return super().connect_ex(address)

    setattr(socket, "getaddrinfo", look_up)  # noqa: B010 — mypy forbids it written plainly
    setattr(socket, "socket", Guarded)  # noqa: B010 — as above


def main() -> int:
    """Send one message."""
    request = json.loads(sys.stdin.read())
    try:
        read_messenger(request["url"])
    except Refused as error:
        sys.stdout.write(error.code)
        return 1
    guard(request["allowed"])
    # After the guard: its services must find only the guarded sockets.
    from apprise import Apprise  # noqa: PLC0415 — see above

    sender = Apprise()
    if not sender.add(request["url"]):
        sys.stdout.write("channel_unsuitable")
        return 1
    if sender.notify(title=request["title"], body=request["text"]):
        return 0
    sys.stdout.write("address_private" if _refused else "messenger_refused")
    return 1


def _check(address: object, kept: Collection[str]) -> None:
    host = str(address[0]) if isinstance(address, tuple) else ""
    if not is_public(host) and host not in kept:
        _refused.append(host)
        raise PermissionError("private address")


if __name__ == "__main__":
    sys.exit(main())
