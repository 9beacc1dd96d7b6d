"""Stories about leases that are kept alive, and wallets that are never mistaken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections

from tripartite.attach.endpoints import CheckedWallet, EndpointLost, WalletSwitched
from tripartite.attach.leases import Heartbeat, Held, boot_seconds
from tripartite.coordinator.storing import now
from tripartite.coordinator.work import queue
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import LeaseLost
from tripartite.domain.secrets import Secret
from tripartite.monero.answers import Answer
from tripartite.monero.errors import NoWalletOpen

SHORT = timedelta(seconds=0.4)


class Daemon:
    """A wallet-rpc of paper: which wallet is open, and what it was asked to do with it."""

    def __init__(self) -> None:
        self.open: str | None = None
        self.done: list[tuple[str, str | None]] = []

    def call(self, method: str, params: dict[str, object], *, heavy: bool = False) -> Answer:
        if method == "get_address":
            if self.open is None:
                raise NoWalletOpen("Open one.")
            return Answer.of(method, {"address": f"address of {self.open}"})
        if method == "open_wallet":
            self.open = str(params["filename"])
        elif method == "close_wallet":
            self.open = None
        elif method == "make_multisig":
            self.open = f"multisig {self.open}"
        self.done.append((method, self.open))
        return Answer.of(method, {"multisig_info": "x", "address": "y"})

    def close(self) -> None:
        """Nothing to let go of."""


def checked(daemon: Daemon, *, allowed: bool = True) -> CheckedWallet:
    def permit() -> None:
        if not allowed:
            raise LeaseLost("Gone.")

    wallet = CheckedWallet("http://127.0.0.1:1", None, proxy=None, timeouts=None, permit=permit)
    wallet.close()
    wallet._channel = daemon  # type: ignore[assignment]  # paper instead of a connection
    return wallet


def test_a_wallet_that_somebody_else_opened_is_never_touched() -> None:
    daemon = Daemon()
    wallet = checked(daemon)
    wallet.open_wallet("mine", Secret("x"))
    wallet.store()

    daemon.open = "another's"

    with pytest.raises(WalletSwitched):
        wallet.store()
    with pytest.raises(WalletSwitched):
        wallet.make_multisig([], Secret("x"))
    daemon.open = None
    with pytest.raises(WalletSwitched):
        wallet.sign_multisig("00")
    assert daemon.done == [("open_wallet", "mine"), ("store", "mine")]


def test_a_wallet_whose_keys_changed_is_known_by_its_new_address() -> None:
    daemon = Daemon()
    wallet = checked(daemon)
    wallet.open_wallet("mine", Secret("x"))

    wallet.make_multisig([], Secret("x"))
    wallet.store()

    assert daemon.done[-1] == ("store", "multisig mine")


def test_without_the_lease_nothing_is_sent() -> None:
    daemon = Daemon()
    wallet = checked(daemon, allowed=False)

    with pytest.raises(EndpointLost):
        wallet.open_wallet("mine", Secret("x"))

    assert daemon.done == []


@pytest.fixture
def heartbeat(database: str) -> Iterator[Heartbeat]:
    one = Heartbeat(SHORT)
    one.start()
    yield one
    one.stop()
    connections.close_all()


def test_a_lease_lives_as_long_as_its_holder_works(heartbeat: Heartbeat) -> None:
    began = boot_seconds()
    lease = queue.seize("endpoint:1", at=now(), lease=SHORT)
    assert lease is not None
    first = WorkItem.objects.get(key="endpoint:1").lease_until
    assert first is not None
    with heartbeat.keeping(lease, began=began):
        renewed = threading.Event()
        for _ in range(200):
            until = WorkItem.objects.get(key="endpoint:1").lease_until
            if until is not None and until > first + SHORT:
                renewed.set()
                break
            renewed.wait(0.05)

    assert renewed.is_set()


def test_who_was_away_for_longer_than_the_lease_holds_nothing(database: str) -> None:
    lease = queue.seize("endpoint:1", at=now(), lease=SHORT)
    assert lease is not None

    held = Held(lease, length=SHORT, began=boot_seconds() - SHORT.total_seconds())

    with pytest.raises(LeaseLost):
        held.require()


def test_the_holder_gives_up_before_another_may_begin(database: str) -> None:
    """The table's lease still has a tenth to run: its holder doesn't count on it any more."""
    lease = queue.seize("endpoint:1", at=now(), lease=SHORT)
    assert lease is not None

    held = Held(lease, length=SHORT, began=boot_seconds() - 0.9 * SHORT.total_seconds())

    with pytest.raises(LeaseLost):
        held.require()
