"""Each agent dies at each of its boundaries, once per story: the escrow ends the same way.

What is of paper here is the wallets, the node and the coordinator; the agents, their journals and
their messages are real. The wallets hold their users to Monero's rules: no step of a key exchange
twice, no signature with data exported by another process or used before. ``make faults`` does the
same to real processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.agent.market import (
    Market,
    PaperNode,
    PaperWallets,
    PowerCut,
    Trader,
)
from tests.unit.protocol.trade import ESCROW_ID, KEY_IMAGE, terms
from tripartite.agent.decisions import Decision
from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.ports import Boundary, pass_through
from tripartite.agent.wallets.records import BuiltPayout, SignedPayout, WalletRef
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.monero.errors import StaleMultisigData
from tripartite.monero.monerod import FoundTransactions, KnownTransaction
from tripartite.protocol.envelope import Kind, read_envelope

Stop = Callable[[str], None]


@dataclass
class Network:
    """The one chain that all nodes show."""

    submitted: set[str] = field(default_factory=set)
    confirmations: int = 0


class ExactingWallets(PaperWallets):
    """Wallets that hold their users to Monero's rules, and can be died at."""

    def __init__(self, stop: Stop, network: Network) -> None:
        super().__init__()
        self.stop = stop
        self.network = network
        self.exchanged: dict[str, list[str]] = {}
        self.exports: dict[str, int] = {}
        self.fresh: set[str] = set()
        self.signed: list[str] = []

    def die(self) -> None:
        """Reopened wallets must export anew before they sign."""
        self.fresh.clear()

    def make_multisig(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        return self._once(ref, "make", super().make_multisig, infos)

    def exchange(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        return self._once(ref, "exchange", super().exchange, infos)

    def finish(self, ref: WalletRef, infos: tuple[str, str]) -> str:
        return self._once(ref, "finish", super().finish, infos)

    def export_info(self, ref: WalletRef) -> str:
        self.stop("before export")
        self.exports[ref.name] = self.exports.get(ref.name, 0) + 1
        self.fresh.add(ref.name)
        self.stop("after export")
        return f"{self.exports[ref.name]:04x}"

    def build(self, ref: WalletRef, cosigner_info: str, plan: PayoutPlan) -> BuiltPayout:
        self._use_up(ref)
        return BuiltPayout(f"{cosigner_info}{self.exports[ref.name]:04x}", (KEY_IMAGE,))

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        self._use_up(ref)
        if txset != f"{self.exports[ref.name]:04x}{builder_info}":
            raise StaleMultisigData("Export afresh.")
        txid = f"{len(self.signed) + 1:064x}"
        self.signed.append(txid)
        self.stop("after sign")
        on_signed(SignedPayout(txid, txid, 30))
        self.resubmit(ref, txid)
        return SignedPayout(txid, txid, 30, "dd")

    def resubmit(self, ref: WalletRef, signed_txset: str) -> str:
        self.network.submitted.add(signed_txset)
        self.stop("after submit")
        return signed_txset

    def spent_by(self, ref: WalletRef) -> tuple[str, ...]:
        return tuple(self.network.submitted) if self.network.confirmations else ()

    def _once(
        self,
        ref: WalletRef,
        name: str,
        call: Callable[[WalletRef, tuple[str, str]], str],
        infos: tuple[str, str],
    ) -> str:
        done = self.exchanged.setdefault(ref.name, [])
        assert done == ["make", "exchange", "finish"][: len(done)]
        assert name not in done, "a step of a key exchange can't be repeated"
        done.append(name)
        return call(ref, infos)

    def _use_up(self, ref: WalletRef) -> None:
        assert ref.name in self.fresh, "an export is good for one signature of one process"
        self.stop("before signing")
        self.fresh.remove(ref.name)


@dataclass
class SharedNode(PaperNode):
    """A node that knows what was submitted."""

    network: Network = field(default_factory=Network)

    def get_transactions(self, txids: Sequence[str], *, prune: bool = False) -> FoundTransactions:
        found = tuple(
            KnownTransaction(one, False, 130, self.network.confirmations, False, "dd", (KEY_IMAGE,))
            for one in txids
            if one in self.network.submitted
        )
        return FoundTransactions(found, tuple(set(txids) - self.network.submitted))


class Story:
    """One escrow from the proposal to the payout's tenth confirmation; one agent may die once."""

    def __init__(self, directory: Path, victim: Role, dies_at: int | None) -> None:
        self.market = Market(directory)
        self.network = Network()
        self.victim = victim
        self.dies_at = dies_at
        self.passed: list[str] = []
        self.died = False
        for trader in self.market.traders.values():
            stop = self._stop if trader.role is victim else lambda _: None
            trader.wallets = ExactingWallets(stop, self.network)
            trader.node = SharedNode(network=self.network)
            trader.put_together("run-1")
            trader.at = self._at_boundary if trader.role is victim else pass_through

    def tell(self) -> None:
        market = self.market
        market.propose()
        self._settle()
        for trader in (market.vendor, market.arbiter):
            trader.decide(Decision.ACCEPT)
        self._settle()
        for trader in market.traders.values():
            trader.wallets.deposit(terms().amount_due)
        self._settle()
        market.buyer.decide(Decision.RELEASE)
        self._settle()
        self.network.confirmations = 10
        self._settle()

    def close(self) -> None:
        for trader in self.market.traders.values():
            trader.opened.journal.close()

    def _at_boundary(self, boundary: Boundary) -> None:
        self._stop(f"at {boundary.value}")

    def _stop(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self.dies_at:
            raise PowerCut

    def _settle(self) -> None:
        """Until nothing moves; whoever dies is started again."""
        before = -1
        while before != len(self.market.coordinator.received):
            before = len(self.market.coordinator.received)
            for trader in self.market.traders.values():
                # Long enough for whoever rests after a refusal.
                trader.seconds += 1_000
                try:
                    trader.hear()
                    trader.work()
                except PowerCut:
                    self._revive(trader)
                    before = -1

    def _revive(self, trader: Trader) -> None:
        self.died = True
        assert isinstance(trader.wallets, ExactingWallets)
        trader.wallets.die()
        at = trader.at
        trader.restart()
        trader.at = at


# As many as an agent passes in a story without a death; ``test_no_boundary_is_left_out`` counts.
BOUNDARIES = {Role.BUYER: 41, Role.VENDOR: 41, Role.ARBITER: 24}


@pytest.mark.parametrize("role", list(Role))
def test_no_boundary_is_left_out(tmp_path: Path, role: Role) -> None:
    story = Story(tmp_path, role, None)
    story.tell()
    story.close()

    assert len(story.passed) == BOUNDARIES[role], story.passed


@pytest.mark.parametrize(
    ("role", "at"), [(role, at) for role, count in BOUNDARIES.items() for at in range(count)]
)
def test_an_agent_may_die_anywhere(tmp_path: Path, role: Role, at: int) -> None:
    story = Story(tmp_path, role, at)

    story.tell()

    assert story.died
    texts = [read_envelope(text) for text in story.market.coordinator.texts[ESCROW_ID]]
    broadcasts = {one.body["txid"] for one in texts if one.kind is Kind.PAYOUT_BROADCAST}
    assert broadcasts == story.network.submitted
    assert len(story.network.submitted) == 1, "paid once, and not twice"
    assert story.market.record.attempt <= 2
    for trader in story.market.traders.values():
        assert trader.case.frozen is None
        assert trader.case.record.state is State.COMPLETED
    story.close()
