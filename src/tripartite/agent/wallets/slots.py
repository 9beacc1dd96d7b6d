"""One wallet-rpc process, and what we know about the wallet that is open in it.

A wallet-rpc has one open wallet and never says which. The rules, from measurements:

- The former wallet is closed before another is opened, because a failed open leaves the former
  one open. So after a failure nothing is open.
- After each open: the address is compared with the one noted, and auto_refresh is switched off,
  or a hung node would block every call.
- A process of our own is talked to by us alone, so what was verified stays true until a call fails
  without an answer. At somebody else's the address is compared before each use.
- After a lost answer nothing is known: whatever is open is closed before the next use.
- A cache that keeps a wallet from opening is set aside, never its keys (a process killed in the
  middle of make_multisig leaves such a one).
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Final, Protocol

from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.notes import Note, Notebook
from tripartite.agent.wallets.records import Endpoint, Node, WalletRef, WrongWalletOpen
from tripartite.domain.addresses import AddressKeyInvalid, parse_address
from tripartite.domain.errors import TripartiteError
from tripartite.domain.parties import Network
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.errors import (
    NoWalletOpen,
    RpcConnectionLost,
    RpcUnreachable,
    WalletCannotOpen,
)
from tripartite.monero.processes import WalletRpcProcess
from tripartite.monero.signing import SigningWallet
from tripartite.monero.versions import require_supported_wallet

_CEREMONY_SECONDS: Final = 600.0
"""How long a wallet between two rounds of its key exchange is kept from being shelved."""


class Backend(Protocol):
    """Where a slot's wallet-rpc comes from."""

    exclusive: bool
    """Whether nobody else talks to it."""

    def running(self) -> bool:
        """False only if it is known to have ended."""
        ...

    def connect(self) -> SigningWallet:
        """A new connection, to a new process if it is ours to start."""
        ...

    def stop(self) -> None:
        """End the process if it is ours."""
        ...


class Dial(Protocol):
    """Makes a connection to a wallet-rpc that somebody else runs."""

    def __call__(
        self, url: str, login: Login | None, *, proxy: str | None, timeouts: Timeouts | None
    ) -> SigningWallet: ...


class OwnProcess:
    """A wallet-rpc that we start, and start again when it has ended."""

    exclusive = True

    def __init__(
        self, files: WalletFiles, number: int, *, node: Node, network: Network,
        timeouts: Timeouts | None,
    ) -> None:  # fmt: skip
        """Nothing is started yet."""
        self._files = files
        self._number = number
        self._node = node
        self._network = network
        self._timeouts = timeouts
        self.process: WalletRpcProcess | None = None

    def running(self) -> bool:
        return self.process is not None and self.process.daemon.running

    def connect(self) -> SigningWallet:
        self.stop()
        self.process = WalletRpcProcess.start(
            self._files.slot(self._number),
            node_url=self._node.url,
            network=self._network,
            trusted_node=self._node.trusted,
            node_login=self._node.login,
            node_proxy=self._node.proxy,
        )
        return SigningWallet(self.process.url, self.process.login, timeouts=self._timeouts)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.stop()


class GivenEndpoint:
    """A wallet-rpc that the user runs; never started, never stopped."""

    exclusive = False

    def __init__(
        self, endpoint: Endpoint, *, timeouts: Timeouts | None, dial: Dial = SigningWallet
    ) -> None:
        """Nothing is sent yet."""
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._dial = dial

    def running(self) -> bool:
        return True

    def connect(self) -> SigningWallet:
        one = self._endpoint
        return self._dial(one.url, one.login, proxy=one.proxy, timeouts=self._timeouts)

    def stop(self) -> None:
        pass


