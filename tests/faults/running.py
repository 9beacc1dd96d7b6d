"""One escrow from the proposal to the confirmed payout, with some processes killed on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.striking import Arena
from tests.faults.switchboard import Kill, Point, Watch
from tripartite.devnet.deals import Deal
from tripartite.devnet.party import CommandFailed
from tripartite.devnet.waiting import Fact, FactNeverCame, name_of
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import TripartiteError, Unavailable
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind, read_envelope

PATIENCE: Final = 300.0
"""Seconds for one fact; after a refusal an agent rests for a minute, and everything is slow here."""
AMOUNT: Final = 2 * ATOMIC
_POLL_SECONDS: Final = 0.1
_BLOCK_SECONDS: Final = 2.0
_COMMAND_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one escrow."""

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
    def __init__(self, arena: Arena, watch: Watch) -> None:
        self.arena = arena
        self.devnet = arena.devnet
        self.watch = watch
        self.deal: Deal | None = None

    def go(self) -> None:
        """Raises FactNeverCame when it gets stuck."""
        parties = self.arena.community.parties
        escrow_id = self._insist(
            lambda: parties[Role.BUYER].propose(
                vendor=parties[Role.VENDOR],
                arbiter=parties[Role.ARBITER],
                amount=AMOUNT,
                subject="a bicycle that survives",
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
            self.devnet.payer.pay(self._address(deal), (AMOUNT,))
            self.devnet.chain.mine(UNLOCK_DEPTH)
        self._until(deal.is_funded, mining=True)
        self._insist(deal.buyer.release)
        self._until(deal.is_broadcast)
        self._mine(UNLOCK_DEPTH)
        self._until(deal.is_completed, mining=True)

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
            except CommandFailed:
                if not tries_left:
                    raise
                self.arena.settle()
                time.sleep(_BLOCK_SECONDS)
        raise AssertionError("unreachable")

    def _until(self, fact: Fact, *, mining: bool = False) -> None:
        """Wait, also while somebody who knows is down."""
        deadline = time.monotonic() + PATIENCE
        next_block = time.monotonic() + _BLOCK_SECONDS
        while not _holds(fact):
            now = time.monotonic()
            if now > deadline:
                standing = "" if self.deal is None else self.deal.standing()
                raise FactNeverCame(f"Stuck: never {name_of(fact)}.\n{standing}")
            if mining and now > next_block:
                self._mine(1)
                next_block = time.monotonic() + _BLOCK_SECONDS
            time.sleep(_POLL_SECONDS)


def run(arena: Arena, kills: Sequence[Kill] = ()) -> Ending:
    """One escrow, these kills, and what became of it. Raises what the harness itself got wrong."""
    began = time.monotonic()
    arena.settle()
    before = {role: arena.devnet.purses.income(role) for role in Role}
    troubles_before = set(arena.devnet.troubles())
    watch = arena.switchboard.watch(kills)
    attempt = _Run(arena, watch)
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
    income = {
        role: {
            txid: amount
            for txid, amount in arena.devnet.purses.income(role).items()
            if txid not in before[role]
        }
        for role in Role
    }
    payouts = {txid for role in Role for txid in income[role]}
    attempts, restarts = 0, 0
    alarms: tuple[str, ...] = ()
    if deal is not None:
        attempts = deal.overview().attempt
        restarts, said = _said(deal)
        alarms = tuple(
            f"{role.value}: {code}" for role, seat in deal.seats.items() for code in seat.alarms()
        )
        faults += _wrongs(deal, income, said, attempts, kills)
    return Ending(
        kills=tuple(kills),
        struck=tuple(watch.struck),
        points=tuple(watch.seen),
        faults=tuple(faults),
        payouts=len(payouts),
        attempts=attempts,
        payout_restarts=restarts,
        alarms=alarms,
        seconds=time.monotonic() - began,
    )


def _wrongs(
    deal: Deal,
    income: dict[Role, dict[str, int]],
    said: list[str],
    attempts: int,
    kills: Sequence[Kill],
) -> list[str]:
    """Money that went elsewhere, went twice, or didn't go; attempts without end."""
    wrongs = []
    if deal.is_completed():
        due = {deal.txid: deal.amount - deal.payout_fee()}
        if income[Role.VENDOR] != due:
            wrongs.append(f"the vendor got {income[Role.VENDOR]} instead of {due}")
    elif income[Role.VENDOR]:
        wrongs.append(f"paid, but not completed: {income[Role.VENDOR]}")
    wrongs += [
        f"the {role.value} got {income[role]} instead of nothing"
        for role in (Role.BUYER, Role.ARBITER)
        if income[role]
    ]
    if len(set(said)) > 1:
        wrongs.append(f"several payouts were signed: {sorted(set(said))}")
    if attempts > 1 + len(kills):
        wrongs.append(f"{attempts} attempts at the key exchange for {len(kills)} kills")
    return wrongs


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
