"""One escrow from the proposal to the confirmed payout, with some processes killed on the way.

Whoever decides does it as a person does, by a command; ``ways`` says who decides what.
"""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from tests.faults.alarms import lasting
from tests.faults.striking import Arena, patiently
from tests.faults.switchboard import Kill, Point
from tests.faults.ways import AMOUNT, ARBITER_PERCENT, STATE, VENDOR_SHARE, Way, due
from tripartite.devnet.deals import Deal, Seat
from tripartite.devnet.party import CommandFailed
from tripartite.devnet.waiting import Fact, FactNeverCame, name_of
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, read_envelope

PATIENCE: Final = 300.0
"""Seconds for one fact; after a refusal an agent rests for a minute, and everything is slow here."""
_POLL_SECONDS: Final = 0.1
_BLOCK_SECONDS: Final = 2.0
_COMMAND_TRIES: Final = 40
_CLOSING_SECONDS: Final = 30.0
"""How long the coordinator may take to notice that what it raised an alarm for has moved on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one escrow."""

    way: Way
    kills: tuple[Kill, ...]
    struck: tuple[Kill, ...]
    points: tuple[Point, ...]
    faults: tuple[str, ...]
    """What isn't as it has to be; none if it survived."""
    payouts: int
    """How many transactions paid somebody out of the deposit."""
    attempts: int
    payout_restarts: int
    alarms: tuple[str, ...]
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether everything is as it has to be."""
        return not self.faults


class _Run:
    def __init__(self, arena: Arena, way: Way, patience: float) -> None:
        self.arena = arena
        self.patience = patience
        self.devnet = arena.devnet
        self.way = way
        self.deal: Deal | None = None

    def go(self) -> None:
        """Raises FactNeverCame when it gets stuck."""
        parties = self.arena.community.parties
        more = ("--arbiter-fee", ARBITER_PERCENT) if self.way is Way.RULING else ()
        escrow_id = self._insist(
            lambda: parties[Role.BUYER].propose(
                vendor=parties[Role.VENDOR],
                arbiter=parties[Role.ARBITER],
                amount=AMOUNT,
                subject="a bicycle that survives",
                more=more,
            )
        )
        deal = self.deal = Deal(
            self.devnet, self.arena.community, escrow_id, amount=AMOUNT, subject="a bicycle"
        )
        self._until(deal.is_proposed_to_all)
        for seat in (deal.vendor, deal.arbiter):
            self._insist(seat.accept)
        self._until(deal.is_keyed)
        with self.arena.switchboard.peace:
            self.arena.settle()
            patiently(self.devnet.payer.balance)
            self.devnet.payer.pay(self._address(deal), (AMOUNT,))
            self.devnet.chain.mine(UNLOCK_DEPTH)
        self._until(deal.is_funded, mining=True)
        self._decide(deal)
        self._until(deal.is_broadcast)
        self._mine(UNLOCK_DEPTH)
        self._until(lambda: deal.state is STATE[self.way], mining=True, what="the end")

    def _decide(self, deal: Deal) -> None:
        match self.way:
            case Way.RELEASE:
                self._insist(deal.buyer.release)
            case Way.REFUND:
                self._insist(deal.vendor.refund)
            case Way.SETTLEMENT:
                self._insist(lambda: deal.buyer.settle(vendor_share=VENDOR_SHARE))
                self._until(lambda: bool(deal.vendor.status()["offers"]), what="the offer came")
                self._insist(lambda: deal.vendor.agree(vendor_share=VENDOR_SHARE))
            case Way.RULING:
                photo = self.devnet.directory / "a photo.jpg"
                photo.write_bytes(b"a wheel that is missing")
                self._insist(lambda: deal.buyer.dispute("a wheel is missing", photo))
                self._until(lambda: self._knows_dispute(deal.vendor), what="the vendor hears it")
                self._insist(lambda: deal.vendor.state("it was there"))
                said = {Kind.DISPUTE, Kind.EVIDENCE, Kind.STATEMENT}
                self._until(lambda: said <= _kinds(deal), what="both were heard")
                self._until(lambda: self._knows_dispute(deal.arbiter), what="the arbiter hears it")
                self._insist(lambda: deal.arbiter.rule(winner=Role.BUYER))

    @staticmethod
    def _knows_dispute(seat: Seat) -> bool:
        return seat.status()["state"] == State.DISPUTED.value

    def _address(self, deal: Deal) -> str:
        found: list[str] = []

        def told() -> bool:
            found[:] = [deal.address]
            return True

        self._until(told)
        return found[0]

    def _mine(self, blocks: int) -> None:
        with self.arena.switchboard.peace:
            self.arena.settle()
            self.devnet.chain.mine(blocks)

    def _insist(self, command: object) -> str:
        """A person whose command fails while something is down tries again."""
        assert callable(command)
        for tries_left in reversed(range(_COMMAND_TRIES)):
            try:
                return str(command())
            except (CommandFailed, subprocess.TimeoutExpired):
                if not tries_left:
                    raise
                self.arena.settle()
                time.sleep(_BLOCK_SECONDS)
        raise AssertionError("unreachable")

    def _until(self, fact: Fact, *, mining: bool = False, what: str | None = None) -> None:
        """Wait, also while somebody who knows is down."""
        deadline = time.monotonic() + self.patience
        next_block = time.monotonic() + _BLOCK_SECONDS
        while not _holds(fact):
            now = time.monotonic()
            if now > deadline:
                standing = "" if self.deal is None else self.deal.standing()
                raise FactNeverCame(f"Stuck: never {what or name_of(fact)}.\n{standing}")
            if mining and now > next_block:
                self._mine(1)
                next_block = time.monotonic() + _BLOCK_SECONDS
            time.sleep(_POLL_SECONDS)


def run(
    arena: Arena,
    kills: Sequence[Kill] = (),
    *,
    way: Way = Way.RELEASE,
    patience: float = PATIENCE,
) -> Ending:
    """One escrow, these kills, and what became of it. Raises what the harness itself got wrong.

    All kills are of that ``way``; ``patience`` are seconds for one fact.
    """
    began = time.monotonic()
    arena.settle()
    before = arena.income or arena.look_into_purses()
    troubles_before = set(arena.devnet.troubles())
    watch = arena.switchboard.watch(kills)
    attempt = _Run(arena, way, patience)
    faults: list[str] = []
    try:
        attempt.go()
    except (FactNeverCame, CommandFailed) as error:
        faults.append(error.detail)
    finally:
        arena.switchboard.forget()
    arena.settle()
    faults += [f"crash: {one}" for one in arena.devnet.troubles() if one not in troubles_before]
    deal = attempt.deal
    after = arena.look_into_purses()
    income = {
        role: {txid: sum_ for txid, sum_ in got.items() if txid not in before[role]}
        for role, got in after.items()
    }
    attempts, restarts = 0, 0
    alarms: tuple[str, ...] = ()
    if deal is not None:
        attempts = deal.overview().attempt
        restarts, said = _said(deal)
        noted = {role: seat.alarms() for role, seat in deal.seats.items()}
        alarms = tuple(f"{role.value}: {code}" for role, codes in noted.items() for code in codes)
        faults += _wrongs(deal, way, income, said)
        faults += lasting(_frozen(deal), noted, _open_cases(arena, deal))
        if attempts > 1 + len(kills):
            faults.append(f"{attempts} attempts at the key exchange for {len(kills)} kills")
    return Ending(
        way=way,
        kills=tuple(kills),
        struck=tuple(watch.struck),
        points=tuple(watch.seen),
        faults=tuple(faults),
        payouts=len({txid for got in income.values() for txid in got}),
        attempts=attempts,
        payout_restarts=restarts,
        alarms=alarms,
        seconds=time.monotonic() - began,
    )


def _wrongs(deal: Deal, way: Way, income: dict[Role, dict[str, int]], said: list[str]) -> list[str]:
    """Money that went elsewhere, went twice, or didn't go."""
    expected: dict[Role, dict[str, int]] = {role: {} for role in Role}
    if deal.state is STATE[way]:
        for role, amount in due(way, deal.payout_fee()).items():
            expected[role] = {deal.txid: amount} if amount else {}
    wrongs = [
        f"the {role.value} got {income[role]} instead of {expected[role]}"
        for role in Role
        if income[role] != expected[role]
    ]
    if len(set(said)) > 1:
        wrongs.append(f"several payouts were signed: {sorted(set(said))}")
    return wrongs


