"""Coordinator nodes and attach processes over one database, and parties whose wallets are attached."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from monero.seed import Seed  # type: ignore[import-untyped]  # makes addresses, without type hints

from tripartite.devnet import programs
from tripartite.devnet.api import Answer, Api, CoordinatorSilent
from tripartite.devnet.coordinator_process import WITHOUT_LIMITS
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.monero.processes import MonerodProcess, WalletRpcProcess
from tripartite.monero.supervision import Supervised, free_port

PASSWORD = Secret("correct horse battery staple")
AMOUNT = 1_000_000_000_000


@dataclass
class Node:
    """One of our programs as a process: ``serve`` or ``attach``."""

    name: str
    directory: Path
    words: Sequence[str]
    settings: Mapping[str, str]
    daemon: Supervised | None = None

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    def start(self) -> None:
        seen = self.log.stat().st_size if self.log.exists() else 0
        self.daemon = programs.start(
            *self.words, directory=self.directory, name=self.name, settings=self.settings
        )
        self.daemon.wait_until(lambda: b"ready " in self.log.read_bytes()[seen:], seconds=60.0)

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon = None

    def pause(self) -> None:
        assert self.daemon is not None
        os.kill(self.daemon.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.daemon is not None
        os.kill(self.daemon.pid, signal.SIGCONT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['TRIPARTITE_PORT']}"

    def api(self, token: Secret | None = None) -> Api:
        # Registering a wallet RPC waits for the attach process.
        return Api(self.url, token, seconds=60.0)

    def said(self, event: str) -> list[Mapping[str, object]]:
        """The log's lines with that event."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in found if one.get("event") == event]


@dataclass
class Guest:
    """An account whose identity the operator holds."""

    name: str
    token: Secret
    address: str = field(default_factory=lambda: str(Seed().public_address()))


