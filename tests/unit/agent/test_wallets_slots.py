"""Slots and the rack that hands them out, over a wallet-rpc that behaves as badly as the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.unit.agent.plans import ADDRESSES, STRANGER
from tripartite.agent.wallets import key_exchange
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.notes import Note, Notebook
from tripartite.agent.wallets.rack import Rack
from tripartite.agent.wallets.records import (
    ExchangeMessagesUnsound,
    PoolStopped,
    SlotsTaken,
    WalletInDoubt,
    WalletRef,
    WrongWalletOpen,
)
from tripartite.agent.wallets.slots import Slot
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.errors import (
    KeyExchangeBadMessage,
    NoWalletOpen,
    RpcTimedOut,
    RpcUnreachable,
    WalletCannotOpen,
)
from tripartite.monero.signing import ExchangeStep, SigningWallet
from tripartite.monero.wallet_results import MultisigStatus, WalletVersion

A, B = (WalletRef(name, Secret("x")) for name in ("a", "b"))
FIRST = ("MultisigxV2R1" + "1" * 176, "MultisigxV2R1" + "2" * 176)
LATER = ("MultisigxV2Rn" + "1" * 223, "MultisigxV2Rn" + "2" * 223)


class FakeWallet(SigningWallet):
    """One open wallet; a failed open leaves the former one open; calls are counted."""

    def __init__(self, files: dict[str, str]) -> None:
        super().__init__("http://127.0.0.1:1", None)
        self.files = files
        self.open: str | None = None
        self.calls: list[str] = []
        self.lose: str | None = None
        self.ended_before: str | None = None
        self.refuse: str | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.lose == name:
            self.lose = None
            raise RpcTimedOut("lost", method=name)
        if self.ended_before == name:
            raise RpcUnreachable("ended", method=name)

    def get_version(self) -> WalletVersion:
        return WalletVersion(1, 25, release=True)

    def open_wallet(self, name: str, password: Secret) -> None:
        if name not in self.files:
            self._called("open_wallet")
            raise WalletCannotOpen("no such wallet")
        self.open = name
        self._called("open_wallet")

    def close_wallet(self) -> None:
        self._called("close_wallet")
        if self.open is None:
            raise NoWalletOpen("none")
        self.open = None

    def auto_refresh(self, *, enable: bool) -> None:
        assert not enable

    def get_address(self) -> str:
        self._called("get_address")
        assert self.open is not None
        return self.files[self.open]

    def store(self) -> None:
        self._called("store")

    def prepare_multisig(self) -> Secret:
        self._called("prepare_multisig")
        return Secret("MultisigxV2R1" + "3" * 176)

    def make_multisig(
        self, messages: object, password: Secret, *, threshold: int = 2
    ) -> ExchangeStep:
        self._called("make_multisig")
        if self.refuse == "make_multisig":
            raise KeyExchangeBadMessage("no")
        return ExchangeStep(LATER[0], STRANGER)

    def exchange_multisig_keys(self, messages: object, password: Secret) -> ExchangeStep:
        self._called("exchange_multisig_keys")
        return ExchangeStep(LATER[0], STRANGER)

    def is_multisig(self) -> MultisigStatus:
        self._called("is_multisig")
        return MultisigStatus(multisig=True, ready=True, threshold=2, total=3)


class FakeBackend:
    """A process that can end, and starts again with nothing open."""

    exclusive = True

    def __init__(self, files: dict[str, str]) -> None:
        self.wallet = FakeWallet(files)
        self.alive = False
        self.starts = 0

    def running(self) -> bool:
        return self.alive

    def connect(self) -> SigningWallet:
        self.wallet.open = None
        self.alive = True
        self.starts += 1
        return self.wallet

    def stop(self) -> None:
        self.alive = False


@pytest.fixture
def files() -> dict[str, str]:
    first, second, *_ = ADDRESSES.values()
    return {"a": first, "b": second}


@pytest.fixture
def backend(files: dict[str, str]) -> Iterator[FakeBackend]:
    one = FakeBackend(files)
    yield one
    one.wallet.close()


def slot_of(backend: FakeBackend, directory: Path) -> Slot:
    return Slot(
        backend,
        network=Network.REGTEST,
        files=WalletFiles(directory),
        notebook=Notebook(directory / "notes"),
        heavy=nullcontext(),
    )


@pytest.fixture
def slot(backend: FakeBackend, tmp_path: Path) -> Slot:
    return slot_of(backend, tmp_path)


def test_a_wallet_that_is_open_costs_no_further_call(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    calls = list(backend.wallet.calls)
    slot.hold(A)
    assert backend.wallet.calls == calls == ["open_wallet", "get_address"]


def test_the_former_wallet_is_closed_before_another_is_opened(
    slot: Slot, backend: FakeBackend
) -> None:
    slot.hold(A)
    with pytest.raises(WalletCannotOpen):
        slot.hold(WalletRef("missing", Secret("x")))
    assert backend.wallet.open is None
    slot.hold(B)
    assert backend.wallet.open == "b"


def test_another_address_than_the_noted_one_is_refused(
    slot: Slot, backend: FakeBackend, files: dict[str, str]
) -> None:
    slot.hold(A)
    slot.hold(B)
    files["a"] = files["b"]
    with pytest.raises(WrongWalletOpen):
        slot.hold(A)
    assert slot.wallet is None
    slot.hold(B)
    assert backend.wallet.calls.count("close_wallet") == 3


def test_after_a_lost_answer_the_wallet_is_opened_again(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    slot.distrust()
    slot.hold(A)
    assert backend.wallet.calls.count("open_wallet") == 2
    assert backend.starts == 1


def test_a_process_that_ended_is_started_again(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    backend.alive = False
    slot.hold(A)
    assert backend.starts == 2
    assert backend.wallet.open == "a"


def test_make_after_a_reopening_prepares_again(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    key_exchange.prepare(slot)
    slot.hold(B)
    slot.hold(A)
    backend.wallet.calls.clear()
    key_exchange.make(slot, A, FIRST)
    assert backend.wallet.calls == ["prepare_multisig", "make_multisig"]


def test_a_lost_answer_to_make_puts_the_wallet_in_doubt(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    backend.wallet.lose = "make_multisig"
    with pytest.raises(WalletInDoubt):
        key_exchange.make(slot, A, FIRST)
    assert slot.wallet is None
    assert slot.notebook.read("a").changing


def test_a_wallet_that_ended_after_its_keys_changed_is_in_doubt(
    slot: Slot, backend: FakeBackend
) -> None:
    """It can't be reached any more, but it has heard: asked again, it would be in another round."""
    slot.hold(A)
    backend.wallet.ended_before = "store"
    with pytest.raises(WalletInDoubt):
        key_exchange.exchange(slot, A, LATER)
    assert slot.notebook.read("a").changing

    backend.wallet.ended_before = None
    slot.hold(A)
    backend.wallet.ended_before = "is_multisig"
    with pytest.raises(WalletInDoubt):
        key_exchange.finish(slot, A, LATER, Network.REGTEST)


