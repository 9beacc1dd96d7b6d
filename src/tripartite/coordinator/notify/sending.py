"""Send one piece of news, once. Every way ends within a bounded time."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Collection
from datetime import datetime
from typing import ClassVar, Final

from standardwebhooks import Webhook

from tripartite.coordinator.notify.addresses import checked_address, read_webhook
from tripartite.coordinator.notify.credentials import Opened
from tripartite.domain.errors import Unavailable

_SECONDS: Final = 10.0
_MESSENGER_SECONDS: Final = 30.0
_OK: Final = range(200, 300)


class NewsNotTaken(Unavailable):
    """The other end didn't take the news."""

    # Its fact ``result`` goes into the delivery log.
    code: ClassVar[str] = "news_not_taken"


Send = Callable[[Opened, str, str, datetime], None]
"""Takes channel, id of the message, JSON body and the time; raises ``NewsNotTaken`` and such."""


def send_webhook(
    opened: Opened,
    message_id: str,
    body: str,
    at: datetime,
    *,
    allowed: Collection[str],
    context: ssl.SSLContext | None = None,
) -> None:
    """POST it, signed as Standard Webhooks wants it. Redirects are not followed.

    Raises ``NewsNotTaken``, ``AddressPrivate``, ``NameUnknown``.
    """
    target = read_webhook(opened.address.reveal())
    address = checked_address(target.host, target.port, allowed=allowed)
    payload = json.dumps(json.loads(body)["payload"], separators=(",", ":"))
    signature = Webhook(opened.secret.reveal()).sign(message_id, at, payload)
    connection = _Pinned(target.host, target.port, address, context)
    try:
        connection.request(
            "POST",
            target.path,
            payload.encode(),
            {
                "Content-Type": "application/json",
                "User-Agent": "tripartite",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": signature,
            },
        )
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NewsNotTaken("It is tried again.", result=type(error).__name__) from error
    finally:
        connection.close()
    if status not in _OK:
        raise NewsNotTaken("It is tried again.", result=f"http_{status}")


def send_messenger(
    opened: Opened, _message_id: str, body: str, _at: datetime, *, allowed: Collection[str]
) -> None:
    """Hand it to Apprise in a process of its own, which connects only to public addresses.

    Its many services open connections in their own ways; there a guard on the socket itself holds
    them all, and a time limit ends whatever hangs. Raises ``NewsNotTaken``.
    """
    told = json.loads(body)
    request = {
        "url": opened.address.reveal(),
        "title": told["title"],
        "text": told["text"],
        "allowed": sorted(allowed),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tripartite.coordinator.notify.messenger"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=_MESSENGER_SECONDS,
            check=False,
            # Nothing of ours: neither settings nor proxies.
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise NewsNotTaken("It is tried again.", result="timeout") from error
    if done.returncode != 0:
        result = done.stdout.strip()[:32] or "messenger_failed"
        raise NewsNotTaken("It is tried again.", result=result)


class _Pinned(http.client.HTTPSConnection):
    """Connects to the address that was checked; the certificate must be the name's."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        self._tls = context or ssl.create_default_context()
        super().__init__(host, port, timeout=_SECONDS, context=self._tls)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=_SECONDS)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
