"""The Grafana dashboard, as code. ``make docs`` writes ``deploy/grafana/grafana-dashboard.json``.

Titles, queries and thresholds of the first five panels are the requirement document's (Phase 3.4);
its panel type "graph" is called "timeseries" by now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    piechart,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.piechart import PieChartType

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="tripartite-prometheus")
"""The data source that ``deploy/grafana/datasource.yml`` provides under this name."""


class Shape(StrEnum):
    """How a panel shows its numbers."""

    STAT = "stat"
    PIE = "piechart"
    LINES = "timeseries"


@dataclass(frozen=True, slots=True)
class Query:
    """A query and what its line is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``steps`` are thresholds: from this value on, this colour."""

    title: str
    shape: Shape
    queries: tuple[Query, ...]
    description: str
    steps: tuple[tuple[float, str], ...] = ()
    unit: str = "short"


_RED_FROM_ONE: Final = ((0.0, "green"), (1.0, "red"))
_RED_AT_ZERO: Final = ((0.0, "red"), (1.0, "green"))

OF_THE_SPEC: Final = (
    Panel(
        "RPC Health Status",
        Shape.STAT,
        (Query("rate(rpc_failures_total[5m])", "Failure Rate"),),
        "Calls to Monero daemons that got no usable answer, per second.",
        ((0.0, "green"), (0.01, "yellow"), (0.1, "red")),
    ),
    Panel(
        "Escrows by Status",
        Shape.PIE,
        (Query("escrows_by_status", "{{status}}"),),
        "All escrows by their state in the lifecycle.",
    ),
    Panel(
        "Stuck Transactions",
        Shape.STAT,
        (Query("stuck_transactions_total"),),
        "Payouts in which nothing has happened for six hours.",
        _RED_FROM_ONE,
    ),
    Panel(
        "Multisig Setup Performance",
        Shape.LINES,
        (
            Query(
                "histogram_quantile(0.95, rate(multisig_setup_duration_seconds_bucket[5m]))",
                "p95 setup time",
            ),
            Query(
                "histogram_quantile(0.50, rate(multisig_setup_duration_seconds_bucket[5m]))",
                "p50 setup time",
            ),
        ),
        "From the first message of the key exchange to the attested address.",
        unit="s",
    ),
    Panel(
        "Open Recovery Cases",
        Shape.STAT,
        (Query("recovery_cases_open"),),
        "Payouts silent for 48 hours and disputes silent for seven days.",
        ((0.0, "green"), (1.0, "yellow"), (5.0, "red")),
    ),
)

OURS: Final = (
    Panel(
        "Ready",
        Shape.STAT,
        (Query("min by (check) (ready)", "{{check}}"),),
        "What /readyz looks at: 1 is well.",
        _RED_AT_ZERO,
    ),
    Panel(
        "Event log intact",
        Shape.STAT,
        (Query("min(audit_chain_intact)", "intact"),),
        "1 as long as every event checked is what was written.",
        _RED_AT_ZERO,
    ),
    Panel(
        "Our node: blocks behind",
        Shape.STAT,
        (Query("max(monerod_target_height - monerod_height)", "behind"),),
        "Blocks that our own monerod still lacks, as far as it knows.",
        ((0.0, "green"), (2.0, "yellow"), (6.0, "red")),
    ),
    Panel(
        "Last backup",
        Shape.STAT,
        (Query("min(backup_age_seconds)", "age"),),
        "Time since the last complete backup.",
        ((0.0, "green"), (86_400.0, "yellow"), (172_800.0, "red")),
        unit="s",
    ),
    Panel(
        "Work queue",
        Shape.LINES,
        (
            Query("max(work_queue_oldest_seconds)", "oldest due work, seconds"),
            Query("max(work_queue_depth)", "due"),
            Query("max(work_failing)", "failing"),
        ),
        "Background work that is due. A runner keeps the oldest within seconds.",
    ),
    Panel(
        "Agents online",
        Shape.LINES,
        (
            Query("max by (role) (agents_online)", "{{role}}"),
            Query("max by (role) (agents_missing)", "{{role}} missing for a day"),
        ),
        "Agents of open escrows heard of in the last minutes.",
    ),
    Panel(
        "Webhooks",
        Shape.LINES,
        (
            Query(
                "max by (outcome) (rate(webhook_deliveries_total[5m]))", "{{outcome}} per second"
            ),
            Query("max(webhook_backlog)", "waiting"),
        ),
        "Deliveries by outcome, and how many wait.",
    ),
    Panel(
        "Our node",
        Shape.LINES,
        (
            Query("max(monerod_height)", "height"),
            Query("max(monerod_target_height)", "highest known"),
        ),
        "Blocks that our own monerod has.",
    ),
    Panel(
        "Calls to Monero daemons",
        Shape.LINES,
        (
            Query(
                "histogram_quantile(0.95, sum by (le) (rate(rpc_latency_seconds_bucket[5m])))",
                "p95",
            ),
            Query(
                "histogram_quantile(0.50, sum by (le) (rate(rpc_latency_seconds_bucket[5m])))",
                "p50",
            ),
        ),
        "How long one call takes.",
        unit="s",
    ),
    Panel(
        "Wallets in sync",
        Shape.LINES,
        (
            Query(
                "histogram_quantile(0.95, sum by (le)"
                " (rate(multisig_sync_duration_seconds_bucket[5m])))",
                "p95",
            ),
        ),
        "From the first exported multisig info to the transaction built with it.",
        unit="s",
    ),
    Panel(
        "Requests",
        Shape.LINES,
        (Query("sum by (status) (rate(http_requests_total[5m]))", "{{status}}"),),
        "HTTP requests per second, by status.",
        unit="reqps",
    ),
    Panel(
        "Time to answer",
        Shape.LINES,
        (
            Query(
                "histogram_quantile(0.95, sum by (le)"
                " (rate(http_request_duration_seconds_bucket[5m])))",
                "requests, p95",
            ),
            Query(
                "histogram_quantile(0.95, sum by (le)"
                " (rate(db_query_duration_seconds_bucket[5m])))",
                "database queries, p95",
            ),
        ),
        "Inside the coordinator.",
        unit="s",
    ),
    Panel(
        "Money moved",
        Shape.LINES,
        (
            Query("max(funds_released_total)", "released"),
            Query("max(funds_refunded_total)", "refunded"),
            Query("max(disputes_total)", "disputed"),
        ),
        "Escrows, since the beginning. Never amounts.",
    ),
    Panel(
        "Events",
        Shape.LINES,
        (
            Query("max(rate(event_log_events_total[5m]))", "events per second"),
            Query("sum(db_connections_active)", "database connections"),
        ),
        "What is written to the event log.",
    ),
)

PANELS: Final = OF_THE_SPEC + OURS


def draw() -> str:
    """The dashboard's JSON."""
    made = (
        dashboard.Dashboard("Tripartite - Production Monitoring")
        .uid("tripartite")
        .tags(["monero", "escrow", "production"])
        .timezone("utc")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for number, panel in enumerate(PANELS, start=1):
        made.with_panel(_panel(number, panel))
    content = json.loads(JSONEncoder().encode(made.build()))
    # Light or dark is the viewer's choice since Grafana 10; later schemas refuse the word.
    del content["style"]
    return json.dumps(content, indent=2) + "\n"


def _panel(number: int, panel: Panel) -> stat.Panel | piechart.Panel | timeseries.Panel:
    made: stat.Panel | piechart.Panel | timeseries.Panel
    match panel.shape:
        case Shape.STAT:
            last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
            made = stat.Panel().reduce_options(last).height(6).span(6)
        case Shape.PIE:
            made = piechart.Panel().pie_type(PieChartType.PIE).height(6).span(6)
        case Shape.LINES:
            legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
            made = timeseries.Panel().legend(legend).height(8).span(12)
    made.id(number).title(panel.title).description(panel.description).datasource(SOURCE).unit(
        panel.unit
    )
    if panel.steps:
        made.thresholds(_thresholds(panel.steps))
    for name, query in zip(ascii_uppercase, panel.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).ref_id(name)
        made.with_target(target.legend_format(query.legend) if query.legend else target)
    return made


def _thresholds(steps: Sequence[tuple[float, str]]) -> dashboard.ThresholdsConfig:
    # The lowest step has no bound of its own: it holds for everything below the next.
    first, *others = steps
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps(
            [
                Threshold(value=None, color=first[1]),
                *(Threshold(value=value, color=color) for value, color in others),
            ]
        )
    )
