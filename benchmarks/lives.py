"""Whole lives of escrows, from the proposal to the end, said by parties without wallets.

Of ten, six are released, three refunded, and one is called off before money. Each is set up, rests
for a while, and is then carried to its end; meanwhile its buyer connects, hears, looks and leaves.
"""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from heapq import merge
from typing import Final
from urllib.parse import urlsplit

from websockets.sync.client import connect

from benchmarks.relay import Crowd, set_up
from benchmarks.simulating import LoadFailed, say
from tests.unit.protocol.trade import Trade
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

_SPEAKERS: Final = 16
_HEAR_SECONDS: Final = 60.0


@dataclass
class Course:
    """Many lives at a steady rate."""

    crowds: Sequence[Crowd]
    per_minute: int
    rest_seconds: float
    """Between an escrow's set-up and what comes after."""
    took: list[float] = field(default_factory=list)
    """Seconds until each message was stored and answered."""
    cursors: dict[int, int] = field(default_factory=dict)
    """How far in the event log each crowd's buyer has read."""

    def run(self, count: int) -> None:
        """So many lives, each of their parts begun at its own time. Raises LoadFailed."""
        gap = 60 / self.per_minute
        begins = ((number * gap, number, False) for number in range(count))
        ends = ((number * gap + self.rest_seconds, number, True) for number in range(count))
        trades: dict[int, Future[Trade]] = {}
        ending: list[Future[None]] = []
        began = time.monotonic()
        with ThreadPoolExecutor(_SPEAKERS) as threads:
            for moment, number, over in merge(begins, ends):
                time.sleep(max(began + moment - time.monotonic(), 0.0))
                if over:
                    ending.append(threads.submit(self._end, number, trades.pop(number)))
                else:
                    trades[number] = threads.submit(self._begin, number)
                # Whoever failed is heard of now, and the others are let go.
                ending = [one for one in ending if not one.done() or one.result() is not None]
            for one in ending:
                one.result()

    def _begin(self, number: int) -> Trade:
        crowd = self._crowd(number)
        trade = set_up(crowd.identities)
        self._say(crowd, trade, after=0)
        return trade

    def _end(self, number: int, beginning: Future[Trade]) -> None:
        crowd, trade = self._crowd(number), beginning.result()
        said = len(trade.log)
        _carry_to_end(trade, number)
        place = number % len(self.crowds)
        buyer = f"Bearer {crowd.tokens[Role.BUYER].reveal()}"
        events = f"/api/events?after={self.cursors.get(place, 0)}"
        cursor = self.cursors[place] = _ask(crowd, buyer, [events])["cursor"]
        with connect(
            f"ws{crowd.coordinator.url.removeprefix('http')}/api/events/ws?after={cursor}",
            additional_headers={"Authorization": buyer},
            compression=None,
            proxy=None,
        ) as socket:
            self._say(crowd, trade, after=said)
            socket.recv(timeout=_HEAR_SECONDS)
        one = f"/api/escrow/{trade.terms.escrow_id}"
        _ask(crowd, buyer, [one, f"{one}/messages", "/api/escrow?limit=10"])

    def _say(self, crowd: Crowd, trade: Trade, *, after: int) -> None:
        messages = [admission.message for admission in trade.log[after:]]
        self.took.extend(say(crowd.coordinator.url, crowd.tokens, messages))

    def _crowd(self, number: int) -> Crowd:
        return self.crowds[number % len(self.crowds)]


def _carry_to_end(trade: Trade, number: int) -> None:
    """All that is still to be said, up to the payout that the chain has to show."""
    if number % 10 == 9:
        trade.say(Role.BUYER, Kind.CANCEL, {"reason": "changed_mind"})
        return
    trade.fund()
    if number % 10 < 6:
        trade.say(Role.BUYER, Kind.RELEASE)
    else:
        trade.say(Role.VENDOR, Kind.REFUND)
    trade.pay(secrets.token_hex(32))


def _ask(crowd: Crowd, who: str, paths: Sequence[str]) -> dict[str, int]:
    """The last answer; all of them have to be good. Raises LoadFailed."""
    place = urlsplit(crowd.coordinator.url)
    answer = b"{}"
    with closing(http.client.HTTPConnection(place.hostname or "", place.port)) as connection:
        for path in paths:
            connection.request("GET", path, headers={"Authorization": who})
            response = connection.getresponse()
            answer = response.read()
            if response.status != http.client.OK:
                raise LoadFailed(f"{path}: {response.status} {answer[:500]!r}")
    found: dict[str, int] = json.loads(answer)
    return found
