"""What the doctor finds on real daemons, and what heals by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from tests.functional.kit.market import Market
from tests.functional.test_offline_stories import machine_of
from tripartite.agent.coordinator_client import CoordinatorClient
from tripartite.agent.desk import Pace
from tripartite.agent.engine import Engine
from tripartite.agent.home import open_home
from tripartite.agent.party import Party as Agent
from tripartite.agent.party import RunOptions
from tripartite.agent.payouts import PayoutPlan
from tripartite.agent.ports import Wallets
from tripartite.agent.reconciling import Reconciler
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import Node, SignedPayout, WalletRef
from tripartite.devnet.party import Party
from tripartite.domain.parties import Role
from tripartite.monero.monerod import Monerod
from tripartite.monero.processes import MonerodProcess

Accident = Callable[[WalletPool, WalletRef], None]


class AccidentProne:
    """The true wallets; once, something happens to them before they sign."""

    def __init__(self, pool: WalletPool) -> None:
        self._pool = pool
        self.before: Accident | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)

    def cosign(
        self,
        ref: WalletRef,
        builder_info: str,
        txset: str,
        plan: PayoutPlan,
        on_signed: Callable[[SignedPayout], None],
    ) -> SignedPayout:
        before, self.before = self.before, None
        if before is not None:
            before(self._pool, ref)
        return self._pool.cosign(ref, builder_info, txset, plan, on_signed)


class WatchedAgent(Agent):
    """A whole agent around wallets to which accidents happen."""

    wallets: AccidentProne

    def _make_engine(self, pool: WalletPool, node: Monerod, client: CoordinatorClient) -> Engine:
        engine = super()._make_engine(pool, node, client)
        self.wallets = AccidentProne(pool)
        desk = replace(engine.desk, wallets=cast("Wallets", self.wallets))
        doctor = engine.reconciler._doctor
        return Engine(desk, Reconciler(desk, doctor=doctor), engine.scheduler, engine.preparing)


@contextmanager
def watched(party: Party, node_url: str) -> Iterator[WatchedAgent]:
    """Take the place of a party's agent until the block ends."""
    party.stop()
    opened = open_home(party.home)
    options = RunOptions(
        node=Node(node_url), pace=Pace(watching=0.5, guarding=5, confirming=0.5, pulse=0.5)
    )
    try:
        agent = WatchedAgent(opened, options)
        with agent:
            yield agent
    finally:
        opened.journal.close()
        party.start()


def test_data_that_went_stale_under_a_signer_is_found_and_the_round_begins_anew(
    market: Market,
) -> None:
    """Somebody exports from the vendor's wallet by hand: Monero refuses to sign what was built."""
    deal = market.funded_deal()
    with watched(market.vendor, market.devnet.chain.url) as vendor:
        vendor.wallets.before = lambda pool, ref: cast("None", pool.export_info(ref))
        deal.buyer.release()
        deal.until(lambda: "stale_multisig_data" in deal.vendor.alarms(), what="it says why")
        deal.finish()

    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
    assert deal.signed_payouts() == 1


def test_a_node_that_is_behind_is_named_and_no_wallet_unlearns_the_deposit_from_it(
    market: Market, tmp_path: Path
) -> None:
    deal = market.funded_deal()
    market.vendor.stop()
    young = MonerodProcess.start(tmp_path / "young")
    try:
        found = machine_of(market.vendor, market).doctor(deal.escrow_id, node_url=young.url)
        assert "node_behind → wait" in found
    finally:
        young.stop()
    market.vendor.start()

    deal.buyer.release()
    deal.finish()

    assert deal.received(Role.VENDOR) == deal.amount - deal.payout_fee()
