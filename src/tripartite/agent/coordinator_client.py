"""The coordinator over HTTP: bearer token, RFC 9457 problems, optionally through a SOCKS proxy.

TLS is checked, always. Plain http is spoken only to this machine and to onion services, whose
address is their key.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Final, cast
from urllib.parse import quote, urlsplit

import httpx2

from tripartite.agent.ports import Forwarded, Placed
from tripartite.agent.prospects import judge_arbiter, judge_room
from tripartite.agent.speaking import MessageRefused
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.money import Piconero
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.canonical import Json, digest
from tripartite.protocol.identity import IdentityMalformed, PublicIdentity

_PAGE: Final = 200
_MAILBOX_BYTES: Final = 1024**3
"""More than the coordinator takes of three parties in one escrow."""
_EVENTS: Final = 500
_TIMEOUT: Final = httpx2.Timeout(30.0, connect=15.0).as_dict()
_NONE: Final[Mapping[str, str]] = {}
_WRITTEN: Final = "Write it as https://host or https://host:port."

# Statuses that say nothing about the message itself: it is sent again later.
_NOT_AN_ANSWER: Final = frozenset({401, 404, 405, 407, 408, 425, 429})
_KNOWN_404: Final = frozenset({"escrow_unknown", "account_unknown"})


class MailboxTooLong(Unavailable):
    """The coordinator shows more messages of one escrow than there can be."""

    code: ClassVar[str] = "mailbox_too_long"


class CoordinatorUrlInsecure(Refused):
    """This isn't an address that a coordinator may have."""

    code: ClassVar[str] = "coordinator_url_insecure"


class CoordinatorProxyUnsuitable(Refused):
    """This proxy would look names up outside."""

    code: ClassVar[str] = "coordinator_proxy_unsuitable"


class CoordinatorUnreachable(Unavailable):
    """The coordinator didn't answer."""

    code: ClassVar[str] = "coordinator_unreachable"


class CoordinatorBusy(Unavailable):
    """The coordinator can't answer just now."""

    code: ClassVar[str] = "coordinator_busy"


class CoordinatorRefused(Refused):
    """The coordinator refused a request."""

    code: ClassVar[str] = "coordinator_refused"

    def __init__(self, detail: str, *, reason: str) -> None:
        """``reason`` is the code that the coordinator gave."""
        super().__init__(detail, reason=reason)
        self.reason = reason


class TokenNotAccepted(Unavailable):
    """The coordinator doesn't know this agent's token any more."""

    code: ClassVar[str] = "token_not_accepted"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a coordinator is. Raises ``CoordinatorUrlInsecure``."""

    url: str

    def __post_init__(self) -> None:
        """Refuse what would send the token in clear."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise CoordinatorUrlInsecure(_WRITTEN) from error
        if not host or parts.path or parts.query or parts.fragment or parts.username is not None:
            raise CoordinatorUrlInsecure(_WRITTEN)
        allowed = parts.scheme == "https" or (
            parts.scheme == "http" and (host.endswith(".onion") or _is_loopback(host))
        )
        if not allowed:
            raise CoordinatorUrlInsecure(
                "Use https. Plain http is for this machine and for onion addresses only."
            )

    @property
    def socket_url(self) -> str:
        """The same place for a WebSocket."""
        return "ws" + self.url.removeprefix("http")


@dataclass(frozen=True, slots=True)
class Events:
    """A page of the event log, plain JSON as it came, and where to go on."""

    events: Sequence[Mapping[str, Json]]
    cursor: int


