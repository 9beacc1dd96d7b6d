"""What the coordinator's own work costs: CPU and memory per relayed message and per escrow.

Whole set-ups are said to a coordinator process over HTTP: proposal, acceptances, signatures, key
exchange, attestations; 18 messages each, signed and sealed with real keys beforehand, each request
with its Idempotency-Key as agents send it. Only the coordinator's CPU time counts, user and system,
all its processes and threads: not ours, who play the parties in this process, and not waiting.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

from benchmarks.processes import Usage, usage
from tests.unit.protocol.trade import Trade, terms
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.domain.key_exchange import SECRET_ROUNDS
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.envelope import Kind, Message
from tripartite.protocol.identity import Identity
from tripartite.protocol.pairing import write_card

_CONNECTIONS: Final = 4
_INFO_BYTES: Final = 300
"""Half of the characters of a real key-exchange message."""
_PUSH_SECONDS: Final = 60.0


class RelayFailed(Exception):
    """The coordinator refused or lost a message of the benchmark."""


@dataclass(frozen=True, slots=True)
class RelaySample:
    """A batch: what was said, and what the coordinator used for it.

    ``pushed`` are the copies of those messages that listeners received over their WebSockets.
    """

    escrows: int
    messages: int
    pushed: int
    cpu_seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Messages stored per second of the coordinator's CPU time."""
        return self.messages / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class RelayFigures:
    """Batches without and with listeners, and memory before and after all of them."""

    stored: tuple[RelaySample, ...]
    pushed: tuple[RelaySample, ...]
    before: Usage
    after: Usage

    @property
    def escrows(self) -> int:
        """How many escrows the coordinator had at the end."""
        return sum(one.escrows for one in (*self.stored, *self.pushed))


class Crowd:
    """Three accounts with their tokens and identities, paired."""

    def __init__(self, coordinator: CoordinatorProcess) -> None:
        """Open and pair them."""
        self.coordinator = coordinator
        self.identities = {role: Identity.generate() for role in Role}
        self.tokens = {role: self._join(role) for role in Role}

    def _join(self, role: Role) -> Secret:
        name = f"{role.value}-{secrets.token_hex(4)}"
        with self.coordinator.api() as api:
            token = api.open_account(name, Secret(secrets.token_urlsafe(16)))
        card = write_card(
            self.identities[role],
            account=name,
            coordinator=self.coordinator.origin,
            issued_at=datetime.now(UTC),
        )
        with self.coordinator.api(token) as api:
            api.post("/api/agent/pair", {"card": card})
        return token


def measure_relay(
    coordinator: CoordinatorProcess, pid: int, *, batches: int, escrows: int
) -> RelayFigures:
    """So many batches of so many escrows without listeners, then as many with three of them.

    Raises RelayFailed.
    """
    crowd = Crowd(coordinator)
    # The first requests import what is imported lazily, and open the database's connections.
    _batch(crowd, pid, escrows=_CONNECTIONS, listening=False)
    before = usage(pid)
    stored = tuple(_batch(crowd, pid, escrows=escrows, listening=False) for _ in range(batches))
    after = usage(pid)
    pushed = tuple(_batch(crowd, pid, escrows=escrows, listening=True) for _ in range(batches))
    return RelayFigures(stored, pushed, before, after)


def say_set_ups(crowd: Crowd, escrows: int) -> None:
    """So many whole set-ups over one connection, one after the other. Raises RelayFailed."""
    _say(crowd, [script(crowd.identities) for _ in range(escrows)])


def script(identities: Mapping[Role, Identity]) -> tuple[Message, ...]:
    """All messages of one set-up, in order."""
    return tuple(admission.message for admission in set_up(identities).log)


def set_up(identities: Mapping[Role, Identity]) -> Trade:
    """One escrow, from the proposal to the attested address, between these three."""
    trade = Trade(identities=identities, terms=terms(escrow_id=secrets.token_hex(16)))
    trade.agree()
    for this in SECRET_ROUNDS:
        for role in Role:
            attempt = trade.now.attempt
            body = trade.sealed(
                role, Kind.KEY_EXCHANGE, "multisig_info", secrets.token_hex(_INFO_BYTES),
                attempt=attempt, round_=this,
            )  # fmt: skip
            trade.say(role, Kind.KEY_EXCHANGE, body, attempt=attempt, round_=this)
    for role in Role:
        trade.attest(role)
    return trade


def _batch(crowd: Crowd, pid: int, *, escrows: int, listening: bool) -> RelaySample:
    scripts = [script(crowd.identities) for _ in range(escrows)]
    messages = sum(map(len, scripts))
    listeners = tuple(Role) if listening else ()
    with (
        ThreadPoolExecutor(_CONNECTIONS + len(listeners)) as threads,
        _hearing(crowd, listeners) as sockets,
    ):
        before = usage(pid).cpu_seconds
        heard = [threads.submit(_hear, socket, messages) for socket in sockets]
        shares = [scripts[number::_CONNECTIONS] for number in range(_CONNECTIONS)]
        said = [threads.submit(_say, crowd, share) for share in shares]
        for one in said:
            one.result()
        pushed = sum(one.result() for one in heard)
        return RelaySample(escrows, messages, pushed, usage(pid).cpu_seconds - before)


def _say(crowd: Crowd, scripts: Sequence[Sequence[Message]]) -> None:
    """Say several set-ups, one after the other, over one connection."""
    place = urlsplit(crowd.coordinator.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    for messages in scripts:
        for message in messages:
            opening = message.kind is Kind.PROPOSE
            path = "/api/escrow" if opening else f"/api/escrow/{message.escrow_id}/messages"
            headers = {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Authorization": f"Bearer {crowd.tokens[message.role].reveal()}",
                "Idempotency-Key": message.digest,
            }
            body = json.dumps({"envelope": message.text}).encode()
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != http.client.CREATED:
                raise RelayFailed(f"{message.kind.value}: {response.status} {answer[:500]!r}")
    connection.close()


@contextmanager
def _hearing(crowd: Crowd, roles: Sequence[Role]) -> Iterator[tuple[ClientConnection, ...]]:
    """WebSockets of these roles, which hear what is said from now on."""
    sockets: list[ClientConnection] = []
    try:
        for role in roles:
            token = crowd.tokens[role]
            with crowd.coordinator.api(token) as api:
                _, cursor = api.events()
            sockets.append(
                connect(
                    f"ws{crowd.coordinator.url.removeprefix('http')}/api/events/ws?after={cursor}",
                    additional_headers={"Authorization": f"Bearer {token.reveal()}"},
                    compression=None,
                    proxy=None,
                )
            )
        yield tuple(sockets)
    finally:
        for socket in sockets:
            socket.close()


def _hear(socket: ClientConnection, messages: int) -> int:
    """Receive until so many messages came; their number."""
    heard = 0
    while heard < messages:
        event = json.loads(socket.recv(timeout=_PUSH_SECONDS))
        heard += event["type"] == "MessageRelayed"
    return heard
