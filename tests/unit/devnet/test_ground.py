"""Blocks come while anybody waits for them, and only then."""

from __future__ import annotations

import threading
from typing import cast

from tripartite.devnet.chain import Chain
from tripartite.devnet.ground import Miner
from tripartite.domain.errors import Unavailable


class PaperChain:
    """Remembers what was mined."""

    def __init__(self) -> None:
        self.mined: list[int] = []
        self.failing = False
        self.changed = threading.Condition()

    def mine(self, blocks: int = 1) -> int:
        with self.changed:
            self.mined.append(blocks)
            self.changed.notify_all()
        if self.failing:
            raise Unavailable("the node is away")
        return sum(self.mined)

    def wait_for(self, times: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.mined) >= times, 30)


def miner_of(chain: PaperChain) -> Miner:
    return Miner(cast("Chain", chain), gathering=0.01, patience=0.01)


def test_who_comes_gets_ten_blocks_and_then_one_at_a_time() -> None:
    chain = PaperChain()
    miner = miner_of(chain)
    assert chain.mined == []

    with miner.waiting():
        chain.wait_for(3)
    miner.stop()

    assert chain.mined[:3] == [10, 1, 1]


def test_who_comes_later_gets_ten_blocks_as_well() -> None:
    chain = PaperChain()
    miner = miner_of(chain)

    with miner.waiting():
        chain.wait_for(2)
        with miner.waiting():
            chain.wait_for(len(chain.mined) + 2)
    miner.stop()

    assert chain.mined.count(10) == 2


def test_a_node_that_is_away_does_not_end_the_mining() -> None:
    chain = PaperChain()
    chain.failing = True
    miner = miner_of(chain)

    with miner.waiting():
        chain.wait_for(2)
    miner.stop()
