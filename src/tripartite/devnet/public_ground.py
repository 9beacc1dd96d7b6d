"""The same ground on a public test network: somebody's node, somebody's wallet, the world's blocks.

The coordinator and the three agents are ours and end with us. The node is the operator's, and so is
the money: the operator's own wallet-rpc pays every deposit. Payouts go to wallets made for this
validation, which hand everything back at the end, less the network fees.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tripartite.devnet import programs
from tripartite.devnet.chain import fee_of
from tripartite.devnet.children import Children
from tripartite.devnet.community import Community
from tripartite.devnet.network import DirectoryInUse
from tripartite.devnet.purses import BorrowedPayer, Purses
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Network, Role
from tripartite.domain.settlement import Recipient
from tripartite.monero.connection import Login
from tripartite.monero.errors import NothingUnlocked
from tripartite.monero.monerod import Monerod, NodeInfo

_WALLET_WAVE: Final = 1
_PAY_AGAIN_SECONDS: Final = 30.0
_PAY_PATIENCE: Final = 2 * 3_600.0
"""Change can be spent after ten blocks, which take 20 minutes; a few of such waits may follow."""


class RealMoneyRefused(Refused):
    """A validation must not be run with real money."""

    code: ClassVar[str] = "real_money_refused"


@dataclass(frozen=True, slots=True)
class PublicNode:
    """Where somebody's node answers."""

    url: str


class PublicGround:
    """A community of ours on a chain that is not."""

    def __init__(
        self,
        directory: Path,
        children: Children,
        *,
        node: PublicNode,
        network: Network,
        payer: BorrowedPayer,
        purses: Purses,
        community: Community,
    ) -> None:
        """Use ``start``."""
        self.directory = directory
        self._children = children
        self._node = node
        self._network = network
        self._payer = payer
        self._purses = purses
        self._community = community

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        node_url: str,
        payer_url: str,
        payer_login: Login | None,
        pace: Sequence[str],
    ) -> PublicGround:
        """Start coordinator, agents and receiving wallets in ``directory``, new or empty.

        Which network it is, the node says. Raises DirectoryInUse, RealMoneyRefused, and what node
        and wallet answer; nothing is left running then.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DirectoryInUse(f"{directory} isn't empty; choose another one.")
        node = PublicNode(node_url)
        with Monerod(node_url) as client:
            network = worthless_network(client.get_info())
        children = Children()
        started = False
        try:
            payer = children.keep(BorrowedPayer(payer_url, payer_login), wave=_WALLET_WAVE)
            purses = children.keep(
                Purses.start(directory / "purses", node, network=network), wave=_WALLET_WAVE
            )
            community = Community.start(
                children,
                directory,
                chain=node,
                addresses=purses.address,
                network=network,
                pace=pace,
            )
            started = True
        finally:
            if not started:
                children.stop()
        return cls(
            directory,
            children,
            node=node,
            network=network,
            payer=payer,
            purses=purses,
            community=community,
        )

    @property
    def network(self) -> Network:
        """What the node said."""
        return self._network

    @property
    def community(self) -> Community:
        """The coordinator and its three parties."""
        return self._community

    def pay(self, address: str, amount: int) -> str:
        """From the operator's wallet; waits while all its change is too young to be spent."""
        deadline = time.monotonic() + _PAY_PATIENCE
        while True:
            try:
                return self._payer.pay(address, amount)
            except NothingUnlocked:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAY_AGAIN_SECONDS)

    def address(self, who: Role | Recipient) -> str:
        """Where this party, or the platform, is paid."""
        return self._purses.address(who)

    def income(self) -> Mapping[Recipient, Mapping[str, int]]:
        """What each one's own wallet ever got."""
        return {who: self._purses.income(who) for who in Recipient}

    def fee(self, txid: str) -> int:
        """What a transaction cost, read from itself."""
        return fee_of(self._node.url, txid)

    def waiting_for_blocks(self) -> AbstractContextManager[None]:
        """The world mines."""
        return nullcontext()

    def troubles(self) -> list[str]:
        """Crashes and uncaught exceptions in any log."""
        return programs.troubles(self.directory)

    def hand_back(self) -> int:
        """Send to the operator what the receiving wallets can spend; how many piconero that was."""
        return sum(self._purses.hand_back(self._payer.address).values())

    def stop(self) -> None:
        """End what is ours; the directory stays, as its wallets may hold money."""
        self._children.stop()


def worthless_network(info: NodeInfo) -> Network:
    """The network a node says it is on. Raises RealMoneyRefused."""
    if info.network is Network.MAINNET:
        raise RealMoneyRefused("Name a node on stagenet: this one is on mainnet.")
    return info.network
