"""The wallets of one agent: every call to a wallet-rpc goes through here.

Callers name a wallet and block until it could be served; any number of threads may call. A slot is
one wallet-rpc with at most one open wallet. The slot that has the wallet open is used, else an idle
one, else the caller waits. Heavy calls (making, opening, key exchange, signing) are limited to the
number of cores: with more at once each of them costs twice the CPU.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Self

from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.wallets import chain, health, key_exchange, signing
from tripartite.agent.wallets.files import WalletFiles
from tripartite.agent.wallets.health import Health
from tripartite.agent.wallets.notes import Notebook, sync
from tripartite.agent.wallets.rack import Rack
from tripartite.agent.wallets.records import (
    BuiltPayout,
    Endpoint,
    Node,
    NodeOfWrongNetwork,
    Sighting,
    SignedPayout,
    WalletRef,
)
from tripartite.agent.wallets.slots import Dial, GivenEndpoint, OwnProcess, Slot
from tripartite.domain.parties import Network
from tripartite.domain.secrets import Secret
from tripartite.monero.connection import Timeouts
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import WalletNotMade, create_wallet_with_cli
from tripartite.monero.signing import SigningWallet
from tripartite.monero.versions import require_supported_node

DEFAULT_SLOTS: Final = 2
_PASSWORD_BYTES: Final = 32
_STOP_SECONDS: Final = 30.0


class WalletPool:
    """The wallets in ``directory``, or those behind ``endpoints``.

    Without ``endpoints`` the pool runs ``slots`` wallet-rpc processes of its own, and starts one
    again that died. With them it only talks to those, which must be for this agent alone: it opens
    and closes wallets there as it needs them. ``heavy`` is shared between several pools in one
    process; ``timeouts`` are those of each wallet-rpc call.
    """

    def __init__(
        self,
        directory: Path,
        *,
        network: Network,
        node: Node,
        slots: int = DEFAULT_SLOTS,
        endpoints: Sequence[Endpoint] = (),
        heavy: AbstractContextManager[object] | None = None,
        timeouts: Timeouts | None = None,
        dial: Dial = SigningWallet,
    ) -> None:
        """Nothing is started yet; the directories are made. ``dial`` connects to endpoints."""
        self._network = network
        self._node_address = node
        self._heavy = heavy or threading.BoundedSemaphore(os.cpu_count() or 1)
        self._files = None if endpoints else WalletFiles(directory)
        self._notebook = Notebook(directory / "notes")
        proxy = None if node.proxy is None else f"socks5h://{node.proxy}"
        self._node = Monerod(node.url, node.login, proxy=proxy)
        backends: list[OwnProcess | GivenEndpoint] = [
            GivenEndpoint(one, timeouts=timeouts, dial=dial) for one in endpoints
        ]
        if self._files is not None:
            backends += [
                OwnProcess(self._files, number, node=node, network=network, timeouts=timeouts)
                for number in range(slots)
            ]
        self._rack = Rack(
            [
                Slot(
                    backend,
                    network=network,
                    files=self._files,
                    notebook=self._notebook,
                    heavy=self._heavy,
                )
                for backend in backends
            ]
        )

    def start(self) -> None:
        """Check node and wallet-rpcs, and start those that are ours.

        Raises NodeOfWrongNetwork, VersionTooOld, ProgramMissing, and what the daemons answer; a
        pool that couldn't start may be started again.
        """
        info = self._node.get_info()
        if info.network is not self._network:
            raise NodeOfWrongNetwork(
                f"The node at {self._node_address.url} is on {info.network.value}: name one on "
                f"{self._network.value}.",
                network=info.network.value,
            )
        require_supported_node(self._network, self._node.get_version(), info)
        slots = self._rack.slots
        try:
            with ThreadPoolExecutor(len(slots)) as workers:
                list(workers.map(Slot.ready, slots))
        except BaseException:
            self._release_processes()
            raise
        self._rack.open_up()

    def stop(self) -> None:
        """Let calls under way finish for a while, then close the wallets and end our processes.

        For good: make another pool to go on.
        """
        self._rack.close(seconds=_STOP_SECONDS)
        self._release_processes()
        self._node.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Wallet files

    def new_ref(self) -> WalletRef:
        """A name and password that nobody can guess. Journal it before ``make``."""
        return WalletRef(secrets.token_hex(16), Secret(secrets.token_urlsafe(_PASSWORD_BYTES)))

    def make(self, ref: WalletRef, *, at_once: bool = False) -> None:
        """Make the wallet.

        Done ahead, it is made lean where possible: its key exchange takes a third of the time.
        ``at_once`` is for when somebody waits for it: the wallet is then made in a slot and stays
        open there. Raises WalletExists, WalletNotMade, DaemonUnreachable: take a new ref then.
        """
        # At an endpoint the wallet asks a node of its own.
        node_since = None if self._files is None else self._node.get_info().started
        if self._files is None or at_once or not self._can_make_lean():
            with self._rack.use(ref.name) as slot:
                slot.create(ref)
        else:
            self._rack.require_open()
            with self._heavy:
                create_wallet_with_cli(
                    self._files.directory,
                    ref.name,
                    ref.password,
                    node_url=self._node_address.url,
                    network=self._network,
                )
        if self._files is not None:
            self._files.make_private(ref.name)
        if node_since is not None:
            self._require_same_node(node_since)

    def prepare_ahead(self) -> WalletRef:
        """``new_ref`` and ``make`` in one, for callers that journal the ref only afterwards."""
        ref = self.new_ref()
        self.make(ref)
        return ref

    def _require_same_node(self, since: int) -> None:
        """A wallet made while its node is away guesses from when to scan, by the clock.

        That is a month early on a public network. On regtest it is far in the future: the wallet
        then never sees money, and ``refresh`` calls that a success (measured with 0.18.0.0).
        Raises WalletNotMade, DaemonUnreachable.
        """
        if self._node.get_info().started != since:
            raise WalletNotMade("The node started anew meanwhile. Another wallet will be made.")

    def warm(self, ref: WalletRef) -> bool:
        """Open the wallet ahead of its use, if there is a slot with nothing to do.

        Never takes the place of a wallet that is in the middle of a key exchange. Returns whether
        it is open now. At most one wallet is kept warm: warming another takes the place of it.
        """
        with self._rack.use_idle(ref.name) as slot:
            if slot is None:
                return False
            slot.hold(ref)
            slot.warm = True
        return True

    def set_aside(self, ref: WalletRef) -> None:
        """Close the wallet and move its files where they are not in the way; nothing is deleted.

        Its files can't be moved when they are at an endpoint that is not ours.
        """
        with self._rack.use(ref.name) as slot:
            slot.ready()
            if slot.wallet == ref.name:
                slot.shut()
            if self._files is not None:
                self._files.set_wallet_aside(ref.name)

    # Key exchange

    def prepare_multisig(self, ref: WalletRef) -> str:
        """The first message of the key exchange. Asking again gives another that fits as well."""
        with self._open(ref) as slot:
            return key_exchange.prepare(slot)

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        """The second message, from the others' first ones. Can't be undone.

        Raises ExchangeMessagesUnsound, WalletAlreadyMultisig, KeyExchangeBadMessage, and
        WalletInDoubt: start the next attempt then.
        """
        with self._open(ref) as slot, slot.heavy:
            return key_exchange.make(slot, ref, infos)

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        """The third message, from the others' second ones; errors as in ``make_multisig``."""
        with self._open(ref) as slot, slot.heavy:
            return key_exchange.exchange(slot, ref, infos)

    def finish(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        """The final address, from the others' third messages; the keys are safe on the disk.

        Errors as in ``make_multisig``, and NotTwoOfThree.
        """
        with self._open(ref) as slot:
            with slot.heavy:
                address = key_exchange.finish(slot, ref, infos, self._network)
            note = self._notebook.path(ref.name)
            if self._files is not None:
                self._files.keep_keys(ref.name, beside=(note,))
            else:
                sync(note)
        return address

    # Deposits

    def deposits(self, ref: WalletRef) -> Sighting:
        """Everything paid to the wallet so far, if a slot has time.

        Raises WalletBehind, DaemonUnreachable, SlotsTaken.
        """
        with self._rack.use_patiently(ref.name) as slot:
            slot.hold(ref)
            slot.warm = False
            return chain.sight(slot, self._node)

    def left_over(self, ref: WalletRef, infos: Sequence[str], *, after: int) -> Sighting:
        """Money that no payout took, of which the last is in block ``after``; errors as above.

        ``infos`` are others' exports (hex).
        """
        with self._rack.use_patiently(ref.name) as slot:
            slot.hold(ref)
            slot.warm = False
            return chain.left_over(slot, self._node, infos, after=after)

    # Payouts

    def export_info(self, ref: WalletRef) -> str:
        """Fresh info (hex) for the other signer; voids the one before. Good for one signature."""
        with self._open(ref) as slot:
            return signing.export_info(slot, ref, self._node)

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout:
        """The transaction set that carries out ``plan``, checked; nothing is sent.

        Needs an ``export_info`` of this wallet before, and uses it up. Raises RoundSpent,
        CosignerBehind, MultisigInfoUnusable, NothingUnlocked, PayoutNotExact, PayoutRefused.
        """
        with self._open(ref) as slot:
            return signing.build(slot, ref, self._node, cosigner_info, plan)

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        """Check the set against ``plan``, sign it, have ``on_signed`` persist it, submit it.

        If ``on_signed`` raises, nothing is submitted. It must not call the pool. If submitting
        fails, the payout was persisted: ``resubmit`` it. Raises PayoutRefused, RoundSpent,
        CosignerBehind, MultisigInfoUnusable, StaleMultisigData, BadTxset, PayoutOvertaken.
        """
        with self._open(ref) as slot:
            return signing.cosign(
                slot,
                ref,
                self._node,
                builder_info=builder_info,
                txset=txset,
                plan=plan,
                on_signed=on_signed,
            )

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str:
        """Send a signed set again; its transaction id. Harmless when it was sent before.

        Raises PayoutOvertaken, SubmitRejected.
        """
        with self._open(ref) as slot:
            return signing.submit(slot, self._node, signed_txset)

    def spent_by(self, ref: WalletRef) -> tuple[str, ...]:
        """The transactions by which the wallet's money went, as far as it can tell.

        A multisig wallet knows the images of its outputs, and so what spends them, only after an
        exchange of multisig data with another signer.
        """
        with self._open(ref) as slot:
            return chain.spent_by(slot, self._node)

    def examine(self, ref: WalletRef, infos: Sequence[str] = ()) -> Health:
        """How fit the wallet is to sign, and what became of its outputs. Its nonces stay as they are.

        ``infos`` are others' exports (hex), for a wallet that takes no part in the signing.
        """
        with self._open(ref) as slot:
            return health.examine(slot, self._node, infos)

    # Slots

    def _release_processes(self) -> None:
        for slot in self._rack.slots:
            slot.release_process()

    @contextmanager
    def _open(self, ref: WalletRef) -> Iterator[Slot]:
        """A slot with the wallet open and verified."""
        with self._rack.use(ref.name) as slot:
            slot.hold(ref)
            slot.warm = False
            yield slot

    def _can_make_lean(self) -> bool:
        """wallet-cli is there, and can reach the node as we call it."""
        node = self._node_address
        return (
            node.login is None
            and node.proxy is None
            and shutil.which("monero-wallet-cli") is not None
        )
