"""The regtest chain: blocks come when they are asked for, and only then."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import httpx2

from tripartite.devnet.waiting import Fact, FactNeverCame
from tripartite.monero.monerod import KnownTransaction
from tripartite.monero.processes import MonerodProcess

_POLL_SECONDS: Final = 0.05


class Reached(Protocol):
    """A node, whoever runs it."""

    @property
    def url(self) -> str:
        """Where it answers."""


class Chain:
    """A node and its miner. Safe to share between threads."""

    def __init__(self, node: MonerodProcess, directory: Path) -> None:
        """Nobody is paid for mining until ``pay_miner`` says who."""
        self.process = node
        self._directory = directory
        self._client = node.client()
        self._miner = ""
        self._mining = threading.Lock()
        self._forgotten: dict[str, str] = {}

    @classmethod
    def start(cls, directory: Path) -> Chain:
        """A node with an empty chain that keeps everything in ``directory``.

        Raises DaemonDied, DaemonNotReady, ProgramMissing.
        """
        return cls(MonerodProcess.start(directory), directory)

    @property
    def url(self) -> str:
        """Where the node answers."""
        return self.process.url

    @property
    def height(self) -> int:
        """How many blocks there are."""
        return self._client.get_block_count()

    def pay_miner(self, address: str) -> None:
        """From now on every block's reward goes to ``address``."""
        self._miner = address

    def mine(self, blocks: int = 1) -> int:
        """Mine so many blocks; the number of blocks there are then."""
        with self._mining:
            self._client.generate_blocks(blocks, self._miner)
        return self.height

    def pop(self, blocks: int) -> int:
        """A reorganisation takes so many blocks away; the number of blocks there are then.

        Their transactions go back to the pool.
        """
        with self._mining:
            return self._client.pop_blocks(blocks)

    def forget(self, *txids: str) -> None:
        """Drop transactions from the pool, as a node does with what waits for too long."""
        for one in self._client.get_transactions(txids).found:
            self._forgotten[one.txid] = one.blob
        self._client.flush_txpool(txids)

    def send_again(self, txid: str) -> None:
        """Hand a forgotten transaction in again."""
        self._client.send_raw_transaction(self._forgotten[txid])

    def knows(self, txid: str) -> bool:
        """Whether a transaction is in the pool or in a block."""
        return self.transaction(txid) is not None

    def mine_until(
        self,
        fact: Fact,
        *,
        seconds: float = 120.0,
        patience: float = 2.0,
        what: str | None = None,
        report: Callable[[], str] | None = None,
    ) -> int:
        """Mine a block whenever ``fact`` has not come true for ``patience`` seconds.

        The number of blocks mined. Raises FactNeverCame.
        """
        deadline = time.monotonic() + seconds
        mined = 0
        while not fact():
            if time.monotonic() > deadline:
                detail = f"{mined} blocks in {seconds:.0f} s, and still not: {what or fact!r}."
                raise FactNeverCame(detail if report is None else f"{detail}\n{report()}")
            self.mine()
            mined += 1
            pause = time.monotonic() + patience
            while time.monotonic() < pause and not fact():
                time.sleep(_POLL_SECONDS)
        return mined

    def transaction(self, txid: str) -> KnownTransaction | None:
        """The transaction as the node has it; None if it doesn't."""
        found = self._client.get_transactions([txid]).found
        return found[0] if found else None

    def fee(self, txid: str) -> int:
        """What a transaction paid the miner, as ``fee_of``."""
        return fee_of(self.url, txid)

    def kill(self) -> None:
        """End the node at once, in the middle of whatever it does."""
        self.process.kill()

    def start_again(self) -> None:
        """Start the node where the wallets look for it, with the chain it had.

        Raises DaemonDied, DaemonNotReady.
        """
        self.process = MonerodProcess.start(self._directory, port=self.process.port)

    def stop(self) -> None:
        """End the node in order."""
        self._client.close()
        self.process.stop()


def fee_of(node_url: str, txid: str) -> int:
    """What a transaction paid the miner, in piconero, read from the transaction itself.

    Raises FactNeverCame when the node doesn't know it.
    """
    body = {"txs_hashes": [txid], "decode_as_json": True}
    answer = httpx2.post(f"{node_url}/get_transactions", json=body, trust_env=False).json()
    if not answer.get("txs"):
        raise FactNeverCame(f"The node doesn't know transaction {txid}.")
    return int(json.loads(answer["txs"][0]["as_json"])["rct_signatures"]["txnFee"])