def test_a_wallet_that_ended_before_it_heard_may_be_asked_again(
    slot: Slot, backend: FakeBackend
) -> None:
    slot.hold(A)
    before = slot.notebook.read("a")
    backend.wallet.ended_before = "exchange_multisig_keys"
    with pytest.raises(RpcUnreachable):
        key_exchange.exchange(slot, A, LATER)
    assert slot.notebook.read("a") == before


def test_a_refused_make_leaves_the_note_as_it_was(slot: Slot, backend: FakeBackend) -> None:
    slot.hold(A)
    before = slot.notebook.read("a")
    backend.wallet.refuse = "make_multisig"
    with pytest.raises(KeyExchangeBadMessage):
        key_exchange.make(slot, A, FIRST)
    assert slot.notebook.read("a") == before != Note()


@pytest.mark.parametrize(
    "infos",
    [
        pytest.param((FIRST[0], FIRST[0]), id="twice"),
        pytest.param((FIRST[0], LATER[0]), id="another round"),
        pytest.param((FIRST[0], ""), id="empty"),
        pytest.param((FIRST[0], FIRST[1] + "0"), id="not base58"),
        pytest.param((FIRST[0], FIRST[1] + "1" * 5000), id="too long"),
        pytest.param((FIRST[0],), id="too few"),
        pytest.param((*FIRST, "MultisigxV2R1" + "5" * 176), id="too many"),
    ],
)
def test_unsound_messages_never_reach_the_wallet(
    slot: Slot, backend: FakeBackend, infos: tuple[str, str]
) -> None:
    slot.hold(A)
    with pytest.raises(ExchangeMessagesUnsound):
        key_exchange.make(slot, A, infos)
    assert "make_multisig" not in backend.wallet.calls


