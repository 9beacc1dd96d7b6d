"""Stories about arbiters: whose turn it is, and panels that recommend."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.clock import Clock
from tests.contract.kit import Answer, Market, Person, open_account
from tests.contract.test_recovery import NOTES
from tests.contract.watchkeeping import Watch
from tripartite.coordinator.accounts.models import Account
from tripartite.coordinator.events import audit
from tripartite.domain.parties import Role
from tripartite.domain.rotation import Candidate, rotation
from tripartite.protocol.canonical import parse
from tripartite.protocol.vote import Choice, write_vote


@pytest.fixture
def watch(market: Market, clock: Clock) -> Watch:
    return Watch(market, clock)


def arbiters(*names: str, online: bool = True) -> dict[str, Person]:
    found = {name: open_account(name) for name in names}
    Account.objects.filter(name__in=names).update(is_arbiter=True)
    for one in found.values() if online else ():
        one.api.post("/api/agent/heartbeat", {})
    return found


def draw(market: Market, role: Role, other: Role) -> Any:  # noqa: ANN401 — JSON of the API
    return market.people[role].api.post("/api/arbiters/assignment", {"other": other.value})


def test_a_draw_can_be_checked_by_everybody(market: Market) -> None:
    arbiters("ada", "ben", "cyd")

    drawn = draw(market, Role.BUYER, Role.VENDOR).body

    candidates = [Candidate(one["name"], one["open_work"]) for one in drawn["candidates"]]
    assert [one.name for one in candidates] == ["ada", "ben", "cyd"]
    assert drawn["arbiter"] == rotation(candidates, seed=drawn["seed"])[0]
    assert drawn["seed"].endswith(":buyer:vendor")
    assert drawn["seed"].partition(":")[0] == audit.verify().hash


def test_nobody_draws_until_the_result_pleases(market: Market) -> None:
    arbiters("ada", "ben", "cyd", "dee")
    first = draw(market, Role.BUYER, Role.VENDOR).body
    market.proposed_deal()  # the log has grown: a new draw would have another seed

    assert draw(market, Role.BUYER, Role.VENDOR).body == first
    assert draw(market, Role.VENDOR, Role.BUYER).body == first, "nor the other one"


def test_an_arbiter_whose_agent_is_offline_is_given_nothing(market: Market) -> None:
    arbiters("ada", online=False)
    nobody: Answer = draw(market, Role.BUYER, Role.VENDOR)
    assert (nobody.status, nobody.body["code"]) == (503, "no_arbiter_free")
    arbiters("ben")

    assert draw(market, Role.BUYER, Role.VENDOR).body["arbiter"] == "ben"


def test_an_arbiter_with_less_open_work_comes_first(market: Market) -> None:
    Account.objects.filter(name="arbiter").update(is_arbiter=True)
    market.people[Role.ARBITER].api.post("/api/agent/heartbeat", {})
    market.proposed_deal()
    arbiters("ada")

    assert draw(market, Role.BUYER, Role.VENDOR).body["arbiter"] == "ada"
    listed = market.people[Role.BUYER].api.get("/api/arbiters").body["arbiters"]
    assert [(one["name"], one["online"], one["open_work"]) for one in listed] == [
        ("ada", True, 0),
        ("arbiter", True, 1),
    ]


def escalate(watch: Watch) -> Answer:
    deal = watch.releasing_deal()
    watch.pass_hours(48)
    return watch.admin.api.post(
        f"/api/admin/recovery/{deal.escrow_id}/action",
        {"action": "escalate_governance", "admin_notes": NOTES},
    )


def cast_vote(person: Person, panel: int, choice: Choice, *, by: Person | None = None) -> Answer:
    """Vote on what the panel was asked, signed by the voter or by somebody else."""
    (found,) = person.api.get("/api/recovery/panels").body["panels"]
    text = write_vote((by or person).identity, parse(found["question"].encode()), choice)
    return person.api.post(f"/api/recovery/panels/{panel}/votes", {"vote": text})


def test_the_majority_of_a_panel_recommends_and_moves_nothing(watch: Watch) -> None:
    members = arbiters("ada", "ben", "cyd")
    number = escalate(watch).body["action_id"]
    assert all(watch.heard(one, "VoteRequested") for one in members.values())

    assert cast_vote(members["ada"], number, Choice.REFUND).body["recommendation"] is None
    assert cast_vote(members["ben"], number, Choice.RELEASE).body["recommendation"] is None
    done = cast_vote(members["cyd"], number, Choice.RELEASE).body

    assert done["recommendation"] == "release"
    (heard,) = watch.heard(Role.BUYER, "RecommendationMade")
    assert (heard["recommendation"], heard["votes"], heard["seats"]) == ("release", 2, 3)
    assert len(watch.heard(watch.admin, "RecommendationMade")) == 1
    (case,) = watch.admin.api.get("/api/admin/recovery/list").body["cases"]
    assert case["original_status"] == "releasing"
    assert {one["member"]: one["choice"] for one in case["panels"][0]["votes"]} == {
        "ada": "refund",
        "ben": "release",
        "cyd": "release",
    }


def test_a_vote_counts_only_if_its_member_signed_it_and_once(watch: Watch) -> None:
    members = arbiters("ada", "ben", "cyd")
    outsider = open_account("outsider")
    number = escalate(watch).body["action_id"]
    ada, ben = members["ada"], members["ben"]

    assert cast_vote(ada, number, Choice.RELEASE, by=ben).body["code"] == "signature_invalid"
    assert cast_vote(ada, number, Choice.RELEASE).status == 200
    assert cast_vote(ada, number, Choice.RELEASE).status == 200
    assert cast_vote(ada, number, Choice.REFUND).body["code"] == "voted_already"
    other = write_vote(ben.identity, {"panel": number}, Choice.RELEASE)
    path = f"/api/recovery/panels/{number}/votes"
    assert ben.api.post(path, {"vote": other}).body["code"] == "vote_for_another"
    assert outsider.api.post(path, {"vote": other}).body["code"] == "panel_unknown"
    assert outsider.api.get("/api/recovery/panels").body == {"panels": []}


def test_a_panel_needs_arbiters_who_do_not_take_part(watch: Watch) -> None:
    arbiters("ada", "ben")
    Account.objects.filter(name="arbiter").update(is_arbiter=True)

    answer = escalate(watch)

    assert (answer.status, answer.body["code"]) == (409, "panel_too_small")
    assert watch.heard(Role.BUYER, "RecoveryActionTaken") == []