class Slot:
    """A wallet-rpc and the wallet in it. Used by one thread at a time: the pool sees to it.

    ``may_hold`` names the wallets that could be open; it has more than one name only while one is
    swapped for another or after a lost answer. ``wallet`` is the one known to be open, and
    ``doubtful`` means that one may be open of which we don't know.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        network: Network,
        files: WalletFiles | None,
        notebook: Notebook,
        heavy: AbstractContextManager[object],
    ) -> None:
        """``files`` is None if the wallet files are not ours; ``heavy`` limits heavy calls."""
        self.backend = backend
        self.busy = False
        self.may_hold: set[str] = set()
        self.wallet: str | None = None
        self.doubtful = False
        self.warm = False
        self.prepared = False
        self.last_used = 0.0
        self.heavy = heavy
        self.notebook = notebook
        self._network = network
        self._files = files
        self._rpc: SigningWallet | None = None
        self._ceremony_since: float | None = None
        self._seen: str | None = None

    @property
    def rpc(self) -> SigningWallet:
        """The connection; only between ``hold`` and the end of its use."""
        if self._rpc is None:
            raise RuntimeError("a slot is used before it is connected")
        return self._rpc

    @property
    def in_ceremony(self) -> bool:
        """Whether its wallet is between two rounds of a key exchange."""
        since = self._ceremony_since
        return since is not None and time.monotonic() - since < _CEREMONY_SECONDS

    def begin_ceremony(self) -> None:
        """The key exchange goes on; shelving the wallet now would cost a second or two."""
        self._ceremony_since = time.monotonic()

    def end_ceremony(self) -> None:
        """The key exchange is over."""
        self._ceremony_since = None

    # What is open

    def ready(self) -> None:
        """A connection to a process that runs, with no doubt about what is open in it.

        Raises VersionTooOld, and the errors of starting and of the connection.
        """
        if self._rpc is not None and self.backend.running() and self.doubtful:
            try:
                self._shut()
            except (RpcUnreachable, RpcConnectionLost):
                # A process of ours that doesn't answer is dying, or no use any more.
                if not self.backend.exclusive:
                    raise
                self._forget()
        if self._rpc is None or not self.backend.running():
            self._connect()

    def _connect(self) -> None:
        self._forget()
        with self.heavy:
            self._rpc = self.backend.connect()
        self.doubtful = not self.backend.exclusive
        require_supported_wallet(self._network, self._rpc.get_version())
        if self.doubtful:
            self._shut()

    def hold(self, ref: WalletRef) -> None:
        """Have the wallet open and verified.

        Raises WalletCannotOpen, WrongWalletOpen, AddressOfWrongNetwork and the errors of
        ``ready``.
        """
        self.ready()
        if self.wallet == ref.name:
            if self.backend.exclusive or self._is_still_open():
                return
            self.wallet = None
        self.shut()
        self.doubtful = True
        with self.heavy:
            self._open(ref)
        self._adopt(ref)

    def create(self, ref: WalletRef) -> None:
        """Make the wallet here, and keep it open. Raises WalletExists."""
        self.ready()
        self.shut()
        self.doubtful = True
        with self.heavy:
            self.rpc.create_wallet(ref.name, ref.password)
        self._adopt(ref)

    def _adopt(self, ref: WalletRef) -> None:
        """Take the wallet just opened or made for ``ref``'s, if its address is the noted one."""
        self.rpc.auto_refresh(enable=False)
        address = self.rpc.get_address()
        note = self.notebook.read(ref.name)
        if note.address is not None and note.address != address and not note.changing:
            raise WrongWalletOpen(
                "Another wallet answers under this name. Stop the agent and look at its wallet "
                "directory; nothing was sent or signed."
            )
        # In the middle of a key exchange the address is a placeholder, whose keys are no keys yet.
        with suppress(AddressKeyInvalid):
            parse_address(address, self._network)
        if note.address is None:
            self.notebook.write(ref.name, replace(note, address=address))
        self.wallet = ref.name
        self._seen = address
        self.doubtful = False
        self.prepared = False
        self._ceremony_since = None

    def shut(self) -> None:
        """Close whatever is open."""
        if self.wallet is not None or not self.backend.exclusive:
            self._shut()

    def distrust(self) -> None:
        """An answer was lost: whatever is believed of this slot may be wrong."""
        self.wallet = None
        self.prepared = False
        self.doubtful = True

    def settle(self) -> None:
        """At the end of a use: hold on to the wallet that is open, and to those in doubt."""
        self.last_used = time.monotonic()
        if not self.doubtful:
            self.may_hold = set() if self.wallet is None else {self.wallet}

    def release_process(self) -> None:
        """Close the wallet if it is somebody else's process, end it if it is ours."""
        if not self.backend.exclusive and self.wallet is not None:
            # It may have ended before us; then nothing is open there any more.
            with suppress(TripartiteError):
                self._shut()
        self._forget()
        self.backend.stop()

    def expect_change(self, name: str) -> Note:
        """Note that the address changes from now on; the note as it was."""
        note = self.notebook.read(name)
        if not note.changing:
            self.notebook.write(name, replace(note, changing=True))
        return note

    def note_change(self) -> None:
        """The address that is shown now: in somebody else's process it tells the wallet apart."""
        if not self.backend.exclusive:
            self._seen = self.rpc.get_address()

    def fix_address(self, name: str, address: str) -> None:
        """Note the address that will stay. Sync the note before anybody hears of it."""
        note = self.notebook.read(name)
        self.notebook.write(name, replace(note, address=address, changing=False))

    def _forget(self) -> None:
        if self._rpc is not None:
            self._rpc.close()
            self._rpc = None
        self.wallet = None
        self.warm = False
        self.prepared = False
        self._ceremony_since = None

    def _shut(self) -> None:
        self.wallet = None
        self.warm = False
        with suppress(NoWalletOpen):
            self.rpc.close_wallet()
        self.doubtful = False

    def _is_still_open(self) -> bool:
        """Whether somebody else's process still has our wallet open."""
        try:
            return self.rpc.get_address() == self._seen
        except NoWalletOpen:
            return False

    def _open(self, ref: WalletRef) -> None:
        try:
            self.rpc.open_wallet(ref.name, ref.password)
        except WalletCannotOpen:
            moved = self._files.set_cache_aside(ref.name) if self._files is not None else None
            if self._files is None or moved is None:
                raise
            try:
                self.rpc.open_wallet(ref.name, ref.password)
            except WalletCannotOpen:
                self._files.put_cache_back(ref.name, moved)
                raise
