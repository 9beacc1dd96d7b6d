"""Monero's own programs: a regtest node, a wallet-rpc, and wallets made by wallet-cli."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final, Self, TypeVar
from urllib.parse import urlsplit

from tripartite.domain.errors import Unavailable
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.client_certificates import certificate_options, write_private_file
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.errors import DaemonBusy, RpcOutcomeUnknown, RpcUnreachable, WalletExists
from tripartite.monero.monerod import Monerod
from tripartite.monero.supervision import PortTaken, Supervised, free_port, program
from tripartite.monero.wallet_rpc import WalletRpc

# The default of 25 connections from one address would let about 24 wallets use one node.
_CONNECTIONS: Final = [
    "--rpc-max-connections=1000",
    "--rpc-max-connections-per-private-ip=1000",
]
_NETWORK_OPTIONS: Final = {
    Network.MAINNET: [],
    Network.STAGENET: ["--stagenet"],
    Network.TESTNET: ["--testnet"],
    # To a wallet, regtest is mainnet.
    Network.REGTEST: [],
}
_PROBE: Final = Timeouts(connect=2.0, light=10.0)
_PORT_ATTEMPTS: Final = 5


class WalletNotMade(Unavailable):
    """The wallet was not made, or not so that it can be used."""

    code: ClassVar[str] = "wallet_not_made"


class MonerodProcess:
    """A node with a chain of its own, unreachable from outside, that mines when told to."""

    def __init__(self, daemon: Supervised, port: int) -> None:
        """Use ``start``."""
        self.daemon = daemon
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    def start(
        cls, directory: Path, *, port: int | None = None, seconds: float = 60.0
    ) -> MonerodProcess:
        """Start a node that keeps everything in ``directory``; returns when it answers.

        The chain survives stopping and starting again; give ``port`` to come back where the
        wallets look for it. Raises DaemonDied, DaemonNotReady, ProgramMissing.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _on_free_port(lambda chosen: cls._start_on(directory, chosen, seconds), port)

    @classmethod
    def _start_on(cls, directory: Path, port: int, seconds: float) -> MonerodProcess:
        log = directory / "monerod.log"
        command = [
            "monerod", "--regtest", "--offline", "--fixed-difficulty=1", "--keep-fakechain",
            f"--data-dir={directory}", f"--log-file={log}", "--non-interactive",
            "--rpc-bind-ip=127.0.0.1", f"--rpc-bind-port={port}", *_CONNECTIONS,
            "--no-zmq", "--no-igd", "--hide-my-port", "--p2p-bind-ip=127.0.0.1",
            f"--p2p-bind-port={free_port()}", "--check-updates=disabled",
            "--disable-dns-checkpoints",
        ]  # fmt: skip
        daemon = Supervised(command, log=log, console=directory / "monerod.console")
        node = cls(daemon, port)
        with node.client(timeouts=_PROBE) as client, _ending(daemon):
            daemon.wait_until(
                lambda: daemon.listens_on(port) and _answers(client.get_info), seconds=seconds
            )
        return node

    def client(self, *, timeouts: Timeouts | None = None) -> Monerod:
        """A connection to it."""
        return Monerod(self.url, timeouts=timeouts)

    def stop(self) -> None:
        """End it in order."""
        self.daemon.stop()

    def kill(self) -> None:
        """End it at once."""
        self.daemon.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class WalletRpcProcess:
    """A wallet-rpc on loopback with a password of its own."""

    def __init__(self, daemon: Supervised, port: int, login: Login, wallets: Path) -> None:
        """Use ``start``."""
        self.daemon = daemon
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.login = login
        self.wallets = wallets

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        node_url: str,
        network: Network,
        trusted_node: bool = True,
        node_login: Login | None = None,
        node_proxy: str | None = None,
        port: int | None = None,
        seconds: float = 60.0,
    ) -> WalletRpcProcess:
        """Start one that keeps everything in ``directory``; returns when it answers.

        Wallet files are in ``directory/wallets``. ``node_proxy`` is ``ip:port`` of a SOCKS proxy.
        Trust a node only if it is yours: an untrusted one isn't told which outputs are ours.
        Raises DaemonDied, DaemonNotReady, ProgramMissing.
        """
        wallets = _wallet_directory(directory)
        command = [
            "monero-wallet-rpc", *_NETWORK_OPTIONS[network], f"--wallet-dir={wallets}",
            "--trusted-daemon" if trusted_node else "--untrusted-daemon",
            "--rpc-bind-ip=127.0.0.1", *_CONNECTIONS, "--disable-rpc-ban",
            # Loopback only: TLS would cost a 4096-bit RSA key at each start.
            "--rpc-ssl=disabled", f"--log-file={directory / 'wallet-rpc.log'}",
            # Else every deposit and payout is logged with its amount and its transaction.
            "--log-level=0,wallet.wallet2:ERROR",
            "--non-interactive", *_wallet_options(directory, node_url),
        ]  # fmt: skip
        if node_proxy is not None:
            command.append(f"--proxy={node_proxy}")
        return _on_free_port(
            lambda chosen: cls._start_on(directory, command, chosen, node_login, seconds), port
        )

    @classmethod
    def _start_on(
        cls,
        directory: Path,
        command: Sequence[str],
        port: int,
        node_login: Login | None,
        seconds: float,
    ) -> WalletRpcProcess:
        login = Login("tripartite", Secret(secrets.token_urlsafe(32)))
        # In a file, because anyone on the machine can read a command line; and only until the
        # daemon has read it.
        settings = directory / "wallet-rpc.conf"
        lines = [f"rpc-login={login.user}:{login.password.reveal()}"]
        if node_login is not None:
            lines.append(f"daemon-login={node_login.user}:{node_login.password.reveal()}")
        write_private_file(settings, "\n".join([*lines, ""]).encode())
        daemon = Supervised(
            [*command, f"--config-file={settings}", f"--rpc-bind-port={port}"],
            log=directory / "wallet-rpc.log",
            console=directory / "wallet-rpc.console",
        )
        wallet = cls(daemon, port, login, directory / "wallets")
        try:
            with wallet.client(timeouts=_PROBE) as client, _ending(daemon):
                daemon.wait_until(
                    lambda: daemon.listens_on(port) and _answers(client.get_version),
                    seconds=seconds,
                )
        finally:
            settings.unlink()
        return wallet

    def client(self, *, timeouts: Timeouts | None = None) -> WalletRpc:
        """A connection to it that can't sign; ``SigningWallet(url, login)`` makes one that can."""
        return WalletRpc(self.url, self.login, timeouts=timeouts)

    def stop(self) -> None:
        """End it in order; the open wallet is saved."""
        self.daemon.stop()

    def kill(self) -> None:
        """End it at once; nothing is saved."""
        self.daemon.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