@dataclass
class Hall:
    """Everything there is; ``stop`` ends it."""

    directory: Path
    node: MonerodProcess
    settings: Mapping[str, str]
    nodes: list[Node] = field(default_factory=list)
    attaches: list[Node] = field(default_factory=list)
    wallets: list[WalletRpcProcess] = field(default_factory=list)
    guests: dict[str, Guest] = field(default_factory=dict)

    @classmethod
    def open(cls, directory: Path, node: MonerodProcess, **settings: str) -> Hall:
        """Nothing runs yet; ``settings`` are environment variables without their prefix."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        base = {
            "TRIPARTITE_DATA_DIR": str(directory / "data"),
            "TRIPARTITE_NETWORK": Network.REGTEST.value,
            "TRIPARTITE_MONEROD_URL": node.url,
            "TRIPARTITE_PUBLIC_ORIGIN": "http://127.0.0.1:8700",
            "TRIPARTITE_MIGRATE": "yes",
            "TRIPARTITE_CUSTODY_GUARD": "warn",
            **WITHOUT_LIMITS,
            **{f"TRIPARTITE_{name}": value for name, value in settings.items()},
        }
        return cls(directory, node, base)

    def add_node(self) -> Node:
        """One more coordinator node."""
        name = f"serve-{len(self.nodes)}"
        settings = {**self.settings, "TRIPARTITE_PORT": str(free_port())}
        node = Node(name, self.directory, ["serve"], settings)
        self.nodes.append(node)
        node.start()
        return node

    def add_attach(self, *, lease: float = 15.0, workers: int = 4, watching: float = 60.0) -> Node:
        """One more attach process; ``watching`` is how often it looks for money, in seconds."""
        name = f"attach-{len(self.attaches)}"
        words = ["attach", "--lease", str(lease), "--workers", str(workers)]
        words += ["--watching", str(watching)]
        node = Node(name, self.directory, words, self.settings)
        self.attaches.append(node)
        node.start()
        return node

    def add_wallets(self, count: int) -> None:
        """More wallet-rpc processes."""
        first = len(self.wallets)

        def start(number: int) -> WalletRpcProcess:
            return WalletRpcProcess.start(
                self.directory / f"rpc-{number}", node_url=self.node.url, network=Network.REGTEST
            )

        with ThreadPoolExecutor(2) as pool:
            self.wallets += pool.map(start, range(first, first + count))

    def guest(self, name: str) -> Guest:
        """A new account with an attached identity."""
        with self.nodes[0].api() as api:
            token = api.open_account(name, PASSWORD)
        guest = Guest(name, token)
        with self.nodes[0].api(token) as api:
            api.post("/api/agent/attach", {})
        self.guests[name] = guest
        return guest

    def api(self, guest: Guest, node: int = 0) -> Api:
        return self.nodes[node].api(guest.token)

    def propose(self, buyer: Guest, vendor: Guest, arbiter: Guest) -> str:
        """The buyer proposes; the escrow's id."""
        with self.api(buyer) as api:
            answer = api.post(
                "/api/attached/escrows",
                {
                    "role": "buyer",
                    "counterparty": vendor.name,
                    "arbiter": arbiter.name,
                    "amount": str(AMOUNT),
                    "subject": "a bicycle",
                    "payout_address": buyer.address,
                },
            )
        return str(answer["escrow_id"])

    def accept(self, guest: Guest, escrow_id: str, *, node: int = 0) -> None:
        with self.api(guest, node) as api:
            body = {"decision": "accept", "payout_address": guest.address}
            api.post(f"/api/escrow/{escrow_id}/decisions", body)

    def decide(self, guest: Guest, escrow_id: str, decision: str, **words: object) -> None:
        with self.api(guest) as api:
            api.post(f"/api/escrow/{escrow_id}/decisions", {"decision": decision, **words})

    def outcomes(self, guest: Guest, escrow_id: str) -> list[str]:
        """What came of everything that this guest decided, in that order."""
        with self.api(guest) as api:
            told = api.get(f"/api/escrow/{escrow_id}/decisions")
        return [str(one["outcome"]) for one in cast("list[dict[str, object]]", told["decisions"])]

    def register(
        self, guest: Guest, escrow_id: str, role: Role, wallet: WalletRpcProcess, *, node: int = 0
    ) -> Answer:
        """Register a wallet-rpc for one role."""
        body = {
            "rpc_url": wallet.url,
            "rpc_user": wallet.login.user,
            "rpc_password": wallet.login.password.reveal(),
            "role": role.value,
        }
        return self.ask_to_register(guest, escrow_id, body, node=node)

    def ask_to_register(
        self, guest: Guest, escrow_id: str, body: Mapping[str, object], *, node: int = 0
    ) -> Answer:
        """The outcome; asks again while the attach process is busy, as a client does."""
        path = f"/api/escrow/{escrow_id}/register-wallet-rpc"
        key = {"Idempotency-Key": secrets.token_hex(16)}
        with self.api(guest, node) as api:
            while True:
                answer = api.ask("POST", path, body, headers=key)
                if answer.code != "attach_pending":
                    return answer
                time.sleep(0.5)

    def state(self, guest: Guest, escrow_id: str, *, node: int = 0) -> str:
        with self.api(guest, node) as api:
            answer = api.ask("GET", f"/api/escrow/{escrow_id}")
        return str(answer.body.get("state", answer.code))

    def until(self, fact: Callable[[], bool], *, seconds: float = 240.0) -> None:
        """Wait for a fact; when it doesn't come, say how everything stands."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if fact():
                    return
            except CoordinatorSilent:
                pass
            if time.monotonic() > deadline:
                tails = programs.log_tails(self.directory, lines=12)
                raise AssertionError(f"it never came true\n{tails}")
            time.sleep(0.1)

    def stop(self) -> None:
        for node in (*self.attaches, *self.nodes):
            node.stop()
        for wallet in self.wallets:
            wallet.stop()

    def troubles(self) -> list[str]:
        return programs.troubles(self.directory)
