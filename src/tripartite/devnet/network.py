"""A whole Tripartite on one machine, in one call: chain, wallets, coordinator, three agents.

Everything is below one directory, on free ports of the loopback address, and ends when we end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from tripartite.devnet import programs
from tripartite.devnet.chain import Chain
from tripartite.devnet.children import Children
from tripartite.devnet.community import Community
from tripartite.devnet.party import USUAL_PACE
from tripartite.devnet.purses import FIRST_BLOCKS, Payer, Purses
from tripartite.domain.errors import Refused
from tripartite.domain.parties import Role

_NODE_WAVE: Final = 0
_WALLET_WAVE: Final = 1


class DirectoryInUse(Refused):
    """A devnet needs a directory of its own."""

    code: ClassVar[str] = "devnet_directory_in_use"


class Devnet:
    """What runs, and where. ``stop`` ends it."""

    def __init__(
        self,
        directory: Path,
        children: Children,
        *,
        chain: Chain,
        payer: Payer,
        purses: Purses,
        community: Community,
    ) -> None:
        """Use ``start``."""
        self.directory = directory
        self.chain = chain
        self.payer = payer
        self.purses = purses
        self.community = community
        self.communities = [community]
        """All that were started on this chain, the first one included."""
        self._children = children

    @classmethod
    def start(cls, directory: Path, *, pace: Sequence[str] = USUAL_PACE) -> Devnet:
        """Start all of it in ``directory``, which has to be new or empty.

        Returns when the payer has money and the agents are paired; ``pace`` is how these work.
        Whatever goes wrong, Ctrl-C included, nothing is left running. Raises DirectoryInUse,
        DaemonDied, DaemonNotReady, ProgramMissing, CommandFailed.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DirectoryInUse(f"{directory} isn't empty; choose another one.")
        children = Children()
        started = False
        try:
            devnet = cls._start(directory, children, pace)
            started = True
        finally:
            if not started:
                children.stop()
        return devnet

    @classmethod
    def _start(cls, directory: Path, children: Children, pace: Sequence[str]) -> Devnet:
        chain = children.keep(Chain.start(directory / "monerod"), wave=_NODE_WAVE)

        def earn() -> Payer:
            payer = children.keep(Payer.start(directory / "payer", chain), wave=_WALLET_WAVE)
            chain.pay_miner(payer.address)
            chain.mine(FIRST_BLOCKS)
            return payer

        purses = children.start(
            lambda: Purses.start(directory / "purses", chain),
            wave=_WALLET_WAVE,
        )
        payer = children.beside(earn)
        community = Community.start(
            children,
            directory,
            chain=chain,
            addresses=lambda role: purses.result().address(role),
            pace=pace,
        )
        return cls(
            directory,
            children,
            chain=chain,
            payer=payer.result(),
            purses=purses.result(),
            community=community,
        )

    def another_community(
        self,
        name: str,
        *,
        database_url: str | None = None,
        public_name: str = "127.0.0.1",
        proxies: Mapping[Role, str] | None = None,
    ) -> Community:
        """One more coordinator with three agents of its own, on the same chain."""
        community = Community.start(
            self._children,
            self.directory / name,
            chain=self.chain,
            addresses=self.purses.address,
            database_url=database_url,
            public_name=public_name,
            proxies=proxies,
        )
        self.communities.append(community)
        return community

    def pids(self) -> dict[str, int]:
        """The process ids of what we started; the agents' own wallets come on top."""
        return {
            "monerod": self.chain.process.daemon.pid,
            "payer wallet": self.payer.process.daemon.pid,
            "parties' own wallets": self.purses.process.daemon.pid,
            **self.community.pids(),
        }

    def troubles(self) -> list[str]:
        """Crashes and uncaught exceptions in any log."""
        return programs.troubles(self.directory)

    def stop(self) -> None:
        """End everything; the directory stays."""
        self._children.stop()
