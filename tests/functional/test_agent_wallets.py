"""Three agents' wallets, on real daemons: one address, one deposit, one payout, and what breaks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from tests.functional.daemons import Wallets, chain, node, refreshed, until, wallets
from tripartite.agent.payouts import PayoutPlan, expected
from tripartite.agent.verification import PayoutPromiseDiffers, PayoutRefused
from tripartite.agent.wallets.pool import WalletPool
from tripartite.agent.wallets.records import (
    Endpoint,
    Node,
    NodeOfWrongNetwork,
    PoolStopped,
    RoundSpent,
    SignedPayout,
    WalletRef,
)
from tripartite.domain.errors import Unavailable
from tripartite.domain.lifecycle import Event
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret
from tripartite.domain.settlement import FeeRule, NetworkFeeBearer, Recipient
from tripartite.monero.errors import StaleMultisigData, WalletCannotOpen
from tripartite.monero.monerod import KeyImageStatus, Monerod
from tripartite.monero.processes import MonerodProcess, WalletNotMade
from tripartite.monero.signing import SigningWallet
from tripartite.monero.supervision import crash_marks
from tripartite.monero.wallet_results import Recipient as To

__all__ = ["chain", "node", "wallets"]  # fixtures, used by name

AMOUNT = 5 * ATOMIC


@dataclass
class Escrow:
    """One wallet of each party, on the way to one address."""

    refs: dict[Role, WalletRef]
    said: dict[Role, str] = field(default_factory=dict)
    address: str = ""

    def heard(self, role: Role) -> tuple[str, str]:
        """What the two others said last."""
        first, second = role.others()
        return self.said[first], self.said[second]


@dataclass
class Market:
    """Three agents' pools on one node, and somebody with money."""

    directory: Path
    chain: Monerod
    pools: dict[Role, WalletPool]
    payer: SigningWallet
    mined_to: str
    payees: Mapping[Recipient, str]
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(3))

    def new_escrow(self) -> Escrow:
        """Fresh wallets for all three."""
        made = self.workers.map(WalletPool.prepare_ahead, self.pools.values())
        return Escrow(dict(zip(self.pools, made, strict=True)))

    def round(self, escrow: Escrow, step: Callable[[WalletPool, WalletRef, Role], str]) -> None:
        """Everybody takes one step, and hears what the others said before it."""
        said = self.workers.map(
            lambda role: step(self.pools[role], escrow.refs[role], role), self.pools
        )
        escrow.said = dict(zip(self.pools, said, strict=True))

    def prepare(self, escrow: Escrow) -> None:
        self.round(escrow, lambda pool, ref, role: pool.prepare_multisig(ref))

    def make(self, escrow: Escrow) -> None:
        self.round(escrow, lambda pool, ref, role: pool.make_multisig(ref, escrow.heard(role)))

    def exchange(self, escrow: Escrow) -> None:
        self.round(escrow, lambda pool, ref, role: pool.exchange(ref, escrow.heard(role)))

    def finish(self, escrow: Escrow) -> None:
        self.round(escrow, lambda pool, ref, role: pool.finish(ref, escrow.heard(role)))
        (escrow.address,) = set(escrow.said.values())

    def keyed_escrow(self) -> Escrow:
        """An escrow whose three wallets share an address."""
        escrow = self.new_escrow()
        for step in (self.prepare, self.make, self.exchange, self.finish):
            step(escrow)
        return escrow

    def pay(self, address: str, *amounts: int) -> None:
        """Deposit these outputs in one transaction, ten blocks deep."""
        refreshed(self.payer, self.chain).transfer([To(address, amount) for amount in amounts])
        self.chain.generate_blocks(10, self.mined_to)

    def plan(self, escrow: Escrow, event: Event = Event.RELEASE_SIGNED) -> PayoutPlan:
        return PayoutPlan(
            network=Network.REGTEST,
            addresses=self.payees,
            multisig_address=escrow.address,
            amount=AMOUNT,
            fees=FeeRule(NetworkFeeBearer.PAYEE, arbiter_bps=200, platform_bps=100),
            event=event,
        )

    def infos(self, escrow: Escrow, *signers: Role) -> dict[Role, str]:
        """Fresh exports of those who will sign."""
        return {role: self.pools[role].export_info(escrow.refs[role]) for role in signers}