class CoordinatorClient:
    """One coordinator, one account. Safe to share between threads; keeps its connections."""

    def __init__(
        self,
        origin: Origin,
        token: Secret | None,
        *,
        proxy: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet. Raises ``CoordinatorProxyUnsuitable``.

        ``transport`` is for tests that answer themselves.
        """
        self.origin = origin
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.reveal()}"
        self._client = httpx2.Client(
            proxy=checked_proxy(proxy),
            transport=transport,
            # No proxies, certificates or .netrc of the surroundings.
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # The mailbox (ports.Coordinator)

    def propose(self, text: str) -> Placed:
        """Open an escrow. Raises ``MessageRefused`` or an ``Unavailable``."""
        return self._send("/api/escrow", text)

    def post(self, escrow_id: str, text: str) -> Placed:
        """Say something in an escrow. Raises ``MessageRefused`` or an ``Unavailable``."""
        return self._send(f"/api/escrow/{escrow_id}/messages", text)

    def messages(self, escrow_id: str, *, after: int) -> Sequence[Forwarded]:
        """All messages after a position, in order. Raises also ``MailboxTooLong``."""
        found: list[Forwarded] = []
        size, page = 0, after
        while True:
            answer = self._get(f"/api/escrow/{escrow_id}/messages?after={page}&limit={_PAGE}")
            match answer:
                case {"messages": list(messages), "next": None | int() as following}:
                    shown = [_message(escrow_id, one) for one in messages]
                case _:
                    raise _unreadable()
            for before, one in zip((page, *(one.position for one in shown)), shown, strict=False):
                if one.position <= before:
                    raise _unreadable()
                size += len(one.text)
            found += shown
            if following is None:
                return found
            # Whoever leads in circles, or on and on, is not followed.
            if not shown or following != shown[-1].position:
                raise _unreadable()
            if size > _MAILBOX_BYTES:
                raise MailboxTooLong("Ask its operator; this agent reads no further.")
            page = following

    def names(self, escrow_id: str) -> Mapping[Role, str]:
        """Which accounts the parties have, as the coordinator says."""
        match self._get(f"/api/escrow/{escrow_id}"):
            case {
                "parties": {
                    "buyer": {"account": str(buyer)},
                    "vendor": {"account": str(vendor)},
                    "arbiter": {"account": str(arbiter)},
                }
            }:
                return {Role.BUYER: buyer, Role.VENDOR: vendor, Role.ARBITER: arbiter}
            case _:
                raise _unreadable()

    # Events

    def events(self, *, after: int) -> Events:
        """What happened after a cursor."""
        match self._get(f"/api/events?after={after}&limit={_EVENTS}"):
            case {"events": list(events), "cursor": int(cursor)}:
                return Events(cast("list[Mapping[str, Json]]", events), cursor)
            case _:
                raise _unreadable()

    # Signs of life

    def heartbeat(self) -> None:
        """Say that this agent is there. Raises an ``Unavailable`` or ``CoordinatorRefused``."""
        self._post("/api/agent/heartbeat", {}, key="")

    def answer_retry(self, number: int, result: str) -> None:
        """Say what was found when an admin asked to try again; ``result`` is a short code."""
        self._post(f"/api/recovery/{number}/answer", {"result": result}, key="")

    def acknowledge(self, number: int) -> None:
        """As the arbiter whom an admin called: say that you have heard."""
        self._post(f"/api/recovery/{number}/acknowledge", {}, key="")

    def panels(self) -> Sequence[Json]:
        """The panels that this account sits on, as they came."""
        match self._get("/api/recovery/panels"):
            case {"panels": list(panels)}:
                return panels
            case _:
                raise _unreadable()

    def vote(self, panel: int, text: str) -> Mapping[str, Json]:
        """Send a signed vote; the panel after it."""
        return self._post(
            f"/api/recovery/panels/{panel}/votes", {"vote": text}, key=digest(text.encode())
        )

    # Accounts

    def own_account(self) -> str:
        """The name of the account that the token belongs to."""
        match self._get("/api/agent"):
            case {"account": str(account)}:
                return account
            case _:
                raise _unreadable()

    def identity_of(self, account: str) -> PublicIdentity | None:
        """The identity paired with an account; None if none is.

        Raises ``CoordinatorRefused`` (``account_unknown``).
        """
        match self._get(f"/api/accounts/{quote(account, safe='')}"):
            case {"identity": None}:
                return None
            case {"identity": {"sign": str(sign), "seal": str(seal)}}:
                try:
                    return PublicIdentity(sign, seal)
                except IdentityMalformed as error:
                    raise _unreadable() from error
            case _:
                raise _unreadable()

    def pair(self, card: str) -> str:
        """Bind the account to the identity that signed the card; the fingerprint it noted."""
        match self._post("/api/agent/pair", {"card": card}, key=digest(card.encode())):
            case {"fingerprint": str(fingerprint)}:
                return fingerprint
            case _:
                raise _unreadable()

    def require_room(self, amount: Piconero) -> None:
        """Raise an error of ``domain.limits`` if an escrow of this amount would not be taken now.

        Where that can't be found out nothing is raised: the coordinator judges the proposal anyway.
        """
        with suppress(CoordinatorBusy, CoordinatorUnreachable, CoordinatorRefused):
            judge_room(amount, self._get("/api/limits"))

    def require_arbiter(self, account: str) -> None:
        """Raise ``ArbiterOffline`` if this agent is known to be away; else as in ``require_room``."""
        with suppress(CoordinatorBusy, CoordinatorUnreachable, CoordinatorRefused):
            judge_arbiter(account, self._get("/api/arbiters"))

    def network(self) -> str:
        """The Monero network that the coordinator serves."""
        match self._get("/api/network"):
            case {"network": str(network)}:
                return network
            case _:
                raise _unreadable()

    def _send(self, path: str, text: str) -> Placed:
        try:
            answer = self._post(path, {"envelope": text}, key=digest(text.encode()))
        except CoordinatorRefused as refused:
            raise MessageRefused(refused.detail, reason=refused.reason) from None
        match answer:
            case {"position": int(position)}:
                return Placed(position)
            case _:
                raise _unreadable()

    def _get(self, path: str) -> Mapping[str, Json]:
        return self._answer(self._request("GET", path))

    def _post(self, path: str, body: Mapping[str, str], *, key: str) -> Mapping[str, Json]:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        content = json.dumps(dict(body), separators=(",", ":")).encode()
        return self._answer(self._request("POST", path, headers, content))

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] = _NONE, content: bytes = b""
    ) -> httpx2.Request:
        # Made here rather than by the client, which would merge addresses, headers and cookies
        # anew for each request: a third of its time.
        return httpx2.Request(
            method,
            self.origin.url + path,
            headers={**self._headers, **headers},
            content=content or None,
            extensions={"timeout": _TIMEOUT},
        )

    def _answer(self, request: httpx2.Request) -> Mapping[str, Json]:
        # Raised without their cause: httpx2's errors repeat the request, token included.
        try:
            response = self._client.send(request)
        except httpx2.RequestError:  # also what can't be unpacked as it says it is packed
            raise CoordinatorUnreachable(
                "Check the network, the address and the proxy; the agent keeps trying."
            ) from None
        try:
            content = json.loads(response.content)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            content = {}
        if response.is_success:
            return content
        code = str(content.get("code", f"http_{response.status_code}"))
        detail = str(content.get("detail", content.get("title", "")))[:500]
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenNotAccepted("Pair again with a new token: `tripartite agent pair`.")
        if response.is_client_error and (
            response.status_code not in _NOT_AN_ANSWER or code in _KNOWN_404
        ):
            raise CoordinatorRefused(f"The coordinator says {code}. {detail}".strip(), reason=code)
        raise CoordinatorBusy(f"It answered with {code}; the agent tries again later.")


def checked_proxy(proxy: str | None) -> str | None:
    """Only proxies that look names up themselves. Raises ``CoordinatorProxyUnsuitable``."""
    if proxy is not None and not proxy.startswith("socks5h://"):
        raise CoordinatorProxyUnsuitable("Write the proxy as socks5h://host:port.")
    return proxy


def _message(escrow_id: str, value: object) -> Forwarded:
    match value:
        case {"position": int(position), "envelope": str(text)} if is_position(position):
            return Forwarded(escrow_id, position, text)
        case _:
            raise _unreadable()


def is_position(number: int) -> bool:
    """Whether a mailbox can have such a place; the journal's database holds no larger number."""
    return 0 < number < 2**31


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _unreadable() -> CoordinatorBusy:
    return CoordinatorBusy("It answered in a form that this version doesn't know.")
