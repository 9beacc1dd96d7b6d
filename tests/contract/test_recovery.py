"""Stories about what an admin does when an escrow is stuck."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from tests.contract.clock import Clock
from tests.contract.kit import TX, Answer, Deal, Market, Person
from tests.contract.test_watching import ScriptedNode
from tests.contract.watchkeeping import Watch, keep_watch
from tripartite.coordinator.accounts.tokens import caller_of
from tripartite.coordinator.events import audit
from tripartite.coordinator.recovery import actions
from tripartite.coordinator.recovery.actions import Kind as Act
from tripartite.coordinator.recovery.actions import Wish
from tripartite.coordinator.recovery.cases import shown_action
from tripartite.coordinator.recovery.models import Action, Incident
from tripartite.coordinator.storing import now
from tripartite.coordinator.watch.keys import PAYOUT, payout_key
from tripartite.coordinator.watch.node import OwnNode
from tripartite.coordinator.watch.payouts import watch_payouts
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.runner import Runner
from tripartite.domain.parties import Network, Role
from tripartite.protocol.envelope import Kind

NOTES = "Called the vendor: the wallet is back within the hour."


@pytest.fixture
def watch(market: Market, clock: Clock) -> Watch:
    return Watch(market, clock)


def act(
    who: Person, deal: Deal, action: str, notes: str = NOTES, *, key: str | None = None
) -> Answer:
    body = {"action": action, "admin_notes": notes}
    return who.api.post(f"/api/admin/recovery/{deal.escrow_id}/action", body, key=key)


def listed(watch: Watch, query: str = "") -> Any:  # noqa: ANN401 — JSON of the API
    answer = watch.admin.api.get("/api/admin/recovery/list" + query)
    assert answer.status == 200, answer.body
    return answer.body


def retry(watch: Watch, deal: Deal, node: ScriptedNode) -> dict[str, str]:
    """An admin retries with this node; what each part answered."""
    action = actions.take(
        Wish(caller_of(watch.admin.token), deal.escrow_id, Act.RETRY_TRANSACTION, NOTES),
        own=OwnNode(Network.REGTEST, lambda: node),
        investigated=timedelta(hours=24),
        remember=lambda _: None,
    )
    shown: Any = shown_action(Action.objects.get(pk=action.pk))["report"]
    return {one["who"]: one["result"] for one in shown}


def chain_watcher(node: ScriptedNode) -> Runner:
    own = OwnNode(Network.REGTEST, lambda: node)
    return Runner({PAYOUT: watch_payouts(own, required=10, pause=timedelta(hours=1))})


def test_the_list_holds_what_needs_a_person_the_oldest_first(watch: Watch) -> None:
    first = watch.releasing_deal()
    watch.pass_hours(1)
    second = watch.releasing_deal()
    watch.pass_hours(1)
    disputed = watch.market.disputed_deal()
    fresh = watch.releasing_deal()
    watch.pass_hours(47)

    found = listed(watch)

    assert found["total_cases"] == 3
    assert [case["escrow_id"] for case in found["cases"]] == [
        first.escrow_id,
        second.escrow_id,
        disputed.escrow_id,
    ]
    case = found["cases"][0]
    assert (case["status"], case["original_status"], case["stage"], case["hours_stuck"]) == (
        "releasing_recovery_needed",
        "releasing",
        4,
        49,
    )
    assert case["waiting_on"] == [
        {"role": "buyer", "what": "export_info"},
        {"role": "vendor", "what": "export_info"},
    ]
    assert found["cases"][2]["stage"] == 0, "a dispute is shown from its first day"
    assert fresh.escrow_id not in str(found)
    page = listed(watch, "?offset=1&limit=1")
    assert [case["escrow_id"] for case in page["cases"]] == [second.escrow_id]
    assert page["total_cases"] == 3


def test_who_may_not_act_and_on_what(watch: Watch) -> None:
    deal = watch.releasing_deal()
    on_time = act(watch.admin, deal, "retry_transaction")
    watch.pass_hours(48)
    buyer = watch.market.people[Role.BUYER]

    assert (on_time.status, on_time.body["code"]) == (409, "escrow_not_stuck")
    forbidden = act(buyer, deal, "retry_transaction")
    assert (forbidden.status, forbidden.body["code"]) == (403, "admins_only")
    assert buyer.api.get("/api/admin/recovery/list").status == 403
    assert act(watch.admin, deal, "retry_transaction", "too short").status == 422
    assert act(watch.admin, deal, "retry_transaction", "x" * 1_001).status == 422
    assert act(watch.admin, deal, "move_the_money").status == 422
    unknown = act(watch.admin, watch.market.deal(), "retry_transaction")
    assert (unknown.status, unknown.body["code"]) == (404, "escrow_unknown")
    assert not Action.objects.exists()
    assert act(watch.admin, deal, "retry_transaction", "ten chars!").status == 200


def test_an_act_is_told_to_the_parties_and_its_reason_to_the_admins(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(48)

    answer = act(watch.admin, deal, "mark_investigated")

    assert answer.body["success"] is True
    (told,) = watch.heard(Role.VENDOR, "RecoveryActionTaken")
    assert told["action"] == "mark_investigated"
    assert "admin_notes" not in told
    (mine,) = watch.heard(watch.admin, "RecoveryActionTaken")
    assert (mine["admin_notes"], mine["by"]) == (NOTES, "operator")
    (shown,) = listed(watch)["cases"][0]["actions"]
    assert (shown["admin_notes"], shown["by"]) == (NOTES, "operator")
    assert audit.verify().events > 0


def test_the_same_act_sent_twice_is_done_once(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(48)

    first = act(watch.admin, deal, "contact_arbiter", key="k1")
    again = act(watch.admin, deal, "contact_arbiter", key="k1")

    assert first.body == again.body
    assert Action.objects.count() == 1
    assert len(watch.heard(Role.ARBITER, "ArbiterContacted")) == 1


def test_investigated_is_quiet_for_the_stated_time_and_then_loud_again(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(7)

    answer = act(watch.admin, deal, "mark_investigated")

    until = datetime.fromisoformat(answer.body["quiet_until"])
    assert timedelta(hours=23.9) < until - now() <= timedelta(hours=24)
    watch.pass_hours(23.9)
    assert watch.stages(Role.VENDOR) == [1]
    watch.pass_hours(0.2)
    assert watch.stages(Role.VENDOR) == [1, 3]
    watch.pass_hours(1_000)
    assert watch.stages(Role.VENDOR) == [1, 3, 4]


def test_a_case_marked_as_investigated_comes_back_although_no_stage_is_left(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(50)
    act(watch.admin, deal, "mark_investigated")
    assert listed(watch)["cases"][0]["quiet_until"] is not None

    watch.pass_hours(25)

    assert watch.stages(Role.VENDOR) == [4, 4]
    assert len(watch.heard(watch.admin, "ManualRecoveryRequired")) == 2


def test_an_arbiter_who_is_called_acknowledges_and_nobody_else_can(watch: Watch) -> None:
    watch.market.disputed_deal()
    keep_watch()
    watch.pass_hours(170)
    deal = listed(watch)["cases"][0]["escrow_id"]

    called = watch.admin.api.post(
        f"/api/admin/recovery/{deal}/action",
        {"action": "contact_arbiter", "admin_notes": NOTES},
    ).body

    assert [(one["who"], one["result"]) for one in called["report"]] == [("arbiter", "asked")]
    (heard,) = watch.heard(Role.ARBITER, "ArbiterContacted")
    assert watch.heard(Role.BUYER, "ArbiterContacted") == []
    path = f"/api/recovery/{heard['action_id']}/acknowledge"
    assert watch.market.people[Role.VENDOR].api.post(path, {}).status == 404
    assert watch.market.people[Role.ARBITER].api.post(path, {}).status == 200
    (action,) = listed(watch)["cases"][0]["actions"]
    assert action["report"][0]["result"] == "acknowledged"


def test_a_retry_finds_the_payout_mined_and_the_case_closes_with_that_outcome(
    watch: Watch,
) -> None:
    """Nobody's node told us; the chain is asked before anything is sent."""
    deal = watch.market.broadcast_deal()
    keep_watch()
    watch.pass_hours(48)
    WorkItem.objects.filter(key=payout_key(deal.escrow_id)).update(due=None)
    node = ScriptedNode()
    node.mined(confirmations=12)

    assert retry(watch, deal, node) == {"chain": "mined"}

    assert node.sent == []
    while chain_watcher(node).step():
        pass
    keep_watch()
    closed = Incident.objects.get()
    assert (closed.outcome, closed.cleared_at is not None) == ("completed", True)
    assert listed(watch)["cases"] == []
    assert watch.heard(Role.VENDOR)[-1]["type"] == "RecoveryCaseClosed"