# Two to four seconds of CPU time that nobody waits for; somebody may wait for a key exchange.
_WITHOUT_HURRY: Final = ("nice", "-n", "10")


def create_wallet_with_cli(
    directory: Path,
    name: str,
    password: Secret,
    *,
    node_url: str,
    network: Network,
    seconds: float = 120.0,
) -> Path:
    """Make a wallet in ``directory/wallets`` that looks one subaddress ahead; its ``.keys`` file.

    ``directory`` is a wallet-rpc's. The key exchange of such a wallet takes a third of the time,
    and wallet-rpc can't make one. The node has to answer: a wallet made without it guesses from
    when to scan, and on regtest guesses wrong. Raises WalletExists, WalletNotMade,
    ProgramMissing.
    """
    wallets = _wallet_directory(directory)
    keys = wallets / f"{name}.keys"
    if keys.exists():
        raise WalletExists("Choose another name; wallets are never overwritten.")
    with Monerod(node_url, timeouts=_PROBE) as node:
        node.get_info()
    with tempfile.TemporaryDirectory(dir=directory, prefix="making-") as scratch:
        password_file = Path(scratch) / "password"
        write_private_file(password_file, password.reveal().encode())
        command = [
            *_WITHOUT_HURRY, program("monero-wallet-cli"), *_NETWORK_OPTIONS[network],
            f"--generate-new-wallet={wallets / name}", f"--password-file={password_file}",
            "--mnemonic-language=English", "--subaddress-lookahead=1:1", "--trusted-daemon",
            f"--log-file={Path(scratch) / 'log'}", *_wallet_options(directory, node_url),
            "--command", "version",
        ]  # fmt: skip
        try:
            # It prints the seed: what it prints goes nowhere, and its log goes with the scratch.
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WalletNotMade(f"It took longer than {seconds:.0f} s: try again.") from None
    if done.returncode != 0 or not keys.exists():
        raise WalletNotMade(
            f"monero-wallet-cli ended with {done.returncode}: check that the node's version fits.",
            status=done.returncode,
        )
    return keys


def _wallet_directory(directory: Path) -> Path:
    """``directory/wallets``, with both for their owner's eyes only."""
    wallets = directory / "wallets"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    wallets.mkdir(mode=0o700, exist_ok=True)
    return wallets


def _wallet_options(directory: Path, node_url: str) -> list[str]:
    """What wallet-rpc and wallet-cli share; nothing outside ``directory`` is touched."""
    return [
        f"--daemon-address={urlsplit(node_url).netloc}",
        *certificate_options(directory),
        f"--shared-ringdb-dir={directory / 'ringdb'}",
        "--no-dns",
    ]


_Started = TypeVar("_Started")


def _on_free_port(start: Callable[[int], _Started], port: int | None) -> _Started:
    """``start`` on ``port``, or on a free one, with another try when it is taken meanwhile."""
    if port is not None:
        return start(port)
    for _ in range(_PORT_ATTEMPTS - 1):
        try:
            return start(free_port())
        except PortTaken:
            continue
    return start(free_port())


@contextmanager
def _ending(daemon: Supervised) -> Iterator[None]:
    """End the daemon if the block that waits for it fails, Ctrl-C included."""
    ready = False
    try:
        yield
        ready = True
    finally:
        if not ready and daemon.running:
            daemon.kill()


def _answers(ask: Callable[[], object]) -> bool:
    """Whether the daemon answers; a wrong answer raises."""
    try:
        ask()
    except (RpcUnreachable, RpcOutcomeUnknown, DaemonBusy):
        return False
    return True
