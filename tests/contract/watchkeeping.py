"""A node that keeps its deadlines when it is told to, and what people hear of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.contract.clock import Clock
from tests.contract.kit import Deal, Market, Person, open_account, report
from tripartite.coordinator.recovery.incidents import follow_log, watch_deadlines
from tripartite.coordinator.recovery.keys import DEADLINE, FOLLOW
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.deadlines import Durations
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind

RECOVERY = (
    "TransactionStuck",
    "ManualRecoveryRequired",
    "RecoveryCaseClosed",
    "RecoveryActionTaken",
)


def runner(durations: Durations | None = None) -> Runner:
    """One node's work on deadlines."""
    lengths = durations or Durations()
    return Runner({FOLLOW: follow_log(lengths), DEADLINE: watch_deadlines(lengths)})


def keep_watch(*nodes: Runner) -> None:
    """The nodes, one by default, read the log and look at everything that is due."""
    with write_transaction():
        wake(FOLLOW, at=now())
    for node in nodes or (runner(),):
        while node.step():
            pass


@dataclass
class Watch:
    """A market, an admin, and a clock that the test moves."""

    market: Market
    clock: Clock
    admin: Person = field(default_factory=lambda: open_account("operator", admin=True))

    def pass_hours(self, hours: float) -> None:
        """Time passes with the coordinator running."""
        self.clock.advance(hours=hours)
        keep_watch()

    def releasing_deal(self) -> Deal:
        """The buyer has released; nobody has signed anything yet."""
        deal = self.market.attested_deal()
        self.fund(deal)
        self.market.say(deal, Role.BUYER, Kind.RELEASE)
        keep_watch()
        return deal

    def fund(self, deal: Deal) -> None:
        """Both traders' wallets report the deposit."""
        for role in (Role.BUYER, Role.VENDOR):
            self.market.say(deal, role, Kind.DEPOSIT_REPORT, body=report(deal.amount))

    def heard(self, who: Role | Person, *types: str) -> list[dict[str, Any]]:
        """The recovery events that somebody got: their data, with the type."""
        person = self.market.people[who] if isinstance(who, Role) else who
        events, after = [], 0
        while True:
            page = person.api.get(f"/api/events?after={after}").body
            events += page["events"]
            if not page["events"]:
                break
            after = page["cursor"]
        return [
            {"type": one["type"], "escrow_id": one["escrow_id"], **one["data"]}
            for one in events
            if one["type"] in (types or RECOVERY)
        ]

    def stages(self, who: Role | Person) -> list[int]:
        """The stages that somebody was told of, in order."""
        return [one["stage"] for one in self.heard(who, "TransactionStuck")]
