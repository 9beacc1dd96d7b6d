"""Money that goes through attached wallets: a release, and a dispute with a ruling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from tests.functional.kit.hall import AMOUNT, Guest, Hall
from tripartite.devnet.api import Overview
from tripartite.devnet.chain import Chain
from tripartite.devnet.purses import FIRST_BLOCKS, Payer
from tripartite.domain.parties import Role

WORDS = "It came without its saddle."


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    running = Chain.start(tmp_path_factory.mktemp("chain"))
    yield running
    running.stop()
    assert running.process.daemon.crash_marks() == []


@pytest.fixture(scope="module")
def payer(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Iterator[Payer]:
    """A wallet with money of its own."""
    running = Payer.start(tmp_path_factory.mktemp("payer"), chain)
    chain.pay_miner(running.address)
    chain.mine(FIRST_BLOCKS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory, chain: Chain) -> Iterator[Hall]:
    """One coordinator node, one attach process, and a wallet-rpc for each of three guests."""
    directory: Path = tmp_path_factory.mktemp("hall")
    running = Hall.open(directory, chain.process, WATCH_SECONDS="0.5")
    try:
        running.add_node()
        running.add_attach(watching=1.0)
        running.add_wallets(len(Role))
        for name in ("bob", "vera", "art"):
            running.guest(name)
        yield running
    finally:
        running.stop()
    assert running.troubles() == []


def test_a_release_through_attached_wallets_is_final_after_ten_confirmations(
    hall: Hall, chain: Chain, payer: Payer
) -> None:
    escrow = funded(hall, chain, payer)
    bob = hall.guests["bob"]

    hall.decide(bob, escrow, "release")

    hall.until(lambda: at(hall, escrow).txid is not None)
    chain.mine(9)
    hall.until(lambda: at(hall, escrow).confirmations == 9)
    assert hall.state(bob, escrow) == "releasing"
    chain.mine()
    hall.until(lambda: hall.state(bob, escrow) == "completed")
    assert at(hall, escrow).confirmations >= 10
    assert hall.outcomes(bob, escrow)[-1] == "done"


def test_a_dispute_is_argued_and_ruled_on_without_an_agent_at_home(
    hall: Hall, chain: Chain, payer: Payer
) -> None:
    """The buyer calls the arbiter, who reads why, and rules for the buyer."""
    escrow = funded(hall, chain, payer)
    bob, art = hall.guests["bob"], hall.guests["art"]
    hall.decide(bob, escrow, "dispute", text=WORDS)
    hall.until(lambda: hall.state(bob, escrow) == "disputed")
    hall.decide(bob, escrow, "evidence", file_name="saddle.txt", file_data="bm8gc2FkZGxl")
    hall.until(lambda: all(hall.outcomes(bob, escrow)))

    assert read_by(hall, art, escrow) == ("a bicycle", [WORDS], ["bm8gc2FkZGxl"])
    hall.decide(art, escrow, "rule", vendor_bps=0)

    hall.until(lambda: at(hall, escrow).txid is not None)
    chain.mine(10)
    hall.until(lambda: hall.state(bob, escrow) == "refunded")
    # What was typed stands nowhere in what the coordinator keeps.
    files = list((hall.directory / "data").glob("coordinator.sqlite3*"))
    assert files
    assert not any(WORDS.encode() in one.read_bytes() for one in files)


def test_the_money_is_moved_to_another_arbiter_by_clicks_alone(
    hall: Hall, chain: Chain, payer: Payer
) -> None:
    """Proposed by the vendor, whose agent, and the buyer's, look at their own wallets' address."""
    old = funded(hall, chain, payer)
    bob, vera, erin = hall.guests["bob"], hall.guests["vera"], hall.guest("erin")

    hall.decide(vera, old, "replace", arbiter="erin", arbiter_bps=200)
    hall.until(lambda: successor_of(hall, vera) is not None)
    new = str(successor_of(hall, vera))
    for guest in (bob, erin):
        hall.accept(guest, new)
    register(hall, new, (bob, vera, erin))
    hall.until(lambda: hall.state(bob, new) == "awaiting_deposit")
    address = at(hall, new).address
    hall.decide(bob, old, "move", successor=new, successor_address=address)
    hall.until(lambda: hall.outcomes(bob, old)[-1] == "done")
    hall.decide(vera, old, "move", successor=new, successor_address=address)
    hall.until(lambda: at(hall, old).txid is not None, seconds=60.0)
    chain.mine(10)

    hall.until(lambda: hall.state(bob, old) == "settled")
    hall.until(lambda: hall.state(bob, new) == "funded")
    assert hall.outcomes(bob, old)[-1] == hall.outcomes(vera, old)[-1] == "done"


def successor_of(hall: Hall, guest: Guest) -> object:
    """The escrow that succeeds another, of which there is one here."""
    with hall.api(guest) as api:
        shown = cast("list[dict[str, object]]", api.get("/api/escrow")["escrows"])
    return next((one["escrow_id"] for one in shown if one["succeeds"]), None)


def register(hall: Hall, escrow: str, guests: Sequence[Guest]) -> None:
    """A wallet-rpc for each of the three."""
    jobs = list(zip(guests, Role, hall.wallets, strict=True))
    with ThreadPoolExecutor(len(jobs)) as at_once:
        answers = list(at_once.map(lambda job: hall.register(job[0], escrow, *job[1:]), jobs))
    assert [one.status for one in answers] == [201] * len(jobs)


def funded(hall: Hall, chain: Chain, payer: Payer) -> str:
    """An escrow of the three with the whole deposit confirmed."""
    bob, vera, art = (hall.guests[name] for name in ("bob", "vera", "art"))
    escrow = hall.propose(bob, vera, art)
    hall.until(lambda: hall.state(bob, escrow) == "created")
    for guest in (vera, art):
        hall.accept(guest, escrow)
    register(hall, escrow, (bob, vera, art))
    hall.until(lambda: hall.state(bob, escrow) == "awaiting_deposit")
    address = at(hall, escrow).address
    assert address is not None
    payer.pay(address, [AMOUNT])
    chain.mine(10)
    hall.until(lambda: hall.state(bob, escrow) == "funded")
    return escrow


def at(hall: Hall, escrow: str) -> Overview:
    with hall.api(hall.guests["bob"]) as api:
        return api.escrow(escrow)


def read_by(hall: Hall, guest: Guest, escrow: str) -> tuple[str, list[str], list[str]]:
    """What is traded, what was said and what was shown, as this guest's agent opens it."""
    path = f"/api/escrow/{escrow}/sealed"
    with hall.api(guest) as api:
        assert api.ask("POST", path, {}).status == 202
        hall.until(lambda: bool(api.get(path)["ready"]))
        told = api.get(path)
    said = cast("list[dict[str, str]]", told["statements"])
    files = cast("list[dict[str, str]]", told["files"])
    return str(told["subject"]), [one["text"] for one in said], [one["data"] for one in files]
