"""The words of the stories: a market with a buyer, a vendor and an arbiter, and their deals."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from tripartite.devnet import programs
from tripartite.devnet.api import Api
from tripartite.devnet.community import Community
from tripartite.devnet.coordinator_process import CoordinatorProcess
from tripartite.devnet.deals import PATIENCE, Deal
from tripartite.devnet.network import Devnet
from tripartite.devnet.party import Party
from tripartite.devnet.waiting import Fact, until
from tripartite.domain.lifecycle import Event, Teller, is_open
from tripartite.domain.money import ATOMIC
from tripartite.domain.parties import Role
from tripartite.domain.secrets import Secret
from tripartite.protocol.identity import Identity


class Market:
    """Three people, their coordinator, and the chain. Shared by stories; deals are each story's."""

    def __init__(self, devnet: Devnet, community: Community | None = None) -> None:
        self.devnet = devnet
        self.community = community or devnet.community
        self.deals: list[Deal] = []

    @property
    def buyer(self) -> Party:
        return self.community[Role.BUYER]

    @property
    def vendor(self) -> Party:
        return self.community[Role.VENDOR]

    @property
    def arbiter(self) -> Party:
        return self.community[Role.ARBITER]

    @property
    def parties(self) -> Mapping[Role, Party]:
        return self.community.parties

    @property
    def coordinator(self) -> CoordinatorProcess:
        return self.community.coordinator

    def proposed_deal(self, *, amount: int = 2 * ATOMIC, more: Sequence[str] = ()) -> Deal:
        """The buyer has proposed; ``more`` words of the command say what isn't usual."""
        deal = Deal.propose(self.devnet, self.community, amount=amount, more=more)
        self.deals.append(deal)
        return deal

    def accepted_deal(self, *, amount: int = 2 * ATOMIC, more: Sequence[str] = ()) -> Deal:
        """Vendor and arbiter have accepted; the agents do the rest by themselves."""
        deal = self.proposed_deal(amount=amount, more=more)
        deal.accept()
        return deal

    def keyed_deal(self, *, amount: int = 2 * ATOMIC, more: Sequence[str] = ()) -> Deal:
        """There is a deposit address that all three attested."""
        deal = self.accepted_deal(amount=amount, more=more)
        deal.until(deal.is_keyed)
        return deal

    def funded_deal(self, *, amount: int = 2 * ATOMIC, more: Sequence[str] = ()) -> Deal:
        """The deposit is there and confirmed."""
        deal = self.keyed_deal(amount=amount, more=more)
        deal.fund()
        return deal

    def identity(self, role: Role) -> Identity:
        """A party's secret identity, to forge words in its name."""
        return self.community[role].identity()

    def stranger(self) -> Api:
        """The coordinator, as somebody who has an account and takes part in nothing."""
        with self.coordinator.api() as api:
            name = f"stranger-{secrets.token_hex(4)}"
            token = api.open_account(name, Secret(secrets.token_urlsafe(16)))
        return self.coordinator.api(token)

    def audit_is_intact(self) -> bool:
        """Whether the coordinator's event log is what was written."""
        done = programs.run(
            "audit", "verify",
            directory=self.coordinator.directory, settings=self.coordinator.settings(),
        )  # fmt: skip
        return done.returncode == 0 and done.stdout.startswith("intact")

    def coordinator_knows(self, *texts: str) -> bool:
        """Whether any of these texts stands in a file of the coordinator."""
        files = [one for one in self.coordinator.directory.rglob("*") if one.is_file()]
        return any(text.encode() in one.read_bytes() for one in files for text in texts)

    def mine(self, blocks: int = 1) -> None:
        """Some blocks go by."""
        self.devnet.chain.mine(blocks)

    def until(self, fact: Fact, *, what: str | None = None, seconds: float = PATIENCE) -> None:
        """Wait for a fact; who waits in vain reads how everything stands."""
        until(fact, seconds=seconds, what=what, report=self.report)

    def report(self) -> str:
        """How everything stands."""
        standing = [deal.standing() for deal in self.deals]
        return "\n\n".join((*standing, programs.log_tails(self.devnet.directory)))

    def call_off(self) -> None:
        """Cancel what a story left without money, so that no agent goes on watching it."""
        for deal in self.deals:
            if is_open(deal.state, Event.CANCELLED, by=Teller.BUYER):
                deal.buyer.cancel()

    def attend(self) -> None:
        """These agents work; those of other communities sleep, as every block would wake them."""
        for other in self.devnet.communities:
            if other is not self.community:
                for party in other.parties.values():
                    if party.pid is not None:
                        party.pause()
        for party in self.parties.values():
            party.resume()
        # An arbiter who slept for long isn't given new escrows before their agent speaks up again.
        if self.coordinator.pid is not None:
            with self.arbiter.api() as api:
                api.ask("POST", "/api/agent/heartbeat", {})

    def mend(self) -> None:
        """Start again what a story left stopped."""
        if self.coordinator.pid is None:
            self.coordinator.start()
        self.attend()
        for party in self.parties.values():
            if party.pid is None:
                party.start()
