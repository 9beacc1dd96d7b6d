"""Stories about the files that Prometheus, Alertmanager and Grafana are given."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it comes without type hints
import yaml

from scripts import dashboard
from tripartite.coordinator.ops.metrics.catalogue import BY_NAME, Kind

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus/tripartite-alerts.yml"
TESTS = DEPLOY / "prometheus/tripartite-alerts.test.yml"
GUIDE = ROOT / "docs/guides/monitoring.md"

# Requirement document, Phase 4.3: alert → (expression, for how long).
SPEC = {
    "StuckTransaction": ("stuck_transactions_total > 0", "1m"),
    "RecoveryCaseOpen": ("recovery_cases_open > 0", "5m"),
    "RPCFailureSpike": ("rate(rpc_failures_total[5m]) > 0.1", "2m"),
}
# What is wanted beside them.
WANTED = {
    "CoordinatorDown", "NodeOutOfSync", "WorkQueueStalled", "WebhookBacklog", "AgentMissing",
    "AuditChainBroken", "BackupTooOld",
}  # fmt: skip  # a list of names


def rules() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def metrics_in(expression: str) -> set[str]:
    """Names of metrics that a query asks for."""
    words = set(re.findall(r"\b[a-z][a-z0-9_]+_[a-z0-9_]+\b", expression))
    return words - {"histogram_quantile"}


def is_known(name: str) -> bool:
    if name in BY_NAME:
        return True
    stem, _, part = name.rpartition("_")
    return part in ("bucket", "count", "sum") and BY_NAME[stem].kind is Kind.HISTOGRAM


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_prometheus_and_alertmanager_accept_their_files() -> None:
    for command in (
        ("promtool", "check", "config", str(DEPLOY / "prometheus/prometheus.yml")),
        ("amtool", "check-config", str(DEPLOY / "alertmanager/alertmanager.yml")),
    ):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_scrapes_every_15_seconds_and_keeps_15_days() -> None:
    content = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())

    assert content["global"]["scrape_interval"] == "15s"
    assert "retention.time=15d" in (DEPLOY / "prometheus/prometheus.default").read_text()


def test_nothing_listens_anywhere_but_on_loopback() -> None:
    for name in ("prometheus/prometheus.default", "alertmanager/alertmanager.default"):
        assert "--web.listen-address=127.0.0.1:" in (DEPLOY / name).read_text()
    settings = (DEPLOY / "grafana/grafana.env").read_text()
    assert "GF_SERVER_HTTP_ADDR=127.0.0.1" in settings
    for word in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert f"GF_ANALYTICS_{word}=false" in settings


def test_the_alerts_of_the_requirement_are_there_word_for_word() -> None:
    found = rules()

    assert {name: (found[name]["expr"], found[name]["for"]) for name in SPEC} == SPEC
    assert set(found) >= WANTED


def test_each_alert_fires_and_stays_quiet_as_it_should() -> None:
    done = run("promtool", "test", "rules", str(TESTS))

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_without_a_test_of_firing_and_of_staying_quiet() -> None:
    cases = [
        case
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]

    for wanted in (True, False):
        named = {case["alertname"] for case in cases if bool(case.get("exp_alerts")) is wanted}
        assert named == set(rules()), f"fires: {wanted}"


def test_alerts_and_panels_ask_only_for_metrics_that_there_are() -> None:
    queries = [rule["expr"] for rule in rules().values()]
    queries += [query.expr for panel in dashboard.PANELS for query in panel.queries]

    unknown = {name for one in queries for name in metrics_in(one) if not is_known(name)}
    assert unknown == set()


def test_the_guide_says_what_to_do_about_each_alert() -> None:
    headings = set(re.findall(r"^### (\w+)", GUIDE.read_text(), re.MULTILINE))

    assert set(rules()) <= headings


def test_the_dashboard_fits_its_schema() -> None:
    content = json.loads((DEPLOY / "grafana/grafana-dashboard.json").read_text())
    schema = json.loads((DEPLOY / "grafana/dashboard.schema.json").read_text())

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    assert len({panel["id"] for panel in content["panels"]}) == len(content["panels"])


def test_the_dashboard_begins_with_the_panels_of_the_requirement() -> None:
    content = json.loads((DEPLOY / "grafana/grafana-dashboard.json").read_text())

    first = [(panel["title"], panel["targets"][0]["expr"]) for panel in content["panels"][:5]]
    assert first == [
        ("RPC Health Status", "rate(rpc_failures_total[5m])"),
        ("Escrows by Status", "escrows_by_status"),
        ("Stuck Transactions", "stuck_transactions_total"),
        (
            "Multisig Setup Performance",
            "histogram_quantile(0.95, rate(multisig_setup_duration_seconds_bucket[5m]))",
        ),
        ("Open Recovery Cases", "recovery_cases_open"),
    ]


def test_the_dashboard_asks_the_data_source_that_is_provided() -> None:
    (source,) = yaml.safe_load((DEPLOY / "grafana/datasource.yml").read_text())["datasources"]

    assert (source["uid"], source["type"]) == (dashboard.SOURCE.uid, dashboard.SOURCE.type_val)
    assert source["url"] == "http://127.0.0.1:9090"
