"""Stories about escrows that stand still: every alarm once, to the right people."""

from __future__ import annotations

import importlib
from datetime import timedelta

import pytest
from django.apps import apps

from tests.contract.clock import Clock
from tests.contract.kit import Market, at_once, open_account
from tests.contract.watchkeeping import Watch, keep_watch, runner
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.events import audit, log
from tripartite.coordinator.events.log import Reader, may_see, read_for
from tripartite.coordinator.events.models import Bookmark
from tripartite.coordinator.recovery.keys import deadline_key
from tripartite.coordinator.recovery.models import Incident, Standing
from tripartite.coordinator.storing import now
from tripartite.coordinator.work.models import WorkItem
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind


@pytest.fixture
def watch(market: Market, clock: Clock) -> Watch:
    return Watch(market, clock)


def test_a_stuck_release_is_noticed_at_each_of_its_four_stages(watch: Watch) -> None:
    deal = watch.releasing_deal()
    heard = []
    for hours in (5.9, 0.2, 5.8, 0.2, 11.8, 0.2, 23.8, 0.2, 100):
        watch.pass_hours(hours)
        heard.append(watch.stages(Role.VENDOR))

    assert heard == [
        [], [1], [1], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]
    ]  # fmt: skip
    first = watch.heard(Role.VENDOR)[0]
    assert (first["escrow_id"], first["status"], first["hours_stuck"]) == (
        deal.escrow_id, "releasing", 6
    )  # fmt: skip
    assert audit.verify().events > 0


def test_each_party_hears_its_own_words_and_strangers_nothing(watch: Watch) -> None:
    watch.releasing_deal()
    stranger = open_account("stranger")

    watch.pass_hours(6)

    texts = {role: watch.heard(role)[0]["action_required"] for role in Role}
    assert texts[Role.BUYER] == texts[Role.VENDOR]
    assert "Bring your agent and its wallet online" in texts[Role.BUYER]
    assert texts[Role.ARBITER] == (
        "Nothing to do for you: this waits for the buyer and the vendor."
    )
    assert all(len(watch.heard(role)) == 1 for role in Role)
    assert watch.heard(stranger) == []
    assert watch.heard(watch.admin) == [], "admins hear of it from the third stage on"


def test_after_48_hours_a_case_is_opened_for_the_admins(watch: Watch) -> None:
    deal = watch.releasing_deal()

    watch.pass_hours(48)

    (case,) = watch.heard(watch.admin)
    ids = {f"{role.value}_id": watch.market.people[role].account_id for role in Role}
    assert case == {
        "type": "ManualRecoveryRequired",
        "escrow_id": deal.escrow_id,
        "original_status": "releasing",
        "hours_stuck": 48,
        "amount_atomic": str(deal.amount),
        "multisig_address": deal.record.address if deal.record else None,
        "suggested_actions": case["suggested_actions"],
        **ids,
    }
    assert case["suggested_actions"]
    assert "ManualRecoveryRequired" not in {one["type"] for one in watch.heard(Role.BUYER)}


