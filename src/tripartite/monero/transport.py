"""One HTTP connection to one daemon.

Monero's digest nonces are bound to a connection, and a wallet-rpc answers one request at a time:
so one client keeps one connection, and a lock lets one call through at a time.

Each client says which methods it may name, so that one without signing methods can't be made to
sign. Only this package may open channels (import-linter holds it).
"""

from __future__ import annotations

import json
import threading
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import httpx2

from tripartite.monero.answers import Answer
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.errors import (
    MethodForbidden,
    ProxyUnsuitable,
    RpcAnswerUnreadable,
    RpcConnectionLost,
    RpcTimedOut,
    RpcUnreachable,
    RpcUrlInvalid,
    WrongCredentials,
    error_of,
)

# Monero's HTTP server drops an idle connection after some minutes; letting go first means a
# call never races with that.
_IDLE_SECONDS: Final = 60.0

_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class Channel:
    """The connection to the daemon at ``url``; safe to share between threads."""

    def __init__(
        self,
        url: str,
        login: Login | None,
        *,
        methods: frozenset[str],
        proxy: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Nothing is sent yet. Only ``methods`` (and paths) can be called.

        ``proxy`` is ``socks5h://[user:password@]host:port``. Through a proxy, connecting is given 60 s by
        default: Tor may have to find a way first.
        Raises RpcUrlInvalid or ProxyUnsuitable.
        """
        chosen = timeouts or (Timeouts() if proxy is None else Timeouts(connect=60.0))
        self._light = _patience(chosen.light, chosen)
        self._heavy = _patience(chosen.heavy, chosen)
        self._methods = methods
        self._url = _checked_url(url)
        self._places: dict[str, httpx2.URL] = {}
        self._lock = threading.Lock()
        self._client = httpx2.Client(
            auth=httpx2.DigestAuth(login.user, login.password.reveal()) if login else None,
            proxy=_checked_proxy(proxy),
            # Neither proxies nor .netrc of the surroundings: what we connect to is given above.
            trust_env=False,
            limits=httpx2.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS
            ),
        )

    def call(self, method: str, params: dict[str, object], *, heavy: bool = False) -> Answer:
        """The result of a JSON-RPC method.

        Raises what ``error_of`` makes of the daemon's error, and the errors of ``post``.
        """
        body: dict[str, object] = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        answer = self.post("/json_rpc", body, method=method, heavy=heavy)
        if "error" in answer.fields:
            error = answer.part("error")
            raise error_of(method, error.integer("code"), error.text("message", ""))
        return answer.part("result")

    def post(
        self, path: str, body: dict[str, object], *, method: str = "", heavy: bool = False
    ) -> Answer:
        """The JSON object that ``path`` answers with.

        Raises WrongCredentials, RpcUnreachable (nothing was asked), RpcTimedOut or
        RpcConnectionLost (it may have been carried out), RpcAnswerUnreadable.
        """
        name = method or path.strip("/")
        if name not in self._methods:
            raise MethodForbidden(f"This client may not call {name}.")
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = httpx2.URL(self._url + path)
        # Made here rather than by the client, which would parse the address and merge headers and
        # cookies anew for each of the thousands of calls.
        request = httpx2.Request(
            "POST",
            place,
            headers=_HEADERS,
            content=json.dumps(body, separators=(",", ":")).encode(),
            extensions={"timeout": self._heavy if heavy else self._light},
        )
        with self._lock:
            response = self._exchange(name, request)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise WrongCredentials("Give the user and password of the daemon's --rpc-login.")
        if response.status_code != httpx2.codes.OK:
            raise RpcAnswerUnreadable(
                f"{name} was answered with HTTP status {response.status_code}. Check that the "
                "address is a Monero daemon's.",
                method=name,
                status=response.status_code,
            )
        try:
            value: object = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise RpcAnswerUnreadable(f"{name} did not answer in JSON.", method=name) from error
        return Answer.of(name, value)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _exchange(self, name: str, request: httpx2.Request) -> httpx2.Response:
        # The errors are raised without their cause: httpx2's repeat the request, whose body may
        # hold a password.
        try:
            return self._client.send(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError):
            raise RpcUnreachable(
                "Check that the daemon runs, and its address and port.", method=name
            ) from None
        except httpx2.TimeoutException:
            raise RpcTimedOut(
                f"{name} took too long. Look at the wallet's state before asking again.",
                method=name,
            ) from None
        except httpx2.RequestError:
            raise RpcConnectionLost(
                f"{name} was not answered. Look at the wallet's state before asking again.",
                method=name,
            ) from None


class Client:
    """What talks to one daemon through one channel: ``with Client(…) as client: …``."""

    METHODS: ClassVar[frozenset[str]]
    """What can be asked of the daemon."""

    def __init__(
        self,
        url: str,
        login: Login | None = None,
        *,
        proxy: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """``url`` is ``http://host:port``, ``proxy`` is ``socks5h://host:port``."""
        self._channel = Channel(url, login, methods=self.METHODS, proxy=proxy, timeouts=timeouts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the daemon stays as it is."""
        self._channel.close()


def _patience(read: float, timeouts: Timeouts) -> dict[str, float | None]:
    """``timeouts`` as a request carries them."""
    return httpx2.Timeout(read, connect=timeouts.connect, pool=None).as_dict()


def _checked_url(url: str) -> str:
    """``url`` as ``scheme://host:port`` without path, user or password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        parts, port = urlsplit(""), None
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or port is None
        or parts.path not in {"", "/"}
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise RpcUrlInvalid("Write it as http://host:port; the login is given apart.")
    return f"{parts.scheme}://{parts.netloc}"


def _checked_proxy(proxy: str | None) -> str | None:
    # The h is what makes the proxy look names up: with plain socks5 it is up to the client, and
    # a look-up outside Tor tells the network whom we talk to.
    if proxy is None:
        return None
    try:
        url = httpx2.URL(proxy)
    except (httpx2.InvalidURL, UnicodeEncodeError):
        url = httpx2.URL()
    if url.scheme != "socks5h" or not url.host or url.port is None:
        raise ProxyUnsuitable("Write the proxy as socks5h://host:port.")
    return proxy
