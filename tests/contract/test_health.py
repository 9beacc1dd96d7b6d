"""Stories about being alive, being ready, and noticing what must never happen."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.contract.engines import use_database
from tests.contract.kit import Market
from tests.contract.scraping import scrape_here, until_scraped
from tests.contract.serving import served
from tripartite.coordinator.events.chain import GENESIS
from tripartite.coordinator.ops import auditing, health
from tripartite.coordinator.ops.auditing import AUDIT_KEY, audit_on
from tripartite.coordinator.ops.health import PULSE_KEY, pulse
from tripartite.coordinator.ops.metrics.models import AuditPass
from tripartite.coordinator.storing import now, write_transaction
from tripartite.coordinator.watch.models import NodeSighting
from tripartite.coordinator.work.models import WorkItem
from tripartite.coordinator.work.queue import wake
from tripartite.coordinator.work.runner import Runner


def ask(path: str) -> tuple[int, dict[str, object]]:
    response = Client(raise_request_exception=False).get(path, SERVER_NAME="127.0.0.1")
    return response.status_code, json.loads(response.content)


def look(key: str) -> None:
    """Let a runner look at ``key`` once."""
    WorkItem.objects.exclude(pk=key).update(due=None)
    with write_transaction():
        wake(key, at=now())
    WorkItem.objects.filter(pk=key).update(due=now() - timedelta(minutes=1))
    assert Runner({AUDIT_KEY: audit_on, PULSE_KEY: pulse}).step()


@pytest.fixture
def well(market: Market, monkeypatch: pytest.MonkeyPatch) -> Market:
    """A coordinator that has all it needs."""
    monkeypatch.setattr(health, "_node_is_configured", lambda: True)
    NodeSighting.objects.create(
        pk=1, height=210, synchronized=True, version="0.18.4.0", looked_at=now()
    )
    look(PULSE_KEY)
    return market


def test_a_coordinator_that_has_all_it_needs_is_ready(well: Market) -> None:
    status, body = ask("/readyz")

    assert (status, body["ready"]) == (200, True)
    assert body["checks"] == dict.fromkeys(
        ("database", "migrations", "work", "node", "keyring"), "ok"
    )


def test_it_says_what_it_misses_and_is_alive_all_the_same(well: Market) -> None:
    NodeSighting.objects.update(synchronized=False)
    WorkItem.objects.filter(pk=PULSE_KEY).update(due=now() - timedelta(minutes=2))

    status, body = ask("/readyz")

    checks = body["checks"]
    assert (status, body["code"], body["ready"]) == (503, "not_ready", False)
    assert isinstance(checks, dict)
    assert [name for name, state in checks.items() if state != "ok"] == ["work", "node"]
    alive = Client().get("/healthz", SERVER_NAME="127.0.0.1")
    assert (alive.status_code, alive.content) == (200, b"alive\n")


def test_without_a_database_it_is_alive_and_not_ready(well: Market, database: str) -> None:
    use_database(database + "-that/is-nowhere")

    status, body = ask("/readyz")

    assert status == 503
    assert list(body["checks"]) == ["database"]  # type: ignore[call-overload]  # JSON of ours


def test_tables_of_another_version_are_not_ready(
    well: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health.Migrated, "known", False)
    call_command("migrate", "watch", "0001", verbosity=0)

    status, body = ask("/readyz")

    assert status == 503
    assert "another version" in json.dumps(body["checks"])


def test_a_part_without_http_tells_its_health_where_prometheus_asks(
    market: Market, database: str, tmp_path: Path
) -> None:
    assert settings.COORDINATOR.monerod_url is None
    with served(tmp_path, "--only", "work", DATABASE_URL=database, MIGRATE="yes") as server:
        until_scraped(server.metrics, lambda page: page.value("ready", check="work") == 1)
        with urllib.request.urlopen(f"{server.metrics}/healthz", timeout=30) as response:  # noqa: S310 — our own server's http address
            assert response.read() == b"alive\n"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.metrics}/readyz", timeout=30)  # noqa: S310 — as above
        with refused.value as answer:
            assert json.loads(answer.read())["checks"]["node"] == "no monerod is configured"


def test_the_event_log_is_checked_while_it_grows(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part at a time, then only what is new."""
    monkeypatch.setattr(auditing, "PART", 5)
    market.attested_deal()
    looks = 0
    while AuditPass.objects.filter(whole_at__isnull=False).count() == 0:
        look(AUDIT_KEY)
        looks += 1
    before = AuditPass.objects.get()
    market.proposed_deal()
    look(AUDIT_KEY)

    after = AuditPass.objects.get()
    assert looks > 3
    assert after.cursor == before.cursor + 1
    assert after.whole_at == before.whole_at, "whole means from the first event on"
    page = scrape_here(tmp_path)
    assert page.value("audit_chain_intact") == 1
    assert page.value("audit_chain_checked_seconds") < 60


@pytest.mark.parametrize("how", ["changed", "cut off"])
def test_an_altered_log_is_noticed_and_stays_noticed(
    market: Market, tmp_path: Path, how: str
) -> None:
    market.attested_deal()
    look(AUDIT_KEY)
    _alter(how)
    if how == "changed":
        # What was checked today already is checked again tomorrow.
        AuditPass.objects.update(whole_at=now() - timedelta(days=1, minutes=1))

    look(AUDIT_KEY)
    assert scrape_here(tmp_path).value("audit_chain_intact") == 0
    if how == "changed":
        look(AUDIT_KEY)
        assert scrape_here(tmp_path).value("audit_chain_intact") == 0


def test_a_log_that_is_restored_is_believed_again_only_as_a_whole(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.attested_deal()
    AuditPass.objects.create(pk=1, hash=GENESIS, broken_at=now())
    monkeypatch.setattr(auditing, "PART", 5)

    look(AUDIT_KEY)
    assert scrape_here(tmp_path).value("audit_chain_intact") == 0
    while AuditPass.objects.get().whole_at is None:
        look(AUDIT_KEY)
    assert scrape_here(tmp_path).value("audit_chain_intact") == 1


def _alter(how: str) -> None:
    """As one could who holds the database."""
    with connection.cursor() as sql:
        if connection.vendor == "postgresql":
            sql.execute("ALTER TABLE events_event DISABLE TRIGGER USER")
        else:
            sql.execute("DROP TRIGGER events_event_keeps_content")
            sql.execute("DROP TRIGGER events_event_keeps_rows")
        if how == "changed":
            sql.execute("UPDATE events_event SET data = '{}' WHERE cursor = 3")
        else:
            sql.execute("UPDATE events_eventhead SET cursor = cursor - 1")
