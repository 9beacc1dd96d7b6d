"""The coordinator's HTTP API as the devnet uses it: real requests, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self, cast

import httpx2

from tripartite.domain.deposits import Report
from tripartite.domain.errors import Refused, Unavailable
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.bodies import read_report
from tripartite.protocol.canonical import Json

_SECONDS: Final = 15.0


class CoordinatorSilent(Unavailable):
    """The devnet's coordinator gave no answer."""

    code: ClassVar[str] = "devnet_coordinator_silent"


class CoordinatorRefused(Refused):
    """The devnet's coordinator refused."""

    code: ClassVar[str] = "devnet_coordinator_refused"


class AnswerStrange(Unavailable):
    """The devnet's coordinator answered in another form than its API promises."""

    code: ClassVar[str] = "devnet_answer_strange"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, the stable code of a problem (empty if there is none), and the JSON object."""

    status: int
    code: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Overview:
    """An escrow at a glance, as the coordinator tells one of its parties."""

    state: State
    attempt: int
    address: str | None
    reports: Mapping[Role, Report]
    txid: str | None
    confirmations: int
    elsewhere: bool
    required: int
    waiting_on: tuple[tuple[Role, str], ...]
    missing: int

    @classmethod
    def read(cls, body: Mapping[str, object]) -> Overview:
        """From ``GET /api/escrow/{id}``. Raises AnswerStrange."""
        try:
            payout = _part(body, "payout") if body["payout"] is not None else {}
            reports = cast("Mapping[str, Json]", _part(body, "deposit"))
            return cls(
                state=State(str(body["state"])),
                attempt=int(str(body["attempt"])),
                address=_text(body["address"]),
                reports={Role(role): read_report(_fields(one)) for role, one in reports.items()},
                txid=_text(payout.get("txid")),
                confirmations=int(str(payout.get("confirmations", 0))),
                elsewhere=payout.get("elsewhere") is True,
                required=int(str(payout.get("required", 0))),
                waiting_on=tuple(
                    (Role(str(one["role"])), str(one["what"]))
                    for one in cast("list[Mapping[str, object]]", body["waiting_on"])
                ),
                missing=int(str(body["deposit_missing"])),
            )
        except (KeyError, TypeError, ValueError, Refused) as error:
            raise AnswerStrange(f"An escrow's summary lacks or misspells: {error}.") from error


class Api:
    """One connection to one coordinator, as the holder of one token or of none."""

    def __init__(self, url: str, token: Secret | None = None, *, seconds: float = _SECONDS) -> None:
        """Nothing is sent yet. ``seconds`` is the longest time an answer may take."""
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
        self._client = httpx2.Client(
            base_url=url, headers=headers, timeout=seconds, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, and the answer whatever it is. Raises CoordinatorSilent."""
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, path, content, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request with any bytes for a body. Raises CoordinatorSilent."""
        kind = {} if content is None else {"Content-Type": "application/json"}
        headers = {**kind, **(headers or {})}
        try:
            response = self._client.request(method, path, content=content, headers=headers)
        except httpx2.TransportError as error:
            raise CoordinatorSilent(f"{method} {path}: {error}. Read its log.") from error
        try:
            read: object = json.loads(response.content) if response.content else {}
        except ValueError:
            read = {}
        fields = cast("Mapping[str, object]", read) if isinstance(read, dict) else {}
        return Answer(response.status_code, str(fields.get("code", "")), fields)

    def get(self, path: str) -> Mapping[str, object]:
        """What stands there. Raises CoordinatorSilent, CoordinatorRefused."""
        return self._granted(self.ask("GET", path), path)

    def post(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """What comes of it. Raises CoordinatorSilent, CoordinatorRefused."""
        return self._granted(self.ask("POST", path, body), path)

    def open_account(self, name: str, password: Secret) -> Secret:
        """A new account; a token for it."""
        login = {"name": name, "password": password.reveal()}
        self.post("/api/accounts", login)
        return Secret(str(self.post("/api/tokens", {**login, "label": "devnet"})["token"]))

    def escrow(self, escrow_id: str) -> Overview:
        """One escrow of the token's account."""
        return Overview.read(self.get(f"/api/escrow/{escrow_id}"))

    def messages(self, escrow_id: str) -> list[str]:
        """Every envelope on record, in order."""
        found: list[str] = []
        after: object = 0
        while after is not None:
            page = self.get(f"/api/escrow/{escrow_id}/messages?after={after}")
            shown = cast("list[Mapping[str, object]]", page["messages"])
            found += [str(one["envelope"]) for one in shown]
            after = page["next"]
        return found

    def events(self, *, after: int = 0) -> tuple[list[Mapping[str, object]], int]:
        """What this account may see of the log after a cursor, in order, and the next cursor."""
        found: list[Mapping[str, object]] = []
        while True:
            page = self.get(f"/api/events?after={after}")
            more = cast("list[Mapping[str, object]]", page["events"])
            after = int(str(page["cursor"]))
            if not more:
                return found, after
            found += more

    @staticmethod
    def _granted(answer: Answer, path: str) -> Mapping[str, object]:
        if answer.status >= 400:
            raise CoordinatorRefused(f"{path}: {answer.status} {answer.body}", code=answer.code)
        return answer.body


def _part(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = body[name]
    if not isinstance(part, Mapping):
        raise TypeError(name)
    return part


def _fields(report: Json) -> Mapping[str, Json]:
    if not isinstance(report, Mapping):
        raise TypeError("deposit")
    return report


def _text(value: object) -> str | None:
    return None if value is None else str(value)