def _wallet_rpcs(directory: Path) -> list[int]:
    """The ids of the wallet-rpc processes that work in this directory."""
    mark = f"--wallet-dir={directory}/".encode()
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if b"wallet-rpc" in words[0] and any(word.startswith(mark) for word in words):
            found.append(int(command.parent.name))
    return found


def _kill_wallet_rpcs(directory: Path) -> None:
    for process in _wallet_rpcs(directory):
        os.kill(process, signal.SIGKILL)
        # Dead, and not only dying: what remains is a zombie until its parent looks.
        until(partial(_is_dead, process))


def _is_dead(process: int) -> bool:
    """Gone, or a zombie with its last thread, until its parent looks."""
    try:
        zombie = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("Z")
        return zombie and len(list(Path(f"/proc/{process}/task").iterdir())) == 1
    except OSError:
        return True


@pytest.fixture(scope="module")
def market(
    tmp_path_factory: pytest.TempPathFactory,
    node: MonerodProcess,
    chain: Monerod,
    wallets: Wallets,
) -> Iterator[Market]:
    payer = wallets.start("payer")
    addresses = {}
    for name in [*Recipient, "miner", "payer"]:
        payer.create_wallet(str(name), Secret("x"))
        payer.auto_refresh(enable=False)
        addresses[str(name)] = payer.get_address()
    chain.generate_blocks(80, addresses["payer"])
    directory = tmp_path_factory.mktemp("agents")
    pools = {
        role: WalletPool(
            directory / role.value, network=Network.REGTEST, node=Node(node.url), slots=1
        )
        for role in Role
    }
    payees = {recipient: addresses[recipient.value] for recipient in Recipient}
    try:
        for pool in pools.values():
            pool.start()
        yield Market(directory, chain, pools, payer, addresses["miner"], payees)
    finally:
        for pool in pools.values():
            pool.stop()
    assert _wallet_rpcs(directory) == []
    logs = [*directory.rglob("*.log"), *directory.rglob("*.console")]
    assert logs
    assert {log.name: crash_marks(log) for log in logs} == {log.name: [] for log in logs}


@pytest.fixture(scope="module")
def funded(market: Market) -> Escrow:
    escrow = market.keyed_escrow()
    # Dust must not block the payout, nor be paid out.
    market.pay(escrow.address, AMOUNT - 7, 7 + ATOMIC, 1)
    return escrow


def test_a_deposit_is_seen_and_paid_out_to_the_last_piconero(
    market: Market, funded: Escrow
) -> None:
    """The whole road of a release, with the balance taken from the wallets themselves."""
    buyer, vendor = market.pools[Role.BUYER], market.pools[Role.VENDOR]
    sightings = [pool.deposits(funded.refs[role]) for role, pool in market.pools.items()]
    assert sightings[0] == sightings[1] == sightings[2]
    seen = sightings[0]
    assert sorted(one.amount for one in seen.outputs) == [1, ATOMIC + 7, AMOUNT - 7]
    assert {one.confirmations(seen.height) for one in seen.outputs} == {10}
    assert seen.height == market.chain.get_block_count()

    plan = market.plan(funded)
    infos = market.infos(funded, Role.BUYER, Role.VENDOR)
    built = buyer.build(funded.refs[Role.BUYER], infos[Role.VENDOR], plan)
    txset, plan = built.txset, replace(plan, key_images=built.key_images)
    with pytest.raises(RoundSpent):
        buyer.build(funded.refs[Role.BUYER], infos[Role.VENDOR], plan)

    kept: list[SignedPayout] = []

    def persist(signed: SignedPayout) -> None:
        assert market.chain.get_transactions([signed.txid]).missed == (signed.txid,)
        kept.append(signed)

    done = vendor.cosign(funded.refs[Role.VENDOR], infos[Role.BUYER], txset, plan, persist)
    assert [(one.txset, one.txid, one.fee) for one in kept] == [(done.txset, done.txid, done.fee)]
    (known,) = market.chain.get_transactions([done.txid]).found
    assert (known.in_pool, known.blob) == (True, done.tx_hex)
    assert sorted(known.key_images) == sorted(built.key_images), "spent as promised"

    # Sent again, lost and sent again, mined and sent again: always the same transaction.
    assert buyer.resubmit(funded.refs[Role.BUYER], done.txset) == done.txid
    market.chain.flush_txpool([done.txid])
    assert vendor.resubmit(funded.refs[Role.VENDOR], done.txset) == done.txid
    market.chain.generate_blocks(10, market.mined_to)
    assert market.chain.get_transactions([done.txid]).found[0].confirmations == 10
    # Whoever takes no part learns from the signers' data, however old, what became of the money.
    arbiter, of_arbiter = market.pools[Role.ARBITER], funded.refs[Role.ARBITER]
    assert arbiter.examine(of_arbiter).spent == ()
    learned = arbiter.examine(of_arbiter, (infos[Role.BUYER],)).spent
    assert learned.count(KeyImageStatus.SPENT_IN_CHAIN) == len(built.key_images) == 2
    assert learned.count(KeyImageStatus.UNSPENT) == 1, "the piconero that is not worth spending"
    assert buyer.resubmit(funded.refs[Role.BUYER], done.txset) == done.txid

    due = expected(plan, AMOUNT + ATOMIC, done.fee)
    assert set(due) == {market.payees[one] for one in Recipient if one is not Recipient.ARBITER}
    for recipient in (Recipient.BUYER, Recipient.VENDOR, Recipient.PLATFORM):
        market.payer.open_wallet(recipient.value, Secret("x"))
        refreshed(market.payer, market.chain)
        assert market.payer.get_balance().total == due[market.payees[recipient]]
    market.payer.open_wallet("payer", Secret("x"))


