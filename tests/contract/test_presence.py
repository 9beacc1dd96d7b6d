"""Stories about agents that speak up, and fall silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.clock import Clock
from tests.contract.kit import Deal, Market
from tests.contract.watchkeeping import Watch
from tripartite.coordinator.presence.watching import PRESENCE, watch_presence
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.parties import Role

PATIENCE = timedelta(seconds=180)


@pytest.fixture
def watch(market: Market, clock: Clock) -> Watch:
    return Watch(market, clock)


def beat(watch: Watch, *roles: Role) -> None:
    for role in roles:
        assert watch.market.people[role].api.post("/api/agent/heartbeat", {}).status == 204


def minutes_pass(watch: Watch, minutes: float) -> None:
    watch.clock.advance(hours=minutes / 60)
    runner = Runner({PRESENCE: watch_presence(patience=PATIENCE)})
    while runner.step():
        pass


def shown(watch: Watch, deal: Deal, role: Role) -> Any:  # noqa: ANN401 — JSON of the API
    path = f"/api/escrow/{deal.escrow_id}"
    return watch.market.people[Role.BUYER].api.get(path).body["parties"][role.value]["agent"]


def test_an_agent_is_online_while_it_speaks_up_and_offline_since_it_stopped(watch: Watch) -> None:
    deal = watch.releasing_deal()
    assert shown(watch, deal, Role.VENDOR) is None
    beat(watch, Role.VENDOR)
    first = shown(watch, deal, Role.VENDOR)
    for _ in range(4):
        minutes_pass(watch, 1)
        beat(watch, Role.VENDOR)

    assert shown(watch, deal, Role.VENDOR) == {"online": True, "since": first["since"]}
    minutes_pass(watch, 4)
    gone = shown(watch, deal, Role.VENDOR)
    assert gone["online"] is False
    assert gone["since"] > first["since"]
    beat(watch, Role.VENDOR)
    assert shown(watch, deal, Role.VENDOR)["online"] is True


def test_its_owner_and_those_who_wait_for_it_hear_of_it_once(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.market.attested_deal()
    beat(watch, *Role)
    minutes_pass(watch, 2)
    beat(watch, Role.BUYER, Role.ARBITER)
    for _ in range(3):
        minutes_pass(watch, 2)
        beat(watch, Role.BUYER, Role.ARBITER)

    def heard(role: Role) -> list[tuple[str, Any]]:
        return [(one["escrow_id"], one["role"]) for one in watch.heard(role, "AgentOffline")]

    assert heard(Role.BUYER) == [(deal.escrow_id, "vendor")], "the other escrow waits for the buyer"
    assert heard(Role.VENDOR) == [("", None), (deal.escrow_id, "vendor")]
    assert heard(Role.ARBITER) == [(deal.escrow_id, "vendor")]


def test_an_arbiter_of_quiet_escrows_goes_away_without_a_noise(watch: Watch) -> None:
    watch.market.attested_deal()
    watch.releasing_deal()
    beat(watch, Role.ARBITER)

    minutes_pass(watch, 10)

    assert watch.heard(Role.BUYER, "AgentOffline") == []
    assert len(watch.heard(Role.ARBITER, "AgentOffline")) == 1
