"""A malicious party: one of our own agents, with its own true keys, whose wallets play tricks.

It runs in this process, in the home of the party whose agent was stopped; its identity, its wallets
and its signatures are the real ones, and what it builds, its real wallet-rpc builds. So the honest
agents see what a thief with one of the three keys could really send them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from tripartite.agent.desk import Desk, Pace
from tripartite.agent.engine import Engine
from tripartite.agent.home import open_home
from tripartite.agent.journal import StoredCase
from tripartite.agent.party import Party as Agent
from tripartite.agent.party import RunOptions
from tripartite.agent.payouts import PRIORITY, PayoutPlan, expected
from tripartite.agent.ports import Wallets
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.speaking import Say
from tripartite.agent.wallets import signing
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import BuiltPayout, Node, SignedPayout, WalletRef
from tripartite.agent.wallets.slots import Slot
from tripartite.devnet.deals import Deal
from tripartite.devnet.party import Party
from tripartite.domain.key_exchange import Round
from tripartite.monero.errors import NotEnoughMoney, NothingUnlocked
from tripartite.monero.monerod import Monerod
from tripartite.monero.signing import Built
from tripartite.monero.wallet_results import Recipient
from tripartite.protocol.bodies import write_txset
from tripartite.protocol.canonical import Json
from tripartite.protocol.envelope import Kind, write_envelope
from tripartite.protocol.record import PAYOUT_TXSET_ROUND, transcript

_ROUNDS = 12


@dataclass
class Bench:
    """What a thief has at hand when it is its turn to build: an open wallet that can spend."""

    slot: Slot
    plan: PayoutPlan
    balance: int
    fee: int
    """What an honest payout would cost, in piconero."""

    def due(self, fee: int) -> dict[str, int]:
        """Who should get what."""
        return expected(self.plan, self.balance, fee)

    def transfer(
        self,
        recipients: Callable[[int], Sequence[tuple[str, int]]],
        *,
        priority: int = PRIORITY,
        unlock_time: int = 0,
    ) -> str:
        """A transaction that leaves nothing behind; ``recipients`` are asked for, given a fee."""
        fee = self.fee
        for _ in range(_ROUNDS):
            paid = recipients(fee)
            try:
                built = self.once(paid, priority=priority, unlock_time=unlock_time)
            except (NotEnoughMoney, NothingUnlocked):
                fee *= 3
                continue
            if built.fees == (fee,):
                return built.txset
            (fee,) = built.fees
        raise AssertionError("the wallet's fee never settled")

    def once(
        self, paid: Sequence[tuple[str, int]], *, priority: int = PRIORITY, unlock_time: int = 0
    ) -> Built:
        """Whatever comes out, change included."""
        return self.slot.rpc.transfer(
            [Recipient(address, amount) for address, amount in paid],
            priority=priority,
            unlock_time=unlock_time,
            do_not_relay=True,
        )

    def call(self, method: str, **params: object) -> str:
        """Something that our own client has no use for, and so refuses to say; the set it made."""
        self.slot.rpc._channel._methods |= {method}
        return self.slot.rpc._call(method, heavy=True, **params).text("multisig_txset")


Build = Callable[[Bench], str]
Cosign = Callable[[str], SignedPayout]
"""From the set that came to what is said to have become of it."""
Twist = Callable[[str], str]
"""From what a wallet truly gave for the others to another text."""


class EvilWallets:
    """The true wallets, except where a trick is set."""

    def __init__(self, pool: WalletPool) -> None:
        self._pool = pool
        self.build_trick: Build | None = None
        self.cosign_trick: Cosign | None = None
        self.export_trick: Twist | None = None
        self.twists: dict[str, Twist] = {}
        self.last_words: dict[str, str] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout:
        trick = self.build_trick
        if trick is None:
            return self._pool.build(ref, cosigner_info, plan)
        with self._pool._open(ref) as slot:
            purse = signing._take_in(slot, self._pool._node, cosigner_info, plan)
            txset = trick(Bench(slot, plan, purse.balance, purse.estimate))
            return BuiltPayout(txset, purse.key_images)

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        trick = self.cosign_trick
        if trick is None:
            return self._pool.cosign(ref, builder_info, txset, plan, on_signed)
        claimed = trick(txset)
        on_signed(claimed)
        return claimed

    def export_info(self, ref: WalletRef) -> str:
        info = self._pool.export_info(ref)
        return info if self.export_trick is None else self.export_trick(info)

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str:
        return "" if self.cosign_trick is not None else self._pool.resubmit(ref, signed_txset)

    def prepare_multisig(self, ref: WalletRef) -> str:
        return self._twisted("prepare_multisig", self._pool.prepare_multisig(ref))

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        return self._twisted("make_multisig", self._pool.make_multisig(ref, infos))

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        return self._twisted("exchange", self._pool.exchange(ref, infos))

    def _twisted(self, step: str, words: str) -> str:
        self.last_words[step] = words
        twist = self.twists.pop(step, None)
        return words if twist is None else twist(words)


class OneTongue(Reconciler):
    """What a story has it say out of turn waits until it has said what it was about to say."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.turn = threading.Lock()

    def reconcile(self, escrow_id: str) -> float | None:
        with self.turn:
            return super().reconcile(escrow_id)


