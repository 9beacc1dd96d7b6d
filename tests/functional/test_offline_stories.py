"""The coordinator is gone for good, or a machine is: money comes home all the same.

The commands are those of docs/guides/without-the-coordinator.md, run as a party would run them.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.kit.market import Market
from tripartite.devnet import programs
from tripartite.devnet.community import Community
from tripartite.devnet.deals import Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import Party
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.parties import Role

AGE_KEYGEN = shutil.which("age-keygen") or "age-keygen"


class Machine:
    """Where one party runs commands: a directory with a home in it, and nothing else."""

    def __init__(self, directory: Path, home: Path, node_url: str) -> None:
        self.directory = directory
        self.home = home
        self.node_url = node_url

    def run(self, *arguments: str) -> str:
        """``tripartite agent …``; what it printed."""
        return self.call("agent", *arguments)

    def call(self, *arguments: str) -> str:
        """``tripartite …``; what it printed."""
        done = programs.run(
            *arguments,
            directory=self.directory,
            settings={"TRIPARTITE_AGENT_HOME": str(self.home)},
            seconds=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    def doctor(self, escrow_id: str, *, node_url: str | None = None) -> str:
        """``tripartite agent doctor``; what it found."""
        return self.run("doctor", escrow_id, "--node", node_url or self.node_url)

    def settle(self, escrow_id: str, *, heard: Path | None = None, to: Path | None = None) -> str:
        """``tripartite settle``, with the file of the other and for the other."""
        words = ["settle", escrow_id, "--node", self.node_url]
        words += [] if heard is None else ["--from", str(heard)]
        words += [] if to is None else ["--to", str(to)]
        return self.call(*words)


@pytest.fixture(scope="module")
def doomed(devnet: Devnet) -> Iterator[Community]:
    """A community whose coordinator will be lost, so that no other story misses it."""
    community = devnet.another_community("doomed")
    yield community
    for party in community.parties.values():
        party.stop()


def machine_of(party: Party, market: Market) -> Machine:
    return Machine(party.directory, party.home, market.devnet.chain.url)


def is_paid(market: Market, role: Role, txid: str) -> int:
    market.mine(UNLOCK_DEPTH)
    return market.devnet.purses.received(role, txid)


def lose_caches(home: Path) -> None:
    """A disk error took the wallets' caches; the keys are still there."""
    for keys in (home / "wallets" / "wallets").glob("*.keys"):
        keys.with_suffix("").unlink(missing_ok=True)


def payout_in(printed: str) -> str:
    (txid,) = [line.split()[1] for line in printed.splitlines() if line.startswith("payout ")]
    return txid


@contextmanager
def disaster(community: Community) -> Iterator[None]:
    """The coordinator dies and its disk is gone."""
    community.coordinator.kill()
    shutil.rmtree(community.coordinator.directory)
    yield


def age_key(directory: Path) -> tuple[Path, str]:
    """An age identity made by age itself, and its recipient."""
    path = directory / "age-key.txt"
    subprocess.run([AGE_KEYGEN, "--output", str(path)], check=True, capture_output=True)
    path.chmod(0o600)
    (recipient,) = [
        line.split(": ")[1] for line in path.read_text().splitlines() if "public key" in line
    ]
    return path, recipient


def test_two_parties_finish_without_the_coordinator(
    devnet: Devnet, doomed: Community, tmp_path: Path
) -> None:
    """The vendor is paid from a kit on an empty machine, and refunds from a backup on another."""
    market = Market(devnet, doomed)
    released, refunded = market.funded_deal(), market.funded_deal()
    key, recipient = age_key(tmp_path)
    vendor = machine_of(market.vendor, market)
    kit, backup = tmp_path / "kit.age", tmp_path / "backup.age"

    vendor.run("export-kit", released.escrow_id, "--to", str(kit), "--recipient", recipient)
    vendor.run("backup", "--to", str(backup), "--recipient", recipient)
    assert "verified" in vendor.run("verify", str(kit), "--identity-file", str(key))
    assert "verified" in vendor.run("verify", str(backup), "--identity-file", str(key))

    with disaster(doomed):
        for party in market.parties.values():
            party.stop()
        _release(market, released, kit, key, tmp_path)
        _refund(market, refunded, backup, key, tmp_path)


def _restored(market: Market, archive: Path, key: Path, empty: Path) -> Machine:
    """The vendor's agent, put back from an archive on a machine where there was nothing."""
    empty.mkdir()
    vendor = Machine(empty, empty / "home", market.devnet.chain.url)
    vendor.run(
        "restore", str(archive), "--home", str(vendor.home), "--identity-file", str(key),
        "--key-file", str(empty / "key"),
    )  # fmt: skip
    return vendor


def _release(market: Market, deal: Deal, kit: Path, key: Path, place: Path) -> None:
    files: Mapping[int, Path] = {n: place / f"release-{n}.json" for n in range(1, 5)}
    buyer = machine_of(market.buyer, market)
    vendor = _restored(market, kit, key, place / "empty-machine")

    buyer.run("release", deal.escrow_id, "--yes")
    assert "node_unreachable → mend" in buyer.doctor(deal.escrow_id, node_url="http://127.0.0.1:9")
    buyer.settle(deal.escrow_id, to=files[1])
    vendor.settle(deal.escrow_id, heard=files[1], to=files[2])
    buyer.settle(deal.escrow_id, heard=files[2], to=files[3])
    paid = vendor.settle(deal.escrow_id, heard=files[3], to=files[4])

    # The buyer hasn't heard yet: for its doctor, somebody else has spent the money.
    assert "overtaken → look" in buyer.doctor(deal.escrow_id)
    assert is_paid(market, Role.VENDOR, payout_in(paid)) > 0
    assert "state completed" in vendor.settle(deal.escrow_id)
    assert "state completed" in buyer.settle(deal.escrow_id, heard=files[4])


def _refund(market: Market, deal: Deal, backup: Path, key: Path, place: Path) -> None:
    files: Mapping[int, Path] = {n: place / f"refund-{n}.json" for n in range(1, 8)}
    buyer = machine_of(market.buyer, market)
    vendor = _restored(market, backup, key, place / "new-machine")

    buyer.settle(deal.escrow_id, to=files[1])
    vendor.run("refund", deal.escrow_id, "--yes")
    vendor.settle(deal.escrow_id, heard=files[1], to=files[2])
    buyer.settle(deal.escrow_id, heard=files[2], to=files[3])
    lose_caches(vendor.home)
    assert "cache_lost → restart_round" in vendor.doctor(deal.escrow_id)
    again = vendor.settle(deal.escrow_id, heard=files[3], to=files[4])
    assert "said payout_restart" in again, "nothing is signed from another cache"
    buyer.settle(deal.escrow_id, heard=files[4], to=files[5])
    vendor.settle(deal.escrow_id, heard=files[5], to=files[6])
    paid = buyer.settle(deal.escrow_id, heard=files[6], to=files[7])

    assert is_paid(market, Role.BUYER, payout_in(paid)) > 0
    assert "state refunded" in buyer.settle(deal.escrow_id)