class Racks:
    """A rack of two slots."""

    def __init__(self, files: dict[str, str], directory: Path) -> None:
        self.backends = [FakeBackend(files), FakeBackend(files)]
        self.rack = Rack([slot_of(backend, directory) for backend in self.backends])
        self.rack.open_up()


@pytest.fixture
def racks(files: dict[str, str], tmp_path: Path) -> Iterator[Racks]:
    one = Racks(files, tmp_path)
    yield one
    for backend in one.backends:
        backend.wallet.close()


def test_each_wallet_goes_back_to_the_slot_that_has_it(racks: Racks) -> None:
    with racks.rack.use("a") as first:
        first.hold(A)
        with racks.rack.use("b") as second:
            assert second is not first
            second.hold(B)
    with racks.rack.use("b") as again:
        assert again is second
    with racks.rack.use("a") as again:
        assert again is first


def test_a_caller_waits_for_the_slot_that_has_the_wallet(racks: Racks) -> None:
    """Though another one is idle: one wallet is never open in two processes."""
    served: list[Slot] = []

    def ask() -> None:
        with racks.rack.use("a") as slot:
            served.append(slot)

    with racks.rack.use("a") as mine:
        mine.hold(A)
        other = threading.Thread(target=ask)
        other.start()
        other.join(0.05)
        assert served == []
    other.join(5)
    assert served == [mine]


@pytest.mark.parametrize(
    ("error", "trusted"),
    [(WalletCannotOpen("a clear no"), True), (RpcTimedOut("lost"), False), (SystemExit(), False)],
    ids=["refused", "lost", "interrupted"],
)
def test_a_slot_is_distrusted_when_an_answer_is_missing(
    racks: Racks, error: BaseException, trusted: bool
) -> None:
    used: list[Slot] = []

    def fail() -> None:
        with racks.rack.use("a") as slot:
            slot.hold(A)
            used.append(slot)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert (used[0].wallet == "a") is trusted
    with racks.rack.use("a") as again:
        assert again is used[0], "it may still be open there"


def test_warming_takes_no_slot_in_the_middle_of_a_key_exchange(racks: Racks) -> None:
    for ref in (A, B):
        with racks.rack.use(ref.name) as slot:
            slot.hold(ref)
            slot.begin_ceremony()
    with racks.rack.use_idle("c") as none:
        assert none is None
    with racks.rack.use("c") as slot:
        assert slot.wallet in {"a", "b"}, "who really needs a slot gets one"


def test_a_look_never_waits_and_never_disturbs_a_key_exchange(racks: Racks) -> None:
    for ref in (A, B):
        with racks.rack.use(ref.name) as slot:
            slot.hold(ref)
            slot.begin_ceremony()
    with pytest.raises(SlotsTaken), racks.rack.use_patiently("c"):
        pass
    with racks.rack.use_patiently("a") as slot:
        assert slot.wallet == "a", "its own slot is free to it"
        with pytest.raises(SlotsTaken), racks.rack.use_patiently("a"):
            pass
    with racks.rack.use("b") as slot:
        slot.end_ceremony()
    with racks.rack.use_patiently("c") as slot:
        assert slot.wallet == "b"


def test_a_closed_rack_lets_nobody_in(racks: Racks) -> None:
    racks.rack.close(seconds=1)
    with pytest.raises(PoolStopped), racks.rack.use("a"):
        pass