def _frozen(deal: Deal) -> dict[Role, str]:
    """Why an agent does nothing more for this escrow, for each that doesn't."""
    found: dict[Role, str] = {}
    for role, seat in deal.seats.items():
        known = seat.party.escrow(deal.escrow_id)
        if known is not None and known["frozen"] is not None:
            found[role] = str(cast("dict[str, object]", known["frozen"])["code"])
    return found


def _open_cases(arena: Arena, deal: Deal) -> int:
    """Recovery cases of this escrow that are open still, a moment after its end."""
    database = arena.community.coordinator.database
    deadline = time.monotonic() + _CLOSING_SECONDS
    while (count := _cases(database, deal.escrow_id)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return count


def _cases(database: Path, escrow_id: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60.0)) as books:
        ((count,),) = books.execute(
            "SELECT count(*) FROM recovery_incident WHERE escrow_id = ? AND cleared_at IS NULL",
            (escrow_id,),
        )
    return int(count)


def _kinds(deal: Deal) -> set[Kind]:
    with deal.buyer.party.api() as api:
        return {read_envelope(text).kind for text in api.messages(deal.escrow_id)}


def _said(deal: Deal) -> tuple[int, list[str]]:
    """How often the payout was started anew, and the transactions that were broadcast."""
    with deal.buyer.party.api() as api:
        messages = [read_envelope(text) for text in api.messages(deal.escrow_id)]
    restarts = [one for one in messages if one.kind is Kind.PAYOUT_RESTART]
    broadcasts = [one for one in messages if one.kind is Kind.PAYOUT_BROADCAST]
    return len(restarts), [str(one.body["txid"]) for one in broadcasts]


def _holds(fact: Fact) -> bool:
    """Whether it is so; who doesn't answer just now says nothing."""
    try:
        return fact()
    except Unavailable:
        return False
    except TripartiteError as error:
        # The coordinator's 503 while it starts is an answer to the devnet, and none to us.
        if error.code != "devnet_coordinator_refused":
            raise
        return False