def test_activity_clears_the_incident_and_the_count_begins_anew(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(7)
    info = deal.sealed(Role.BUYER, Kind.PAYOUT_INFO, round_=1)
    watch.market.say(deal, Role.BUYER, Kind.PAYOUT_INFO, **info)
    watch.pass_hours(5.9)
    assert Incident.objects.get().cleared_at is not None

    watch.pass_hours(0.2)

    assert watch.stages(Role.VENDOR) == [1, 1]
    assert "waits for the vendor" in watch.heard(Role.BUYER)[-1]["action_required"]
    assert Incident.objects.filter(cleared_at=None).count() == 1


def test_a_case_whose_payout_moves_again_is_closed(watch: Watch) -> None:
    deal = watch.releasing_deal()
    watch.pass_hours(50)
    info = deal.sealed(Role.VENDOR, Kind.PAYOUT_INFO, round_=1)

    watch.market.say(deal, Role.VENDOR, Kind.PAYOUT_INFO, **info)
    keep_watch()

    assert [one["type"] for one in watch.heard(watch.admin)] == [
        "ManualRecoveryRequired",
        "RecoveryCaseClosed",
    ]
    assert watch.heard(Role.BUYER)[-1]["type"] == "RecoveryCaseClosed"


def test_a_coordinator_that_was_down_from_hour_5_to_30_raises_the_highest_stage_only(
    watch: Watch,
) -> None:
    watch.releasing_deal()
    watch.pass_hours(5)
    watch.clock.advance(hours=25)
    assert watch.stages(Role.VENDOR) == []

    keep_watch()

    assert watch.stages(Role.VENDOR) == [3]
    assert watch.stages(watch.admin) == [3]
    watch.pass_hours(18)
    assert watch.stages(Role.VENDOR) == [3, 4]


def test_two_nodes_with_the_same_deadlines_raise_each_once(watch: Watch) -> None:
    for _ in range(3):
        watch.releasing_deal()
    for hours in (6, 6, 12, 24):
        watch.clock.advance(hours=hours)
        at_once([lambda: keep_watch(runner())] * 4)
        keep_watch()

    assert sorted(watch.stages(Role.VENDOR)) == sorted([1, 2, 3, 4] * 3)


def test_a_clock_that_jumps_back_and_forth_repeats_nothing(watch: Watch) -> None:
    watch.releasing_deal()
    for hours in (7, -5, 5, -100, 100, 6, -13, 13):
        watch.pass_hours(hours)

    assert watch.stages(Role.BUYER) == [1, 2]


def test_a_node_that_dies_between_the_look_and_the_commit_raises_it_later_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm and the stage are one transaction: either both are stored or neither."""
    from tripartite.coordinator.recovery import incidents  # noqa: PLC0415 — beside what it replaces

    watch.releasing_deal()
    watch.clock.advance(hours=6)
    with monkeypatch.context() as dying:

        def die(*_: object, **__: object) -> None:
            raise SystemExit

        dying.setattr(incidents, "append", die)
        with pytest.raises(SystemExit):
            keep_watch()
    assert watch.stages(Role.BUYER) == []
    assert not Incident.objects.exists()

    watch.clock.advance(hours=1)
    keep_watch()

    assert watch.stages(Role.BUYER) == [1]


def test_an_arbiter_who_never_answers_is_brought_to_the_admins_after_seven_days(
    watch: Watch,
) -> None:
    """However much the two argue meanwhile."""
    deal = watch.market.disputed_deal()
    for role in (Role.VENDOR, Role.BUYER, Role.VENDOR):
        watch.pass_hours(47)
        text = deal.sealed(role, Kind.STATEMENT, round_=0, attempt=0)
        watch.market.say(deal, role, Kind.STATEMENT, **text)
    watch.pass_hours(26)
    assert watch.heard(watch.admin) == []

    watch.pass_hours(2)

    (case,) = watch.heard(watch.admin)
    assert (case["original_status"], case["hours_stuck"]) == ("disputed", 169)
    assert "rule on the dispute" in watch.heard(Role.ARBITER)[0]["action_required"]
    assert "waits for the arbiter" in watch.heard(Role.BUYER)[0]["action_required"]


@pytest.mark.parametrize(
    ("said", "hours", "who", "words"),
    [
        (0, 72, Role.VENDOR, "accept"),
        (5, 1, Role.BUYER, "key exchange"),
        (100, 48, Role.BUYER, "Pay the deposit"),
    ],
    ids=["proposed", "accepted", "awaiting deposit"],
)
def test_what_comes_before_the_money_has_deadlines_of_its_own(
    watch: Watch, said: int, hours: int, who: Role, words: str
) -> None:
    deal = watch.market.proposed_deal()
    for role, kind, options in deal.until_attested()[:said]:
        watch.market.say(deal, role, kind, **options())
    keep_watch()
    watch.pass_hours(hours - 0.1)
    assert watch.stages(who) == []

    watch.pass_hours(0.2)
    watch.pass_hours(1_000)

    assert watch.stages(who) == [1]
    assert words in watch.heard(who)[0]["action_required"]


def test_a_closed_escrow_is_watched_no_more(watch: Watch) -> None:
    deal = watch.market.proposed_deal()
    keep_watch()
    watch.market.say(deal, Role.BUYER, Kind.CANCEL, body={"reason": "changed_mind"})

    watch.pass_hours(1_000)

    assert watch.heard(Role.VENDOR) == []
    assert not Standing.objects.exists()
    assert WorkItem.objects.get(key=deadline_key(deal.escrow_id)).due is None


def test_an_escrow_from_before_there_were_deadlines_gets_its_own(watch: Watch) -> None:
    deal = watch.releasing_deal()
    Standing.objects.all().delete()
    Bookmark.objects.all().delete()
    WorkItem.objects.filter(key__startswith="deadline:").delete()
    Escrow.objects.update(changed_at=now() - timedelta(hours=5))
    migration = importlib.import_module(
        "tripartite.coordinator.recovery.migrations.0002_deadlines_of_what_is_open"
    )

    migration.give(apps, None)

    assert WorkItem.objects.filter(key=deadline_key(deal.escrow_id)).exists()
    watch.pass_hours(0.9)
    assert watch.stages(Role.BUYER) == []
    watch.pass_hours(0.2)
    assert watch.stages(Role.BUYER) == [1]


def test_the_live_feed_shows_each_person_what_the_log_shows(watch: Watch) -> None:
    watch.releasing_deal()
    watch.pass_hours(24)
    watch.pass_hours(24)
    stranger = open_account("stranger")
    people = [*watch.market.people.values(), watch.admin, stranger]
    parties = frozenset(one.account_id for one in watch.market.people.values())
    everything = log.read_all(0, limit=1_000)
    for person in people:
        reader = Reader(person.account_id, is_admin=person is watch.admin)
        live = [one.cursor for one in everything if may_see(reader, one, lambda _: parties)]
        read, _ = read_for(reader, 0, limit=1_000)
        assert live == [one.cursor for one in read], person.name
