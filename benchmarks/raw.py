"""The key exchange by the barest script: three threads, three wallet-rpcs, nothing in between.

The daemons are started with the flags our agents use, and the wallets are of the kind our agents
make. Everything else is left out: no protocol, no journal, no coordinator. Its HTTP client is the
standard library's, so that not even our own client's time is in the baseline.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from benchmarks.ceremony import ROUNDS, Making
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.processes import WalletRpcProcess, create_wallet_with_cli

_PARTIES: Final = 3
_TIMEOUT: Final = 300.0


class RawCallFailed(Exception):
    """wallet-rpc didn't do what the benchmark needs."""


@dataclass(frozen=True, slots=True)
class RawSetup:
    """Seconds from the start to the last wallet's address, and those of each part.

    ``rounds`` begins with the making of the wallets (0 if they were made ahead). ``calls`` is
    what one wallet was asked.
    """

    seconds: float
    rounds: tuple[float, ...]
    calls: tuple[str, ...]


class RawWallet:
    """One wallet-rpc over one connection, with digest authentication (RFC 7616, MD5, qop=auth)."""

    def __init__(self, process: WalletRpcProcess) -> None:
        self.process = process
        self.asked: list[str] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=_TIMEOUT)
        self._challenge: Mapping[str, str] = {}
        self._count = 0

    def call(self, method: str, params: Mapping[str, object]) -> Mapping[str, object]:
        """The result of a JSON-RPC method. Raises RawCallFailed."""
        self.asked.append(method)
        status, answer = self._post(method, params)
        if status == http.client.UNAUTHORIZED:
            status, answer = self._post(method, params)
        if status != http.client.OK or "result" not in answer:
            # The answer isn't quoted: it may hold what is secret.
            raise RawCallFailed(f"{method}: HTTP {status}, {sorted(answer)}")
        return cast("Mapping[str, object]", answer["result"])

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _post(self, method: str, params: Mapping[str, object]) -> tuple[int, dict[str, object]]:
        body = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        headers = {"Content-Type": "application/json"}
        if self._challenge:
            headers["Authorization"] = self._authorization()
        self._connection.request("POST", "/json_rpc", json.dumps(body).encode(), headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            offered = response.headers.get_all("WWW-Authenticate") or [""]
            self._challenge, self._count = dict(re.findall(r'(\w+)="([^"]*)"', offered[0])), 0
            return response.status, {}
        return response.status, json.loads(content)

    def _authorization(self) -> str:
        self._count += 1
        login, realm = self.process.login, self._challenge["realm"]
        nonce, own, count = self._challenge["nonce"], secrets.token_hex(8), f"{self._count:08x}"
        who = _md5(f"{login.user}:{realm}:{login.password.reveal()}")
        response = _md5(f"{who}:{nonce}:{count}:{own}:auth:{_md5('POST:/json_rpc')}")
        return (
            f'Digest username="{login.user}", realm="{realm}", nonce="{nonce}", uri="/json_rpc", '
            f'algorithm=MD5, qop=auth, nc={count}, cnonce="{own}", response="{response}"'
        )


class RawParties:
    """Three wallet-rpcs of their own, used for one set-up after the other."""

    def __init__(self, directory: Path, node_url: str) -> None:
        """Start them."""
        self._node_url = node_url
        self._ends = ExitStack()
        self._threads = self._ends.enter_context(ThreadPoolExecutor(_PARTIES))
        self._homes = [directory / f"wallets-{number}" for number in range(_PARTIES)]
        self._wallets = list(self._threads.map(self._start, self._homes))

    def _start(self, home: Path) -> RawWallet:
        process = WalletRpcProcess.start(home, node_url=self._node_url, network=Network.REGTEST)
        self._ends.callback(process.stop)
        return RawWallet(process)

    def stop(self) -> None:
        """End them."""
        for wallet in self._wallets:
            wallet.close()
        self._ends.close()

    def prepare(self, making: Making) -> PreparedSetup:
        """Everything that is done before the clock starts."""
        setup = PreparedSetup(making, self._node_url)
        parties = [_Party(*pair) for pair in zip(self._wallets, self._homes, strict=True)]
        if making is Making.AHEAD:
            list(self._threads.map(setup.make_ahead, parties))
        return setup

    def measure(self, setup: PreparedSetup) -> RawSetup:
        """One key exchange. Raises RawCallFailed."""
        parties = [_Party(*pair) for pair in zip(self._wallets, self._homes, strict=True)]
        for wallet in self._wallets:
            # Connections are open and authenticated, as an agent's are.
            wallet.call("get_version", {})
            wallet.asked.clear()
        began = time.monotonic()
        running = [
            self._threads.submit(setup.run, number, party) for number, party in enumerate(parties)
        ]
        for one in running:
            one.result()
        if len(set(setup.addresses)) != 1:
            raise RawCallFailed("the wallets show different addresses")
        ends = [began, *(max(times) for times in zip(*setup.ends, strict=True))]
        calls = tuple(self._wallets[0].asked)
        for wallet in self._wallets:
            wallet.call("close_wallet", {})
        return RawSetup(
            seconds=ends[-1] - began,
            rounds=tuple(after - before for before, after in itertools.pairwise(ends)),
            calls=calls,
        )


@dataclass(frozen=True, slots=True)
class _Party:
    wallet: RawWallet
    home: Path


class PreparedSetup:
    """What the three threads of one key exchange share."""

    def __init__(self, making: Making, node_url: str) -> None:
        self._making = making
        self._node_url = node_url
        self._name = secrets.token_hex(8)
        self._password = secrets.token_urlsafe(16)
        self._said = [["" for _ in range(_PARTIES)] for _ in ROUNDS]
        self._turn = threading.Barrier(_PARTIES, timeout=_TIMEOUT)
        self.addresses = ["" for _ in range(_PARTIES)]
        self.ends: list[list[float]] = [[] for _ in range(_PARTIES)]

    def make_ahead(self, party: _Party) -> None:
        """Make this party's wallet and open it."""
        self._make_lean(party)
        self._open(party)

    def run(self, number: int, party: _Party) -> None:
        """One party's part, from the first call to the last."""
        try:
            self._run(number, party)
        except BaseException:
            # Else the two others would wait for this one until their time is out.
            self._turn.abort()
            raise

    def _run(self, number: int, party: _Party) -> None:
        if self._making is Making.LEAN:
            party.wallet.asked.append("wallet-cli")
            self._make_lean(party)
            self._open(party)
        elif self._making is Making.AT_ONCE:
            login = {"filename": self._name, "password": self._password, "language": "English"}
            party.wallet.call("create_wallet", login)
            self._settle(party)
        self.ends[number].append(time.monotonic())
        for this in range(len(ROUNDS)):
            self._speak(this, number, party.wallet)
            self.ends[number].append(time.monotonic())
            self._turn.wait()

    def _speak(self, this: int, number: int, wallet: RawWallet) -> None:
        others = [text for one, text in enumerate(self._said[this - 1]) if one != number]
        for method in ROUNDS[this]:
            answer = wallet.call(method, self._params(method, others))
            if method == "is_multisig" and not answer["ready"]:
                raise RawCallFailed("the wallet isn't ready")
            if method == "get_address":
                self.addresses[number] = str(answer["address"])
            if "multisig_info" in answer:
                self._said[this][number] = str(answer["multisig_info"])

    def _params(self, method: str, others: list[str]) -> Mapping[str, object]:
        match method:
            case "prepare_multisig":
                return {"enable_multisig_experimental": True}
            case "make_multisig":
                return {"multisig_info": others, "threshold": 2, "password": self._password}
            case "exchange_multisig_keys":
                return {"multisig_info": others, "password": self._password}
            case _:
                return {}

    def _make_lean(self, party: _Party) -> None:
        create_wallet_with_cli(
            party.home, self._name, Secret(self._password),
            node_url=self._node_url, network=Network.REGTEST,
        )  # fmt: skip

    def _open(self, party: _Party) -> None:
        party.wallet.call("open_wallet", {"filename": self._name, "password": self._password})
        self._settle(party)

    def _settle(self, party: _Party) -> None:
        party.wallet.call("auto_refresh", {"enable": False})
        party.wallet.call("get_address", {})


def _md5(text: str) -> str:
    # What the daemons speak; the secret protects a loopback port.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