def test_a_cosigner_signs_no_other_payout_and_never_twice_with_one_export(
    market: Market, funded: Escrow
) -> None:
    escrow = funded
    market.pay(escrow.address, AMOUNT)
    arbiter, vendor = market.pools[Role.ARBITER], market.pools[Role.VENDOR]
    of_arbiter, of_vendor = escrow.refs[Role.ARBITER], escrow.refs[Role.VENDOR]
    release, refund = market.plan(escrow), market.plan(escrow, Event.REFUND_SIGNED)

    infos = market.infos(escrow, Role.ARBITER, Role.VENDOR)
    txset = arbiter.build(of_arbiter, infos[Role.VENDOR], release).txset
    signed: list[SignedPayout] = []
    with pytest.raises(PayoutRefused):
        vendor.cosign(of_vendor, infos[Role.ARBITER], txset, refund, signed.append)
    broken = replace(release, key_images=("1e" * 32,))
    with pytest.raises(PayoutPromiseDiffers):
        vendor.cosign(of_vendor, infos[Role.ARBITER], txset, broken, signed.append)
    assert signed == []

    class DiskFull(Exception):
        """The journal could not be written."""

    def fail(_: SignedPayout) -> None:
        raise DiskFull

    # Refusing used nothing up, so it can still be signed; what can't be persisted isn't sent.
    with pytest.raises(DiskFull):
        vendor.cosign(of_vendor, infos[Role.ARBITER], txset, release, fail)
    assert market.chain.get_info().pool_size == 0
    # Nor is it signed again with nonces that were used once, even after a crash.
    _kill_wallet_rpcs(market.directory / Role.VENDOR.value)
    with pytest.raises(RoundSpent):
        vendor.cosign(of_vendor, infos[Role.ARBITER], txset, release, signed.append)
    # A fresh export voids what was built on the old one.
    fresh = vendor.export_info(of_vendor)
    with pytest.raises(StaleMultisigData):
        vendor.cosign(of_vendor, infos[Role.ARBITER], txset, release, signed.append)
    assert fresh != infos[Role.VENDOR]

    infos = market.infos(escrow, Role.ARBITER, Role.VENDOR)
    txset = arbiter.build(of_arbiter, infos[Role.VENDOR], release).txset
    done = vendor.cosign(of_vendor, infos[Role.ARBITER], txset, release, signed.append)
    assert [one.txid for one in signed] == [done.txid]
    market.chain.generate_blocks(1, market.mined_to)


def test_two_escrows_in_one_slot_never_mix(market: Market, funded: Escrow) -> None:
    """The buyer's one wallet-rpc serves both by turns, and dies in the middle."""
    pool, of_buyer = market.pools[Role.BUYER], funded.refs[Role.BUYER]
    known = pool.deposits(of_buyer).outputs
    assert known
    other = market.new_escrow()
    market.prepare(other)
    assert pool.deposits(of_buyer).outputs == known
    # Reopened since it was prepared: it has to be prepared again, unseen by anybody.
    market.make(other)
    assert pool.deposits(of_buyer).outputs == known
    market.exchange(other)
    _kill_wallet_rpcs(market.directory / Role.BUYER.value)
    market.finish(other)
    assert other.address != funded.address
    assert pool.deposits(other.refs[Role.BUYER]).outputs == ()
    assert pool.deposits(of_buyer).outputs == known


