"""The ground on which many escrows are carried out at once: a chain, money, and a community.

On regtest it is a devnet whose blocks come while anybody waits for them. On a public network
(``public_ground``) the blocks are the world's and the money is the operator's; what is done on the
ground is the same.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from tripartite.devnet.chain import Chain
from tripartite.devnet.community import Community
from tripartite.devnet.network import Devnet
from tripartite.domain.deposits import UNLOCK_DEPTH
from tripartite.domain.errors import Unavailable
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import Recipient

_GATHERING_SECONDS: Final = 2.0
"""Between two bursts of blocks: each makes every wallet that waits for money look."""
_PATIENCE_SECONDS: Final = 4.0
"""Who waits so long after a burst gets one more block."""


class Ground(Protocol):
    """Where escrows take place."""

    directory: Path

    @property
    def network(self) -> Network:
        """Whose chain it is."""

    @property
    def community(self) -> Community:
        """The coordinator and its three parties."""

    def pay(self, address: str, amount: int) -> str:
        """Pay so many piconero; the transaction's id."""

    def address(self, who: Role | Recipient) -> str:
        """Where this party, or the platform, is paid."""

    def income(self) -> Mapping[Recipient, Mapping[str, int]]:
        """What each one's own wallet ever got, in piconero by transaction id."""

    def fee(self, txid: str) -> int:
        """What a transaction cost, in piconero."""

    def waiting_for_blocks(self) -> AbstractContextManager[None]:
        """Somebody waits for blocks while this lasts."""

    def troubles(self) -> list[str]:
        """Crashes and uncaught exceptions in any log."""

    def stop(self) -> None:
        """End everything; the directory stays."""


class Miner:
    """Mines while anybody waits, and only then: ten blocks for who is new, then one at a time.

    Ten, because that is what deposits and payouts wait for; gathered, because a block is work for
    every wallet that waits.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        gathering: float = _GATHERING_SECONDS,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        """Starts its thread at once. Times are in seconds."""
        self._chain = chain
        self._gathering = gathering
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting = 0
        self._new = 0
        self._over = False
        self._thread = threading.Thread(target=self._work, name="miner", daemon=True)
        self._thread.start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits for blocks while this lasts."""
        with self._changed:
            self._waiting += 1
            self._new += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1

    def stop(self) -> None:
        """Mine no more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._waiting > 0)
                # Whoever comes just after the first shares the burst.
                self._changed.wait_for(lambda: self._over, self._gathering)
                if self._over:
                    return
                new, self._new = self._new, 0
                waiting = self._waiting
            if not waiting:
                continue
            # While the node is away nobody's fact comes true; each of them says so in time.
            with contextlib.suppress(Unavailable):
                self._chain.mine(UNLOCK_DEPTH if new else 1)
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._new > 0, self._patience)


class RegtestGround:
    """A devnet, and a miner for all who wait."""

    def __init__(self, devnet: Devnet, *, community: Community | None = None) -> None:
        """``stop`` ends the devnet as well."""
        self.directory = devnet.directory
        self._devnet = devnet
        self._community = community or devnet.community
        self._miner = Miner(devnet.chain)

    @property
    def network(self) -> Network:
        """Regtest."""
        return Network.REGTEST

    @property
    def community(self) -> Community:
        """The coordinator and its three parties."""
        return self._community

    def pay(self, address: str, amount: int) -> str:
        """From the wallet that is paid for mining."""
        return self._devnet.payer.pay(address, [amount])

    def address(self, who: Role | Recipient) -> str:
        """Where this party, or the platform, is paid."""
        return self._devnet.purses.address(who)

    def income(self) -> Mapping[Recipient, Mapping[str, int]]:
        """What each one's own wallet ever got."""
        return {who: self._devnet.purses.income(who) for who in Recipient}

    def fee(self, txid: str) -> int:
        """What a transaction cost, read from itself."""
        return self._devnet.chain.fee(txid)

    def waiting_for_blocks(self) -> AbstractContextManager[None]:
        """Blocks come."""
        return self._miner.waiting()

    def troubles(self) -> list[str]:
        """Crashes and uncaught exceptions in any log."""
        return self._devnet.troubles()

    def let_go(self) -> None:
        """End the miner; the devnet is somebody else's."""
        self._miner.stop()

    def stop(self) -> None:
        """End everything; the directory stays."""
        self._miner.stop()
        self._devnet.stop()
