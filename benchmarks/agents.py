"""Three recorded agents, each a process, and the set-ups they are asked for."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from benchmarks.processes import cpu_seconds
from benchmarks.recorder import Note
from tests.unit.protocol.trade import ADDRESSES, terms
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.devnet.programs import surroundings
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.agreement import Agreement
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, read_envelope
from tripartite.protocol.identity import PublicIdentity

_POLL_SECONDS: Final = 0.05
_SETUP_SECONDS: Final = 150.0
_STOP_SECONDS: Final = 60.0
# A process that only waits still wakes up now and then.
_QUIET_CPU_SECONDS: Final = 0.05
_QUIET_SECONDS: Final = 0.5


class SetupFailed(Exception):
    """The agents didn't come to an address."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A message on record, with the coordinator's own time of admission (Unix seconds)."""

    role: Role
    kind: Kind
    round: int
    at: float


@dataclass(frozen=True, slots=True)
class Setup:
    """One set-up: what is on record of it, and what each agent did meanwhile."""

    messages: tuple[Placed, ...]
    notes: Mapping[Role, tuple[Note, ...]]

    @property
    def accepted_at(self) -> float:
        """When the third signature of the terms was admitted."""
        return max(one.at for one in self.messages if one.kind is Kind.SIGN_TERMS)

    @property
    def attested_at(self) -> float:
        """When the third attestation was admitted."""
        return max(one.at for one in self.messages if one.kind is Kind.ATTEST)

    @property
    def seconds(self) -> float:
        """From all accepted to the address attested by all."""
        return self.attested_at - self.accepted_at

    def calls(self, role: Role) -> tuple[str, ...]:
        """What this party's wallets were asked in that time."""
        return tuple(
            note.name
            for note in self.notes[role]
            if note.what == "wallet" and self.accepted_at <= note.began <= self.attested_at
        )


