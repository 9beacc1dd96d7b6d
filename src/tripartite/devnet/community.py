"""A coordinator and the three parties who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tripartite.devnet.chain import Reached
from tripartite.devnet.children import Children
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.devnet.party import USUAL_PACE, Party
from tripartite.domain.parties import Network, Role
from tripartite.domain.secrets import Secret

COORDINATOR_WAVE: Final = 1
PARTY_WAVE: Final = 2


class Community:
    """One coordinator, three agents, each a process with a directory of its own."""

    def __init__(self, coordinator: CoordinatorProcess, parties: Mapping[Role, Party]) -> None:
        """Use ``start``."""
        self.coordinator = coordinator
        self.parties = parties

    @classmethod
    def start(
        cls,
        children: Children,
        directory: Path,
        *,
        chain: Reached,
        addresses: Callable[[Role], str],
        database_url: str | None = None,
        public_name: str = "127.0.0.1",
        proxies: Mapping[Role, str] | None = None,
        network: Network = Network.REGTEST,
        pace: Sequence[str] = USUAL_PACE,
    ) -> Community:
        """Start them; returns when all agents are paired and ready.

        ``addresses`` tells where each wants to be paid: asked for last, as making wallets takes its
        time. ``proxies`` are SOCKS5 proxies (``socks5h://host:port``) for some of the agents, ``pace``
        words of ``agent run`` for each.
        """
        coordinator = CoordinatorProcess(
            directory / "coordinator",
            node_url=chain.url,
            database_url=database_url,
            public_name=public_name,
            network=network,
        )
        coordinator.start()
        # Kept once it runs: if everything is being ended meanwhile, this ends it.
        children.keep(coordinator, wave=COORDINATOR_WAVE)

        def join(role: Role) -> Party:
            party = Party(
                role,
                directory / role.value,
                coordinator=coordinator,
                node_url=chain.url,
                proxy=(proxies or {}).get(role),
                network=network,
                pace=pace,
            )
            party.join(Secret(secrets.token_urlsafe(16)))
            party.start()
            children.keep(party, wave=PARTY_WAVE)
            party.address = addresses(role)
            return party

        joining = {role: children.beside(partial(join, role)) for role in Role}
        return cls(coordinator, {role: one.result() for role, one in joining.items()})

    def __getitem__(self, role: Role) -> Party:
        """The party in this role."""
        return self.parties[role]

    def pids(self) -> dict[str, int]:
        """The process ids of what runs."""
        found = {"coordinator": self.coordinator.pid}
        found |= {f"{role.value} agent": party.pid for role, party in self.parties.items()}
        return {name: pid for name, pid in found.items() if pid is not None}
