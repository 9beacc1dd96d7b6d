"""The registered wallet-rpcs: one user at a time across all nodes, and never the wrong wallet.

A wallet-rpc has one open wallet, works for whoever knows its login, and knows nothing of leases. So
each call is made only under a lease that surely holds, and only after asking which wallet is open.
What remains is the moment between that question and the call: a process that is stopped just there
for longer than its lease could still reach a wallet that another has opened meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import ClassVar, Final

from django.db import DatabaseError

from tripartite.agent.wallets.notes import Notebook
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import Endpoint, Node
from tripartite.attach.leases import Heartbeat, Held, boot_seconds
from tripartite.coordinator.ops.metrics.calls import measured_call
from tripartite.coordinator.storing import now
from tripartite.coordinator.wallets.credentials import Credentials
from tripartite.coordinator.wallets.keys import endpoint_key
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.queue import LeaseLost
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.parties import Network
from tripartite.monero.answers import Answer
from tripartite.monero.connection import Login, Timeouts
from tripartite.monero.errors import NoWalletOpen, RpcUnreachable
from tripartite.monero.signing import SigningWallet

_PATIENCE_SECONDS: Final = 2.0
"""How long a worker waits for another worker of this process before it does something else."""
_POOLS: Final = 64

TIMEOUTS: Final = Timeouts(connect=10.0, light=30.0, heavy=120.0)
ONION_TIMEOUTS: Final = Timeouts(connect=60.0, light=60.0, heavy=180.0)

_WITHOUT_WALLET: Final = frozenset({"get_version", "get_address"})
_OPENING: Final = frozenset({"open_wallet", "create_wallet"})
_CHANGING: Final = frozenset({"make_multisig", "exchange_multisig_keys"})


class EndpointBusy(Unavailable):
    """The wallet RPC works for another escrow just now."""

    code: ClassVar[str] = "wallet_rpc_busy"


class EndpointLost(RpcUnreachable):
    """The lease on the wallet RPC ran out, so it wasn't called."""

    code: ClassVar[str] = "wallet_rpc_lease_lost"


class WalletSwitched(RpcUnreachable):
    """Another wallet is open than the one to be used, so the call wasn't made."""

    code: ClassVar[str] = "wallet_switched"


class CheckedWallet(SigningWallet):
    """A wallet-rpc that is asked which wallet is open before each call that touches one."""

    def __init__(
        self,
        url: str,
        login: Login | None,
        *,
        proxy: str | None,
        timeouts: Timeouts | None,
        permit: Callable[[], None],
    ) -> None:
        """``permit`` raises unless the lease on the wallet-rpc holds."""
        super().__init__(url, login, proxy=proxy, timeouts=timeouts)
        self._permit = permit
        self._expected: str | None = None

    def _ask(self, method: str, params: dict[str, object], *, heavy: bool) -> Answer:
        self._permitted(method)
        if method in _WITHOUT_WALLET:
            return self._measured(method, params, heavy=heavy)
        if method in _OPENING or method == "close_wallet":
            self._expected = None
            answer = self._measured(method, params, heavy=heavy)
            if method in _OPENING:
                self._expected = self._shown()
            return answer
        self._check(method)
        answer = self._measured(method, params, heavy=heavy)
        if method in _CHANGING:
            # Until the next look nothing is known; a failure here must not hide the answer.
            self._expected = self._shown_if_possible()
        return answer

    def _measured(self, method: str, params: dict[str, object], *, heavy: bool) -> Answer:
        with measured_call():
            return super()._ask(method, params, heavy=heavy)

    def _permitted(self, method: str) -> None:
        try:
            self._permit()
        except LeaseLost as error:
            raise EndpointLost("Another attach process goes on with it.", method=method) from error

    def _check(self, method: str) -> None:
        try:
            shown = self._shown()
        except NoWalletOpen:
            shown = None
        if shown is None or shown != self._expected:
            self._expected = None
            raise WalletSwitched(
                "Somebody else uses this wallet RPC: keep it for its escrows alone.", method=method
            )
        # The question took time, too.
        self._permitted(method)

    def _shown(self) -> str:
        answer = self._measured("get_address", {"account_index": 0}, heavy=False)
        return answer.text("address")

    def _shown_if_possible(self) -> str | None:
        try:
            return self._shown()
        except TripartiteError:
            return None