class RecordedAgent:
    """One agent's process."""

    def __init__(
        self, role: Role, directory: Path, coordinator: CoordinatorProcess, *, node_url: str,
        prepared_wallets: int,
    ) -> None:  # fmt: skip
        """Open an account and start it; returns when it is paired and runs."""
        self.role = role
        directory.mkdir(mode=0o700, parents=True)
        account = f"{role.value}-{secrets.token_hex(4)}"
        with coordinator.api() as api:
            self._token = api.open_account(account, Secret(secrets.token_urlsafe(16)))
        self._coordinator = coordinator
        self.log = directory / "agent.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.recorded_agent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=surroundings(directory, {}),
                # A Ctrl-C in our terminal is ours to answer.
                start_new_session=True,
            )
        beginning = {
            "home": str(directory),
            "node_url": node_url,
            "coordinator": coordinator.origin,
            "account": account,
            "token": self._token.reveal(),
            "prepared_wallets": prepared_wallets,
        }
        self.identity = PublicIdentity.from_json(cast("Json", self.ask(beginning)["identity"]))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, order: Mapping[str, object]) -> Mapping[str, object]:
        """Give an order; the answer. Raises SetupFailed if the agent has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        return cast("Mapping[str, object]", json.loads(line))

    def notes(self) -> tuple[Note, ...]:
        """What it has noted since it was last asked."""
        notes = cast("list[dict[str, object]]", self.ask({"do": "tell"})["notes"])
        return tuple(Note(**one) for one in notes)  # type: ignore[arg-type]  # as it was written

    def messages(self, escrow_id: str) -> tuple[Placed, ...]:
        """What the coordinator's event log says of an escrow."""
        with self._coordinator.api(self._token) as api:
            events, _ = api.events()
        found = []
        for event in events:
            if event["escrow_id"] == escrow_id and event["type"] == "MessageRelayed":
                data = cast("Mapping[str, object]", event["data"])
                message = read_envelope(str(data["envelope"]))
                at = datetime.fromisoformat(str(event["at"])).timestamp()
                found.append(Placed(message.role, message.kind, message.round, at))
        return tuple(found)

    def stop(self) -> None:
        """End it in order."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ended(self) -> SetupFailed:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return SetupFailed(f"the {self.role.value}'s agent ended:\n{tail}")


class Trio:
    """The agents of buyer, vendor and arbiter."""

    def __init__(
        self, directory: Path, coordinator: CoordinatorProcess, *, node_url: str,
        prepared_wallets: int,
    ) -> None:  # fmt: skip
        """Start them, side by side."""
        self._prepared = prepared_wallets
        self._threads = ThreadPoolExecutor(len(Role))
        starting = {
            role: self._threads.submit(
                RecordedAgent, role, directory / role.value, coordinator,
                node_url=node_url, prepared_wallets=prepared_wallets,
            )
            for role in Role
        }  # fmt: skip
        self.agents: dict[Role, RecordedAgent] = {}
        try:
            for role, one in starting.items():
                self.agents[role] = one.result()
        except BaseException:
            self.agents = {
                role: one.result() for role, one in starting.items() if one.exception() is None
            }
            self.stop()
            raise

    def stop(self) -> None:
        """End them."""
        list(self._threads.map(RecordedAgent.stop, self.agents.values()))
        self._threads.shutdown()

    def prepare(self) -> None:
        """Return when no agent has anything to do, and a wallet is open where one is made ahead.

        Raises SetupFailed.
        """
        if self._prepared:
            orders = [self._threads.submit(one.ask, {"do": "prepare"}) for one in self._each]
            if not all(order.result()["ready"] for order in orders):
                raise SetupFailed("the agents' wallets weren't made in time")
        deadline = time.monotonic() + _SETUP_SECONDS
        while True:
            before = self._cpu_seconds()
            time.sleep(_QUIET_SECONDS)
            if self._cpu_seconds() - before < _QUIET_CPU_SECONDS:
                return
            if time.monotonic() > deadline:
                raise SetupFailed("the agents never came to rest")

    def set_up(self) -> Setup:
        """One escrow, from the proposal to the attested address. Raises SetupFailed."""
        for one in self._each:
            one.notes()
        escrow_id = secrets.token_hex(16)
        parties = {role: one.identity for role, one in self.agents.items()}
        agreement = Agreement(terms(escrow_id=escrow_id), parties)
        buyer = self.agents[Role.BUYER]
        order = {"do": "propose", "escrow_id": escrow_id, "terms": agreement.to_json()}
        buyer.ask({**order, "address": ADDRESSES[Role.BUYER]})
        deadline = time.monotonic() + _SETUP_SECONDS
        for role in (Role.VENDOR, Role.ARBITER):
            order = {"do": "accept", "escrow_id": escrow_id, "address": ADDRESSES[role]}
            while not self.agents[role].ask(order)["known"]:
                _pause(deadline, "the proposal didn't arrive", self._each)
        order = {"do": "wait", "escrow_id": escrow_id}
        waiting = [self._threads.submit(one.ask, order) for one in self._each]
        if not all(one.result()["attested"] for one in waiting):
            raise SetupFailed(f"no address was attested\n{_logs(self._each)}")
        messages = buyer.messages(escrow_id)
        return Setup(messages, {role: one.notes() for role, one in self.agents.items()})

    @property
    def _each(self) -> list[RecordedAgent]:
        return list(self.agents.values())

    def _cpu_seconds(self) -> float:
        return sum(cpu_seconds(one.pid) for one in self._each)


def _pause(deadline: float, what: str, agents: list[RecordedAgent]) -> None:
    if time.monotonic() > deadline:
        raise SetupFailed(f"{what}\n{_logs(agents)}")
    time.sleep(_POLL_SECONDS)


def _logs(agents: list[RecordedAgent]) -> str:
    return "\n".join(one.log.read_text(errors="replace")[-1_500:] for one in agents)
