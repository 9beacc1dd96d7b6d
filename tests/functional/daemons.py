"""Real daemons for the tests of the clients: import the fixtures that you need."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import (
    MonerodProcess,
    WalletRpcProcess,
    create_wallet_with_cli,
)
from tripartite.monero.signing import SigningWallet

# Keys made from hashes, so that nobody owns it: blocks mined to it are only there to pass the time.
NOBODY = (
    "43N5Z3E229GQ4fTNAGwCeoTwr7wPDeomA8GHywikLzxA6Sw2"
    "sAuDUVy7aTTHjabPyW9nbYiMtDVP2ERzgrKPDaSY3PZcSnB"
)
PASSWORD = Secret("a password with spaces: ünïcode")


@dataclass
class Wallets:
    """Wallet-rpc processes for one test module; all are stopped, and read for crashes, at its end."""

    directory: Path
    node: MonerodProcess
    processes: dict[str, WalletRpcProcess] = field(default_factory=dict)
    clients: list[SigningWallet] = field(default_factory=list)

    def start(self, name: str) -> SigningWallet:
        """A process of its own with no wallet open."""
        process = WalletRpcProcess.start(
            self.directory / name, node_url=self.node.url, network=Network.REGTEST
        )
        self.processes[name] = process
        return self.client(name)

    def client(self, name: str) -> SigningWallet:
        """One more connection to the process of that name."""
        process = self.processes[name]
        self.clients.append(SigningWallet(process.url, process.login))
        return self.clients[-1]

    def opened(self, name: str) -> SigningWallet:
        """A process of its own with a fresh, lean wallet open that refreshes only when told."""
        create_wallet_with_cli(
            self.directory / name, name, PASSWORD, node_url=self.node.url, network=Network.REGTEST
        )
        wallet = self.start(name)
        wallet.open_wallet(name, PASSWORD)
        wallet.auto_refresh(enable=False)
        return wallet

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        for process in self.processes.values():
            process.stop()
        assert [process.daemon.crash_marks() for process in self.processes.values()] == [
            [] for _ in self.processes
        ]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonerodProcess]:
    """A regtest node with an empty chain."""
    process = MonerodProcess.start(tmp_path_factory.mktemp("node"))
    yield process
    process.stop()
    assert process.daemon.crash_marks() == []


@pytest.fixture(scope="module")
def chain(node: MonerodProcess) -> Iterator[Monerod]:
    """A connection to the node."""
    with node.client() as client:
        yield client


@pytest.fixture(scope="module")
def wallets(tmp_path_factory: pytest.TempPathFactory, node: MonerodProcess) -> Iterator[Wallets]:
    """Starts wallet-rpc processes on the node."""
    started = Wallets(tmp_path_factory.mktemp("wallets"), node)
    yield started
    started.stop()


def until(fact: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def refreshed(wallet: SigningWallet, chain: Monerod) -> SigningWallet:
    """The wallet, once it has seen the whole chain."""

    def caught_up() -> bool:
        wallet.refresh()
        return wallet.get_height() == chain.get_block_count()

    until(caught_up)
    return wallet
