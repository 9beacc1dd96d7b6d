"""What the engine asks of the world, as narrow ports. Tests hand in fakes of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.wallets.health import Health
from tripartite.agent.wallets.records import BuiltPayout, Sighting, SignedPayout, WalletRef
from tripartite.domain.parties import Role
from tripartite.monero.monerod import FoundTransactions, KeyImageStatus, Submission


class Boundary(StrEnum):
    """The places between which a step is whole. Whatever happens at one, nothing is lost."""

    MARKED = "marked"
    """The journal says that a step which can't be repeated has begun; the wallet hasn't heard."""
    WALLET_ANSWERED = "wallet_answered"
    """The wallet has done it; the journal doesn't know yet."""
    JOURNALED = "journaled"
    """The message is in the journal; nobody has heard it."""
    SENT = "sent"
    """The coordinator has answered; the journal doesn't know yet."""
    FOLDED = "folded"
    """The answer is in the journal, and the record has moved on."""
    SIGNED = "signed"
    """A signed payout is in the journal; it hasn't been submitted."""


AtBoundary = Callable[[Boundary], None]


def pass_through(_: Boundary) -> None:
    """Nothing happens at a boundary."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the coordinator put a message, counted from 1 in each escrow."""

    position: int


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A message as the coordinator forwards it; not yet believed."""

    escrow_id: str
    position: int
    text: str


class Coordinator(Protocol):
    """The mailbox.

    Sending raises ``MessageRefused`` when the coordinator said no, and an ``Unavailable`` when it
    is unknown whether it heard us: then the same text is sent again.
    """

    def propose(self, text: str) -> Placed: ...

    def post(self, escrow_id: str, text: str) -> Placed: ...

    def messages(self, escrow_id: str, *, after: int) -> Sequence[Forwarded]: ...

    def names(self, escrow_id: str) -> Mapping[Role, str]: ...


class Wallets(Protocol):
    """The pool of wallet-rpc processes: the right wallet is open and verified in every call."""

    def new_ref(self) -> WalletRef: ...

    def make(self, ref: WalletRef, *, at_once: bool = False) -> None: ...

    def warm(self, ref: WalletRef) -> bool: ...

    def prepare_multisig(self, ref: WalletRef) -> str: ...

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str: ...

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str: ...

    def finish(self, ref: WalletRef, infos: tuple[str, str]) -> str: ...

    def deposits(self, ref: WalletRef) -> Sighting: ...

    def left_over(self, ref: WalletRef, infos: Sequence[str], *, after: int) -> Sighting: ...

    def export_info(self, ref: WalletRef) -> str: ...

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout: ...

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout: ...

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str: ...

    def spent_by(self, ref: WalletRef) -> tuple[str, ...]: ...

    def examine(self, ref: WalletRef, infos: Sequence[str] = ()) -> Health: ...


class Node(Protocol):
    """The party's own Monero node; ``monero.monerod.Monerod`` is one."""

    def get_transactions(
        self, txids: Sequence[str], *, prune: bool = False
    ) -> FoundTransactions: ...

    def send_raw_transaction(self, blob: str) -> Submission: ...

    def is_key_image_spent(self, key_images: Sequence[str]) -> tuple[KeyImageStatus, ...]: ...
