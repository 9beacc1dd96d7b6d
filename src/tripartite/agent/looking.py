"""When each escrow that waits for the chain is looked at next.

A look at a deposit opens a wallet, which is the dearest thing an agent does while nothing happens.
So it is made when the own node has something new: a block, or, where money is still awaited, another
pool. Between two looks at one escrow there is a pause all the same, as a busy pool changes all the
time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tripartite.agent.desk import Pace
from tripartite.agent.journal import StoredCase
from tripartite.domain.lifecycle import Event, State, Teller, is_open
from tripartite.protocol.next_step import Doing, WatchDeposit


@dataclass(frozen=True, slots=True)
class Moment:
    """When a look began: by the clock, and by what the own node had shown until then."""

    at: float
    blocks: int
    pools: int


@dataclass(frozen=True, slots=True)
class _Look:
    state: State
    step: Doing
    began: Moment
    pause: float
    due: float
    for_pool: bool


class Looks:
    """The last look at each escrow. Safe to share between threads."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float]) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}
        self._blocks = self._pools = 0

    def now(self) -> Moment:
        """Take this before a look, so that what happens meanwhile isn't missed."""
        return Moment(self._monotonic(), self._blocks, self._pools)

    def made(self, case: StoredCase, step: Doing, began: Moment, pause: float) -> float:
        """A look found nothing to do; seconds until the next, if nothing happens.

        While the node is asked for news, a deposit waits for them; the seldom look in between only
        mends what went wrong unseen.
        """
        told = self._blocks > 0 and isinstance(step, WatchDeposit)
        due = began.at + (self._pace.seldom if told else pause)
        for_pool = is_open(case.record.state, Event.DEPOSIT_CONFIRMED, by=Teller.WALLETS)
        look = _Look(case.record.state, step, began, pause, due, for_pool)
        with self._lock:
            self._looks[case.escrow_id] = look
        return max(self._due(look) - self._monotonic(), 0.0)

    def left(self, case: StoredCase, step: Doing) -> float:
        """Seconds until this escrow is looked at; not above 0 if that is now."""
        with self._lock:
            look = self._looks.get(case.escrow_id)
        if look is None or (look.state, look.step) != (case.record.state, step):
            return 0.0
        return self._due(look) - self._monotonic()

    def forget(self, escrow_id: str) -> None:
        """Look at once."""
        with self._lock:
            self._looks.pop(escrow_id, None)

    def stir(self, *, block: bool) -> set[str]:
        """The own node shows another block, or another pool; the escrows that wait for that."""
        with self._lock:
            if block:
                self._blocks += 1
            else:
                self._pools += 1
            return {one for one, look in self._looks.items() if block or look.for_pool}

    def _due(self, look: _Look) -> float:
        news = look.began.blocks != self._blocks
        news = news or (look.for_pool and look.began.pools != self._pools)
        return min(look.due, look.began.at + look.pause) if news else look.due