def test_a_spoilt_cache_is_set_aside_and_the_wallet_opens(market: Market, funded: Escrow) -> None:
    home = market.directory / Role.BUYER.value
    pool, ref = market.pools[Role.BUYER], funded.refs[Role.BUYER]
    before = pool.deposits(ref)
    _kill_wallet_rpcs(home)
    (home / "wallets" / ref.name).write_bytes(b"half a cache")
    assert pool.deposits(ref).outputs == before.outputs
    (aside,) = (home / "set-aside").glob(f"{ref.name}.cache-*")
    assert aside.read_bytes() == b"half a cache"
    # With a wrong password it is not the cache's fault, which goes back where it was.
    assert pool.export_info(ref)  # stores
    _kill_wallet_rpcs(home)
    wrong = WalletRef(ref.name, Secret("not the password"))
    with pytest.raises(WalletCannotOpen):
        pool.deposits(wrong)
    assert (home / "wallets" / ref.name).exists()
    assert pool.deposits(ref).outputs == before.outputs
    assert (home / "kept-keys" / f"{ref.name}.keys").stat().st_size > 1000


def test_a_wallet_that_is_set_aside_is_out_of_the_way_but_not_gone(market: Market) -> None:
    pool, home = market.pools[Role.VENDOR], market.directory / Role.VENDOR.value
    ref = pool.new_ref()
    pool.make(ref, at_once=True)
    assert pool.prepare_multisig(ref)
    assert (home / "wallets" / f"{ref.name}.keys").stat().st_mode & 0o077 == 0
    pool.set_aside(ref)
    assert list((home / "wallets").glob(f"{ref.name}*")) == []
    assert (home / "set-aside" / f"{ref.name}.keys").exists()
    with pytest.raises(WalletCannotOpen):
        pool.prepare_multisig(ref)


def test_somebody_elses_wallet_rpc_is_used_but_never_stopped(
    market: Market, wallets: Wallets, node: MonerodProcess, tmp_path: Path
) -> None:
    stranger = wallets.start("given")
    process = wallets.processes["given"]
    endpoint = Endpoint(process.url, process.login)
    there = Node(node.url)
    with WalletPool(tmp_path, network=Network.REGTEST, node=there, endpoints=[endpoint]) as pool:
        ref = pool.prepare_ahead()
        assert pool.warm(ref)
        assert pool.prepare_multisig(ref)
        # Its owner closes our wallet, and opens another.
        stranger.create_wallet("theirs", Secret("x"))
        assert pool.prepare_multisig(ref)
        assert stranger.get_address() != ""
        assert not (tmp_path / "wallets").exists()
    until(lambda: process.daemon.running)
    stranger.get_version()
    with pytest.raises(PoolStopped):
        pool.prepare_multisig(ref)


def test_a_node_of_another_network_is_refused(node: MonerodProcess, tmp_path: Path) -> None:
    there = Node(node.url)
    with (
        pytest.raises(NodeOfWrongNetwork),
        WalletPool(tmp_path, network=Network.STAGENET, node=there),
    ):
        pass
    assert _wallet_rpcs(tmp_path) == []


def test_a_wallet_made_while_the_node_was_away_is_not_used(tmp_path: Path) -> None:
    """It would never see its deposit: it guesses from when to scan, and on regtest far too late."""
    nodes = [MonerodProcess.start(tmp_path / "node")]

    class Away:
        """Whoever makes a wallet makes it without the node, which comes back afterwards."""

        def __enter__(self) -> None:
            nodes[-1].kill()

        def __exit__(self, *_: object) -> None:
            nodes.append(MonerodProcess.start(tmp_path / "node", port=nodes[0].port))

    try:
        there = Node(nodes[0].url)
        with (
            WalletPool(
                tmp_path / "pool", network=Network.REGTEST, node=there, slots=1, heavy=Away()
            ) as pool,
            pytest.raises(WalletNotMade),
        ):
            pool.make(pool.new_ref(), at_once=True)
    finally:
        nodes[-1].stop()


def test_a_node_that_is_down_makes_nothing_start(tmp_path: Path) -> None:
    nowhere = Node("http://127.0.0.1:9")
    with (
        pytest.raises(Unavailable),
        WalletPool(tmp_path, network=Network.REGTEST, node=nowhere),
    ):
        pass
    assert _wallet_rpcs(tmp_path) == []
