"""Stories about what an operator can measure: right figures, whoever asks and whenever."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections, transaction

from tests.contract.engines import use_database
from tests.contract.explaining import plans
from tests.contract.kit import TXID, Api, Market, open_account, report
from tests.contract.scraping import scrape_here, until_scraped
from tests.contract.serving import served
from tests.contract.test_limits import limited
from tests.contract.test_watching import ScriptedNode, Watch
from tripartite.coordinator.escrows.models import Escrow
from tripartite.coordinator.limits.maintenance import switch
from tripartite.coordinator.notify.models import Channel, Delivery
from tripartite.coordinator.ops.metrics import facts
from tripartite.coordinator.ops.metrics.catalogue import (
    CATALOGUE,
    OF_THE_SPEC,
    SETUP_SECONDS,
    SYNC_SECONDS,
)
from tripartite.coordinator.presence.models import AgentPresence
from tripartite.coordinator.recovery.models import Incident
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.watch.node import NODE_KEY
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import wake
from tripartite.domain.deadlines import Stage
from tripartite.domain.lifecycle import State
from tripartite.domain.parties import Role
from tripartite.protocol.envelope import Kind as Message

# The requirement document's own words (Phase 3.1): type, help text, labels, buckets.
SPEC: Mapping[str, tuple[str, str, tuple[str, ...], tuple[float, ...]]] = {
    "rpc_health_checks_total": ("counter", "Total number of RPC health checks performed", (), ()),
    "rpc_failures_total": ("counter", "Total number of RPC connection failures", (), ()),
    "rpc_latency_seconds": (
        "histogram", "RPC request latency in seconds", (), (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0),
    ),
    "escrows_total": ("gauge", "Total number of escrows in system", (), ()),
    "escrows_by_status": ("gauge", "Number of escrows by status", ("status",), ()),
    "stuck_transactions_total": ("gauge", "Number of transactions stuck >6h", (), ()),
    "recovery_cases_open": ("gauge", "Number of escrows requiring manual recovery", (), ()),
    "multisig_setup_duration_seconds": (
        "histogram", "Time to complete full multisig setup", (),
        (10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
    ),
    "multisig_sync_duration_seconds": (
        "histogram", "Time to sync multisig wallets", (), (1.0, 5.0, 10.0, 30.0, 60.0),
    ),
    "db_query_duration_seconds": (
        "histogram", "Database query duration", (), (0.001, 0.01, 0.1, 0.5, 1.0, 5.0),
    ),
    "db_connections_active": ("gauge", "Number of active database connections", (), ()),
    "funds_released_total": ("counter", "Total number of successful fund releases", (), ()),
    "funds_refunded_total": ("counter", "Total number of successful refunds", (), ()),
    "disputes_total": ("counter", "Total number of disputes initiated", (), ()),
}  # fmt: skip  # a table


def counted() -> dict[str, int]:
    """Escrows by state, counted one by one."""
    found = dict.fromkeys((state.value for state in State), 0)
    for state in Escrow.objects.values_list("state", flat=True):
        found[state] += 1
    return found


def kept() -> dict[str, int]:
    """Escrows by state, as the triggers keep them."""
    return {state.value: count.number for state, count in facts.escrow_counts().items()}


def alarm(escrow_id: str, stage: Stage) -> None:
    """This escrow stands still, and an alarm of this stage was raised."""
    state = Escrow.objects.get(pk=escrow_id).state
    Incident.objects.update_or_create(
        escrow_id=escrow_id,
        cleared_at=None,
        defaults={"state": state, "stage": int(stage), "began_at": now(), "raised_at": now()},
    )


def test_the_catalogue_has_every_metric_of_the_requirement_as_it_was_required() -> None:
    rows = {row.name: (row.kind.value, row.help, row.labels, row.buckets) for row in OF_THE_SPEC}

    assert rows == SPEC


def test_escrows_are_counted_as_they_move(market: Market, tmp_path: Path) -> None:
    market.disputed_deal()
    market.attested_deal()
    watch = Watch(market, ScriptedNode())
    watch.node.mined(confirmations=10)
    watch.look()

    page = scrape_here(tmp_path)

    assert kept() == counted()
    assert page.value("escrows_total") == 3
    assert page.value("escrows_by_status", status="disputed") == 1
    assert page.value("escrows_by_status", status="awaiting_deposit") == 1
    assert page.value("escrows_by_status", status="completed") == 1
    assert page.value("funds_released_total") == 1
    assert page.value("funds_refunded_total") == 0
    assert page.value("disputes_total") == 1


def test_a_change_that_is_given_up_isnt_counted(market: Market) -> None:
    market.proposed_deal()

    with write_transaction():
        Escrow.objects.update(state=State.CANCELLED.value)
        transaction.set_rollback(True)

    assert kept() == counted()


def test_escrows_from_before_the_counting_are_counted(market: Market) -> None:
    """The migration counts what is there, and from then on the database does."""
    market.disputed_deal()
    market.proposed_deal()
    before = kept()

    call_command("migrate", "metrics", "zero", verbosity=0)
    market.proposed_deal()
    call_command("migrate", "metrics", verbosity=0)

    assert kept() == counted() == {**before, "created": 2}
    assert facts.escrow_counts()[State.DISPUTED].entered == 1
    market.proposed_deal()
    assert kept() == counted()


def test_counting_goes_on_after_the_table_was_rebuilt(market: Market) -> None:
    """As Django does on SQLite, where triggers go with the old table."""
    market.proposed_deal()
    with connection.cursor() as sql:
        if connection.vendor == "sqlite":
            for name in ("new", "changed", "removed"):
                sql.execute(f"DROP TRIGGER counts_a_{name}_escrow")
    Escrow.objects.update(state=State.CANCELLED.value)

    call_command("migrate", verbosity=0)

    assert kept() == counted()
    market.proposed_deal()
    assert kept() == counted()


def test_writers_who_cross_each_other_neither_wait_for_ever_nor_miscount(market: Market) -> None:
    """One goes from A to B while another goes from B to A, as fast as they can."""
    deals = [market.proposed_deal() for _ in range(4)]
    states = (State.FUNDED, State.AWAITING_DEPOSIT)
    failures: list[BaseException] = []

    def swing(which: int) -> None:
        try:
            for step in range(25):
                with write_transaction():
                    Escrow.objects.filter(pk=deals[which].escrow_id).update(
                        state=states[(which + step) % 2].value
                    )
                    # Every writer of ours ends with the event log's head row.
                    with connection.cursor() as sql:
                        sql.execute("UPDATE events_eventhead SET cursor = cursor WHERE id = 1")
        except BaseException as error:  # noqa: BLE001 — whatever it is, the test shows it
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=swing, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert kept() == counted()


def test_maintenance_and_the_places_left_are_measured(market: Market, tmp_path: Path) -> None:
    market.proposed_deal()
    with limited(at_once=20):
        before = scrape_here(tmp_path)
    switch(on=True, reason="A new release", by="")

    assert before.value("maintenance_mode") == 0
    assert before.value("concurrent_escrows_left") == 19
    assert scrape_here(tmp_path).value("maintenance_mode") == 1


def test_what_stands_still_is_counted_by_its_alarm(market: Market, tmp_path: Path) -> None:
    paying, disputed = market.broadcast_deal(TXID), market.disputed_deal()
    keying = market.proposed_deal()
    alarm(keying.escrow_id, Stage.NOTICED)

    def figures() -> tuple[float, float]:
        page = scrape_here(tmp_path)
        return page.value("stuck_transactions_total"), page.value("recovery_cases_open")

    assert figures() == (0, 0)
    alarm(paying.escrow_id, Stage.NOTICED)
    assert figures() == (1, 0)
    alarm(paying.escrow_id, Stage.RECOVERY)
    alarm(disputed.escrow_id, Stage.RECOVERY)
    assert figures() == (1, 2)
    Incident.objects.update(cleared_at=now())
    assert figures() == (0, 0)


def test_no_figure_is_found_by_looking_through_everything(market: Market) -> None:
    """Each query goes by an index, whose rows are few however many escrows there are."""
    with plans() as found:
        facts.silent_escrows()
        facts.work_queue()
        facts.failing_work()
        facts.webhook_backlog()
        facts.agents_missing()

    # Of open incidents there are two indexes, and either does.
    wanted = ["open_incident", "work_by_pool_and_due_time", "work_that_fails"]
    wanted += ["deliveries_that_wait"]
    wanted += ["roles_of_an_account"] * len(Role)
    assert len(found) == len(wanted)
    assert [index for index, plan in zip(wanted, found, strict=True) if index not in plan] == []


def test_agents_are_counted_by_their_roles(market: Market, tmp_path: Path) -> None:
    market.proposed_deal()
    at = now()
    for role, online, since in (
        (Role.BUYER, True, at),
        (Role.VENDOR, False, at - timedelta(days=1)),
        (Role.ARBITER, False, at - timedelta(hours=23)),
    ):
        AgentPresence.objects.create(
            pk=market.people[role].account_id, online=online, since=since, seen_at=since
        )
    idle = open_account("idle")
    AgentPresence.objects.create(pk=idle.account_id, online=False, since=at, seen_at=at)
    AgentPresence.objects.update(seen_at=at)

    page = scrape_here(tmp_path)
    assert [page.value("agents_online", role=role.value) for role in Role] == [1, 0, 0]
    assert [page.value("agents_missing", role=role.value) for role in Role] == [0, 1, 0]

    Escrow.objects.update(state=State.CANCELLED.value)
    assert scrape_here(tmp_path).total("agents_missing") == 0, "nobody waits for it any more"


def test_news_that_wait_are_counted_until_their_channel_is_gone(
    market: Market, tmp_path: Path
) -> None:
    channel = Channel.objects.create(
        account_id=market.people[Role.BUYER].account_id, kind="webhook", shown="", created_at=now()
    )
    Delivery.objects.create(
        channel=channel, cursor=0, body="{}", created_at=now() - timedelta(hours=2)
    )
    page = scrape_here(tmp_path)
    assert page.value("webhook_backlog") == 1
    assert 7_199 < page.value("webhook_backlog_oldest_seconds") < 7_260

    Channel.objects.update(removed_at=now())
    assert scrape_here(tmp_path).value("webhook_backlog") == 0


def test_set_up_and_sync_are_timed_from_message_to_message(market: Market, tmp_path: Path) -> None:
    names = [f"{metric.name}_count" for metric in (SETUP_SECONDS, SYNC_SECONDS)]
    before = [scrape_here(tmp_path).value(name) for name in names]

    market.broadcast_deal()

    assert [scrape_here(tmp_path).value(name) for name in names] == [one + 1 for one in before]


def test_requests_are_counted_by_template_never_by_address(market: Market, tmp_path: Path) -> None:
    deal = market.proposed_deal()
    buyer = market.people[Role.BUYER].api
    route = "api/escrow/<escrow_id>"
    before = scrape_here(tmp_path)

    buyer.get(f"/api/escrow/{deal.escrow_id}")
    Api().get(f"/api/escrow/{deal.escrow_id}")
    Api().get(f"/{deal.escrow_id}")
    Api().send("BREW", "/api/network")

    page = scrape_here(tmp_path)
    for asked, method, status in (
        (route, "GET", "200"),
        (route, "GET", "401"),
        ("none", "GET", "404"),
        ("api/network", "other", "405"),
    ):
        labels = {"route": asked, "method": method, "status": status}
        name = "http_requests_total"
        assert page.total(name, **labels) - before.total(name, **labels) == 1, labels
    assert deal.escrow_id not in page.text


def test_processes_of_one_node_are_added_up_and_any_of_them_answers(
    market: Market, database: str, tmp_path: Path
) -> None:
    """Also when the one that answered is killed: counts go on, and another takes its port over."""
    token = market.people[Role.BUYER].token
    port = None
    route = {"route": "api/agent"}
    name = "http_requests_total"
    with served(tmp_path, DATABASE_URL=database, MIGRATE="yes") as first:
        port = first.metrics.rpartition(":")[2]
        ask(first.url, token)
        until_scraped(first.metrics, lambda page: page.total(name, **route) == 1)
        with (
            served(tmp_path, "--only", "http", DATABASE_URL=database, METRICS_PORT=port) as second,
            served(tmp_path, "--only", "http", DATABASE_URL=database, METRICS_PORT=port) as third,
        ):
            for url in (second.url, second.url, third.url):
                ask(url, token)
            page = until_scraped(first.metrics, lambda page: page.total(name, **route) == 4)
            assert page.value("tripartite_processes") == 3
            first.process.terminate()
            assert first.process.wait(timeout=30) == 0
            page = until_scraped(second.metrics, lambda page: page.total(name, **route) == 4)
            assert page.value("tripartite_processes") == 2

    with served(tmp_path, DATABASE_URL=database, METRICS_PORT=port) as again:
        page = until_scraped(again.metrics, lambda page: True)
        assert page.total(name, **route) == 4, "counts go on after a restart"
        assert page.value("tripartite_processes") == 1
        again.process.kill()
        again.process.wait()
        again.process.returncode = 0  # it was meant to die; the block's end looks for 0
    files = sorted(path.suffix for path in (tmp_path / "metrics").iterdir())
    assert len(files) <= 6, "what ended processes leave behind is put together"


def test_the_work_queue_is_measured_by_what_is_due(market: Market, tmp_path: Path) -> None:
    market.broadcast_deal()
    WorkItem.objects.update(due=now() - timedelta(minutes=7))

    page = scrape_here(tmp_path)

    assert page.value("work_queue_depth") == 1
    assert 419 < page.value("work_queue_oldest_seconds") < 480


def test_our_own_node_is_measured(market: Market, tmp_path: Path) -> None:
    watch = Watch(market, ScriptedNode())
    assert scrape_here(tmp_path).value("monerod_reachable") == 0
    before = scrape_here(tmp_path)

    with write_transaction():
        wake(NODE_KEY, at=now())
    WorkItem.objects.exclude(pk=NODE_KEY).update(due=None)
    watch.look()

    page = scrape_here(tmp_path)
    assert page.value("monerod_reachable") == page.value("monerod_synchronized") == 1
    assert page.value("monerod_height") == page.value("monerod_target_height") == 210
    name = "rpc_health_checks_total"
    assert page.value(name) > before.value(name)
    assert page.value("rpc_latency_seconds_count") > before.value("rpc_latency_seconds_count")
    watch.node.reachable = False
    watch.look()
    assert scrape_here(tmp_path).value("rpc_failures_total") > page.value("rpc_failures_total")


def test_the_age_of_log_and_backup_is_measured(market: Market, tmp_path: Path) -> None:
    assert scrape_here(tmp_path).value("backup_age_seconds") == float("inf")
    deal = market.attested_deal()
    market.say(deal, Role.BUYER, Message.DEPOSIT_REPORT, body=report(0, height=1))
    (tmp_path / facts.BACKUP_MARK).touch()

    page = scrape_here(tmp_path)

    assert page.value("event_log_events_total") > 10
    assert 0 <= page.value("event_log_head_age_seconds") < 60
    assert 0 <= page.value("backup_age_seconds") < 60


def test_a_scrape_without_a_database_says_so(database: str, tmp_path: Path) -> None:
    use_database(database + "-that/is-nowhere")

    page = scrape_here(tmp_path)

    assert page.value("ready", check="database") == 0
    assert page.total("db_query_duration_seconds_count") > 0


def ask(url: str, token: str) -> None:
    request = urllib.request.Request(  # noqa: S310 — our own server's http address
        f"{url}/api/agent", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 — as above
        assert response.status == 200


def test_two_nodes_show_the_whole_catalogue_and_the_same_figures_of_the_database(
    market: Market, database: str, tmp_path: Path
) -> None:
    market.disputed_deal()
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    with (
        served(homes[0], DATABASE_URL=database, MIGRATE="yes") as one,
        served(homes[1], "--only", "http", DATABASE_URL=database) as two,
    ):
        texts = [until_scraped(node.metrics, lambda page: True).text for node in (one, two)]

    for metric in CATALOGUE:
        assert f"# TYPE {metric.name} {metric.kind.value}\n" in texts[0], metric.name
        assert f"# HELP {metric.name} {metric.help}\n" in texts[0], metric.name
        for bound in metric.buckets if not metric.labels else ():
            assert f'{metric.name}_bucket{{le="{bound}"}}' in texts[0]
    for name in ("escrows_total", "escrows_by_status", "disputes_total", "event_log_events_total"):
        lines = [[line for line in text.splitlines() if line.startswith(name)] for text in texts]
        assert lines[0] == lines[1]