class EvilAgent(Agent):
    """A whole agent around the evil wallets."""

    wallets: EvilWallets
    tongue: OneTongue

    def _make_engine(self, pool: WalletPool, node: Monerod, client: object) -> Engine:
        honest = super()._make_engine(pool, node, client)  # type: ignore[arg-type]  # passed through
        self.wallets = EvilWallets(pool)
        # What it doesn't lie about, the pool answers.
        desk = replace(honest.desk, wallets=cast("Wallets", self.wallets))
        self.tongue = OneTongue(desk)
        return Engine(desk, self.tongue, honest.scheduler, honest.preparing)

    def restart_payout(self, deal: Deal) -> None:
        """Throw the present payout attempt away, as any signer may.

        Whoever else does so at that moment gets the same: a new attempt.
        """
        with self.tongue.turn:
            speaker, attempt = self.tongue._speaker, self.payout_attempt(deal)
            say = Say(Kind.PAYOUT_RESTART, {"reason": "once_more"}, attempt)
            speaker.deliver(speaker.write(self._case(deal), say))
        self.engine.scheduler.wake({deal.escrow_id})

    def payout_attempt(self, deal: Deal) -> int:
        """Which attempt its record stands at."""
        payout = self._case(deal).record.payout
        assert payout is not None
        return payout.attempt

    def has_sent_payout(self, deal: Deal) -> bool:
        """Whether it has built one in the present attempt, and said so."""
        payout = self._case(deal).record.payout
        return payout is not None and (PAYOUT_TXSET_ROUND, payout.builder) in payout.said

    def contradicts(self, deal: Deal) -> str:
        """Another payout in a round that has one, truly signed; nobody has heard it."""
        case, attempt = self._case(deal), self.payout_attempt(deal)
        body = self.engine.desk.seal(
            case,
            Kind.PAYOUT_TXSET,
            "txset",
            secrets.token_hex(64),
            attempt=attempt,
            round_=PAYOUT_TXSET_ROUND,
        )
        promised = write_txset(body, [secrets.token_hex(32)])
        return self._signs(case, Kind.PAYOUT_TXSET, promised, attempt, PAYOUT_TXSET_ROUND)

    def attests(self, deal: Deal, address: str) -> str:
        """A true signature under another address; nobody has heard it."""
        case = self._case(deal)
        body: dict[str, Json] = {"address": address, "transcript": transcript(case.record)}
        return self._signs(case, Kind.ATTEST, body, case.record.attempt, Round.ATTEST)

    def _case(self, deal: Deal) -> StoredCase:
        case = self.engine.desk.cases.get(deal.escrow_id)
        assert case is not None
        return case

    def _signs(
        self, case: StoredCase, kind: Kind, body: dict[str, Json], attempt: int, round_: int
    ) -> str:
        head = case.record.heads[case.role]
        return write_envelope(
            self.engine.desk.identity,
            escrow_id=case.escrow_id,
            contract_id=case.record.contract_id,
            role=case.role,
            kind=kind,
            # Numbers may skip: whatever else it says meanwhile has another one.
            seq=head.seq + 100,
            prev=head.digest,
            body=body,
            attempt=attempt,
            round_=round_,
        )


@contextmanager
def evil_agent(party: Party, node_url: str) -> Iterator[EvilAgent]:
    """Take the place of a party's agent until the block ends; who needs that one starts it."""
    party.stop()
    opened = open_home(party.home)
    options = RunOptions(
        node=Node(node_url),
        proxy=opened.journal.setting("proxy"),
        pace=Pace(watching=1.0, guarding=20.0, confirming=0.5, prepared_wallets=1),
    )
    try:
        agent = EvilAgent(opened, options)
        with agent:
            yield agent
    finally:
        opened.journal.close()