def test_a_retry_is_not_deceived_by_a_payment_of_something_else(watch: Watch) -> None:
    deal = watch.market.broadcast_deal()
    keep_watch()
    watch.pass_hours(48)
    node = ScriptedNode()
    node.spends = "00" * 32
    node.mined(confirmations=12)

    assert retry(watch, deal, node) == {"chain": "elsewhere", "buyer": "asked", "vendor": "asked"}

    assert node.sent == []


def test_a_retry_sends_again_what_was_signed_and_lost(watch: Watch) -> None:
    deal = watch.market.broadcast_deal()
    keep_watch()
    watch.pass_hours(48)
    node = ScriptedNode()

    assert retry(watch, deal, node) == {"chain": "not_found", "network": "accepted"}

    assert node.sent == [TX]
    assert watch.heard(Role.VENDOR, "TransactionRetryRequested") == []


def test_a_retry_without_a_signed_payout_asks_the_agents_who_sign(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(48)

    report = retry(watch, deal, ScriptedNode())

    assert report == {"chain": "nothing_announced", "buyer": "asked", "vendor": "asked"}
    (asked,) = watch.heard(Role.VENDOR, "TransactionRetryRequested")
    assert watch.heard(Role.ARBITER, "TransactionRetryRequested") == []
    path = f"/api/recovery/{asked['action_id']}/answer"
    vendor = watch.market.people[Role.VENDOR].api
    assert vendor.post(path, {"result": "wallet_behind"}).status == 200
    assert vendor.post(path, {"result": "Not a code!"}).status == 422
    assert watch.market.people[Role.ARBITER].api.post(path, {"result": "own_turn"}).status == 404
    (action,) = listed(watch)["cases"][0]["actions"]
    assert {one["who"]: one["result"] for one in action["report"]} == {
        "chain": "nothing_announced",
        "buyer": "asked",
        "vendor": "wallet_behind",
    }


def test_a_retry_while_the_node_is_away_says_so_and_asks_the_agents(watch: Watch) -> None:
    deal = watch.market.broadcast_deal()
    keep_watch()
    watch.pass_hours(48)
    node = ScriptedNode()
    node.reachable = False

    assert retry(watch, deal, node) == {
        "chain": "unreachable",
        "buyer": "asked",
        "vendor": "asked",
    }


def test_a_retry_over_the_api_answers_with_what_each_part_said(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(48)
    assert settings.COORDINATOR.monerod_url is None

    answer = act(watch.admin, deal, "retry_transaction")

    assert answer.status == 200
    assert answer.body["tx_hash"] is None
    assert [(one["who"], one["result"]) for one in answer.body["report"]] == [
        ("chain", "nothing_announced"),
        ("buyer", "asked"),
        ("vendor", "asked"),
    ]


def test_a_dispute_has_no_payout_to_retry(watch: Watch) -> None:
    deal = watch.market.disputed_deal()
    keep_watch()
    watch.pass_hours(170)

    assert act(watch.admin, deal, "retry_transaction").body["code"] == "escrow_not_stuck"


def test_a_refund_that_is_stuck_has_the_same_way(watch: Watch) -> None:
    """Alerts, case, retry, and when the buyer's wallet is back the case closes."""
    deal = watch.market.attested_deal()
    watch.fund(deal)
    watch.market.say(deal, Role.VENDOR, Kind.REFUND)
    keep_watch()
    for hours in (6, 6, 12, 24):
        watch.pass_hours(hours)
    assert watch.stages(Role.BUYER) == [1, 2, 3, 4]
    (case,) = listed(watch)["cases"]
    assert case["status"] == "refunding_recovery_needed"

    retry(watch, deal, ScriptedNode())
    for role in (Role.BUYER, Role.VENDOR):
        info = deal.sealed(role, Kind.PAYOUT_INFO, round_=1)
        watch.market.say(deal, role, Kind.PAYOUT_INFO, **info)
    keep_watch()

    assert listed(watch)["cases"] == []
    shown = watch.market.people[Role.BUYER].api.get(f"/api/escrow/{deal.escrow_id}").body
    assert (shown["state"], shown["status"]) == ("refunding", "refunding")


def test_the_parties_see_that_recovery_is_needed(watch: Watch) -> None:
    deal = watch.releasing_deal()
    path = f"/api/escrow/{deal.escrow_id}"
    buyer = watch.market.people[Role.BUYER].api
    assert buyer.get(path).body["status"] == "releasing"

    watch.pass_hours(48)

    assert buyer.get(path).body["status"] == "releasing_recovery_needed"
    assert buyer.get("/api/escrow").body["escrows"][0]["status"] == "releasing_recovery_needed"