class _Place:
    """What this process knows of one wallet-rpc."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: Held | None = None
        self.pool: WalletPool | None = None
        self.epoch = 0

    def permit(self) -> None:
        if self.held is None:
            raise LeaseLost("Nobody works with this wallet RPC now.")
        self.held.require()

    def drop(self) -> None:
        """Forget what is open: nothing is sent, unless the lease still holds."""
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.stop()


class Endpoints:
    """All registered wallet-rpcs that this process works with."""

    def __init__(
        self,
        directory: Path,
        *,
        network: Network,
        node: Node,
        heartbeat: Heartbeat,
        onion_proxy: str | None,
        heavy: AbstractContextManager[object] | None = None,
    ) -> None:
        """Nothing is sent yet. ``directory`` is for what is noted about wallets."""
        self._directory = directory
        self._network = network
        self._node = node
        self._heartbeat = heartbeat
        self._onion_proxy = onion_proxy
        self._heavy = heavy or threading.BoundedSemaphore(os.cpu_count() or 1)
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Let go of all connections."""
        with self._lock:
            for place in self._places.values():
                place.drop()

    @contextmanager
    def pool(self, credentials: Credentials) -> Iterator[WalletPool]:
        """The wallets there, under the lease.

        Raises ``EndpointBusy``, and what starting a pool raises.
        """
        with self._seized(credentials) as place:
            if place.pool is None:
                place.pool = self._start(credentials, place)
            yield place.pool

    def address_of(self, credentials: Credentials, name: str) -> str:
        """The address that a wallet showed when it was made or opened there."""
        address = Notebook(self._notes(credentials) / "notes").read(name).address
        assert address is not None, "asked only after the wallet was open"
        return address

    def _notes(self, credentials: Credentials) -> Path:
        return self._directory / credentials.place.endpoint

    @contextmanager
    def _seized(self, credentials: Credentials) -> Iterator[_Place]:
        name = credentials.place.endpoint
        place = self._place(name)
        if not place.lock.acquire(timeout=_PATIENCE_SECONDS):
            raise EndpointBusy("It works on its escrows one after the other.")
        try:
            began = boot_seconds()
            lease = queue.seize(endpoint_key(name), at=now(), lease=self._heartbeat.length)
            if lease is None:
                raise EndpointBusy("Another attach process works with it.")
            with self._heartbeat.keeping(lease, began=began) as held:
                place.held = held
                if place.epoch + 1 != lease.epoch:
                    # Somebody else has worked with it since: what we know is no longer so.
                    place.drop()
                place.epoch = lease.epoch
                try:
                    yield place
                finally:
                    place.held = None
                    # If the database is away, the lease runs out by itself.
                    with suppress(DatabaseError):
                        queue.release(lease)
        finally:
            place.lock.release()

    def _place(self, name: str) -> _Place:
        with self._lock:
            place = self._places.setdefault(name, _Place())
            self._places.move_to_end(name)
            for other, kept in list(self._places.items()):
                if len(self._places) <= _POOLS:
                    break
                if kept is not place and kept.lock.acquire(blocking=False):
                    kept.drop()
                    del self._places[other]
            return place

    def _start(self, credentials: Credentials, place: _Place) -> WalletPool:
        def dial(
            url: str, login: Login | None, *, proxy: str | None, timeouts: Timeouts | None
        ) -> CheckedWallet:
            return CheckedWallet(url, login, proxy=proxy, timeouts=timeouts, permit=place.permit)

        pool = WalletPool(
            self._notes(credentials),
            network=self._network,
            node=self._node,
            endpoints=[_endpoint(credentials, self._onion_proxy)],
            # One behind an onion name has cores of its own.
            heavy=nullcontext() if credentials.place.onion else self._heavy,
            timeouts=_timeouts(credentials),
            dial=dial,
        )
        pool.start()
        return pool


def _endpoint(credentials: Credentials, onion_proxy: str | None) -> Endpoint:
    """Where to connect: the address that was checked, and an onion name only through the proxy.

    Raises ``OnionProxyAway``.
    """
    login = Login(credentials.user, credentials.password) if credentials.user else None
    if not credentials.place.onion:
        return Endpoint(credentials.place.url, login)
    if onion_proxy is None:
        raise OnionProxyAway("Set TRIPARTITE_ONION_PROXY for this process, too.")
    return Endpoint(credentials.place.url, login, onion_proxy)


class OnionProxyAway(Unavailable):
    """An onion name was registered, and this attach process has no proxy to reach it."""

    code: ClassVar[str] = "onion_proxy_away"


def _timeouts(credentials: Credentials) -> Timeouts:
    return ONION_TIMEOUTS if credentials.place.onion else TIMEOUTS
