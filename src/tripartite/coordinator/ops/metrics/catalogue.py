"""Every metric there is: one table, from which ``/metrics`` and ``docs/metrics.md`` are made.

No label ever holds a person, an escrow, an address, an amount or the name of a machine. What a
label may hold is bounded: states, roles, routes, HTTP methods and status codes, outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Prometheus' types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Where a figure comes from, and so how several nodes are put together."""

    DATABASE = "database"
    """Read when scraped: the same on every node, right after a restart. Take ``max``."""
    NODE = "node"
    """Counted by all processes that share a DATA_DIR. Take ``sum``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. ``help`` is what Prometheus shows; ``meaning`` says more, in the docs."""

    name: str
    kind: Kind
    source: Source
    help: str
    meaning: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    always: tuple[tuple[str, ...], ...] = ()
    """Values of the labels that are shown from the first scrape on, if only with 0."""


# Names, types, help texts, labels and buckets of the requirement document, Phase 3.1.

RPC_HEALTH_CHECKS: Final = Metric(
    "rpc_health_checks_total",
    Kind.COUNTER,
    Source.NODE,
    "Total number of RPC health checks performed",
    "The coordinator's own monerod is asked every 30 seconds, a wallet RPC when it is registered.",
)
RPC_FAILURES: Final = Metric(
    "rpc_failures_total",
    Kind.COUNTER,
    Source.NODE,
    "Total number of RPC connection failures",
    "A call that got no usable answer: refused, timed out, unreadable, wrong login.",
)
RPC_SECONDS: Final = Metric(
    "rpc_latency_seconds",
    Kind.HISTOGRAM,
    Source.NODE,
    "RPC request latency in seconds",
    "Each call of the coordinator to its monerod and of `tripartite attach` to a wallet RPC, failed "
    "ones included.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0),
)
ESCROWS: Final = Metric(
    "escrows_total",
    Kind.GAUGE,
    Source.DATABASE,
    "Total number of escrows in system",
    "Ended ones included. A gauge, whatever its name says: so the requirement has it.",
)
ESCROWS_BY_STATUS: Final = Metric(
    "escrows_by_status",
    Kind.GAUGE,
    Source.DATABASE,
    "Number of escrows by status",
    "`status` is a state of [the lifecycle](lifecycle.md); each is always there, if only with 0.",
    labels=("status",),
)
STUCK_TRANSACTIONS: Final = Metric(
    "stuck_transactions_total",
    Kind.GAUGE,
    Source.DATABASE,
    "Number of transactions stuck >6h",
    "Escrows being released, refunded or settled in which nothing has happened for six hours "
    "(or whatever is set for the first alarm).",
)
RECOVERY_CASES: Final = Metric(
    "recovery_cases_open",
    Kind.GAUGE,
    Source.DATABASE,
    "Number of escrows requiring manual recovery",
    "Payouts without news for 48 hours, and disputes without news for seven days.",
)
SETUP_SECONDS: Final = Metric(
    "multisig_setup_duration_seconds",
    Kind.HISTOGRAM,
    Source.NODE,
    "Time to complete full multisig setup",
    "From the first message of the key exchange to the address that all three attested, "
    "repeated attempts included.",
    buckets=(10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
SYNC_SECONDS: Final = Metric(
    "multisig_sync_duration_seconds",
    Kind.HISTOGRAM,
    Source.NODE,
    "Time to sync multisig wallets",
    "From the first wallet's exported multisig info to the transaction built with it. Wallets "
    "are the parties': this is what the coordinator sees of it.",
    buckets=(1.0, 5.0, 10.0, 30.0, 60.0),
)
DB_QUERY_SECONDS: Final = Metric(
    "db_query_duration_seconds",
    Kind.HISTOGRAM,
    Source.NODE,
    "Database query duration",
    buckets=(0.001, 0.01, 0.1, 0.5, 1.0, 5.0),
)
DB_CONNECTIONS: Final = Metric(
    "db_connections_active",
    Kind.GAUGE,
    Source.NODE,
    "Number of active database connections",
    "Connections that this coordinator's processes hold open.",
)
FUNDS_RELEASED: Final = Metric(
    "funds_released_total",
    Kind.COUNTER,
    Source.DATABASE,
    "Total number of successful fund releases",
    "Escrows that came to `completed`, their payout final.",
)
FUNDS_REFUNDED: Final = Metric(
    "funds_refunded_total",
    Kind.COUNTER,
    Source.DATABASE,
    "Total number of successful refunds",
    "Escrows that came to `refunded`, their payout final.",
)
DISPUTES: Final = Metric(
    "disputes_total",
    Kind.COUNTER,
    Source.DATABASE,
    "Total number of disputes initiated",
    "An escrow that is disputed twice counts twice.",
)

# Ours.

HTTP_REQUESTS: Final = Metric(
    "http_requests_total",
    Kind.COUNTER,
    Source.NODE,
    "HTTP requests answered",
    "`route` is the template, such as `api/escrow/<escrow_id>`, never the address that was asked "
    "for; `none` where there is no such route, `too_large` for a body refused before it was read.",
    labels=("method", "route", "status"),
)
HTTP_SECONDS: Final = Metric(
    "http_request_duration_seconds",
    Kind.HISTOGRAM,
    Source.NODE,
    "Time to answer an HTTP request",
    "Inside the application: waiting for a free thread isn't in it.",
    labels=("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
MAINTENANCE: Final = Metric(
    "maintenance_mode",
    Kind.GAUGE,
    Source.DATABASE,
    "1 while maintenance is on and no new escrows are taken",
)
ESCROWS_LEFT: Final = Metric(
    "concurrent_escrows_left",
    Kind.GAUGE,
    Source.DATABASE,
    "How many more escrows may be opened now",
    "By `TRIPARTITE_MAX_CONCURRENT_ESCROWS`; missing without that limit. What is left of the volume "
    "is no metric: none holds an amount.",
)
AGENTS_ONLINE: Final = Metric(
    "agents_online",
    Kind.GAUGE,
    Source.DATABASE,
    "Agents that are online, by role",
    "By their heartbeats. An agent counts once for each role that it ever had in an escrow. Those "
    "that `tripartite attach` runs are online as long as such a process is.",
    labels=("role",),
)
AGENTS_MISSING: Final = Metric(
    "agents_missing",
    Kind.GAUGE,
    Source.DATABASE,
    "Agents of open escrows not heard of for a day, by role",
    labels=("role",),
)
WORK_DUE: Final = Metric(
    "work_queue_depth",
    Kind.GAUGE,
    Source.DATABASE,
    "Background work that is due",
    "Taken or not. Work that is due later doesn't count.",
)
WORK_AGE: Final = Metric(
    "work_queue_oldest_seconds",
    Kind.GAUGE,
    Source.DATABASE,
    "How long the oldest due work has been due",
    "0 when nothing is due. A work runner is there to keep this within a few seconds.",
)
WORK_FAILING: Final = Metric(
    "work_failing",
    Kind.GAUGE,
    Source.DATABASE,
    "Background work whose last look failed",
)
WEBHOOK_DELIVERIES: Final = Metric(
    "webhook_deliveries_total",
    Kind.COUNTER,
    Source.NODE,
    "Tries to deliver news to a webhook or another channel, by outcome",
    "`delivered`; `retried`, when another try will follow; `failed`, when none will.",
    labels=("outcome",),
    always=(("delivered",), ("retried",), ("failed",)),
)
WEBHOOK_BACKLOG: Final = Metric(
    "webhook_backlog",
    Kind.GAUGE,
    Source.DATABASE,
    "Deliveries that wait, of webhooks and other channels",
)
WEBHOOK_BACKLOG_AGE: Final = Metric(
    "webhook_backlog_oldest_seconds",
    Kind.GAUGE,
    Source.DATABASE,
    "How long the oldest waiting delivery has waited",
)
EVENTS: Final = Metric(
    "event_log_events_total",
    Kind.COUNTER,
    Source.DATABASE,
    "Events in the event log",
)
EVENTS_AGE: Final = Metric(
    "event_log_head_age_seconds",
    Kind.GAUGE,
    Source.DATABASE,
    "Time since the last event was logged",
    "Missing while the log is empty.",
)
AUDIT_INTACT: Final = Metric(
    "audit_chain_intact",
    Kind.GAUGE,
    Source.DATABASE,
    "1 while every event checked so far is what was written, 0 once one isn't",
    "The running check starts at the first event again when it has reached the last.",
)
AUDIT_AGE: Final = Metric(
    "audit_chain_checked_seconds",
    Kind.GAUGE,
    Source.DATABASE,
    "Time since the whole event log was last found intact",
    "Missing before the first whole pass.",
)
NODE_UP: Final = Metric(
    "monerod_reachable",
    Kind.GAUGE,
    Source.DATABASE,
    "1 if our own node answered in the last minutes",
)
NODE_SYNCED: Final = Metric(
    "monerod_synchronized",
    Kind.GAUGE,
    Source.DATABASE,
    "1 if our own node says that it has the whole chain",
)
NODE_HEIGHT: Final = Metric(
    "monerod_height",
    Kind.GAUGE,
    Source.DATABASE,
    "Blocks that our own node has",
)
NODE_TARGET: Final = Metric(
    "monerod_target_height",
    Kind.GAUGE,
    Source.DATABASE,
    "Blocks of the highest chain that our own node knows of",
)
BACKUP_AGE: Final = Metric(
    "backup_age_seconds",
    Kind.GAUGE,
    Source.NODE,
    "Time since the last backup",
    "Since the moment whose state the last proved `tripartite backup` holds. By the file "
    "`backup-done` in DATA_DIR, which another program may touch; `+Inf` while there is none.",
)
READY: Final = Metric(
    "ready",
    Kind.GAUGE,
    Source.DATABASE,
    "1 for each part of /readyz that is well",
    labels=("check",),
)
PROCESSES: Final = Metric(
    "tripartite_processes",
    Kind.GAUGE,
    Source.NODE,
    "Processes that share this DATA_DIR and count",
)
VERSION: Final = Metric(
    "tripartite_build_info",
    Kind.GAUGE,
    Source.NODE,
    "Always 1; the labels say what runs",
    labels=("version", "python", "django", "database"),
)
SCRAPE_SECONDS: Final = Metric(
    "metrics_scrape_cpu_seconds",
    Kind.GAUGE,
    Source.NODE,
    "CPU time that the scrape before this one took",
)

OF_THE_SPEC: Final = (
    RPC_HEALTH_CHECKS, RPC_FAILURES, RPC_SECONDS, ESCROWS, ESCROWS_BY_STATUS, STUCK_TRANSACTIONS,
    RECOVERY_CASES, SETUP_SECONDS, SYNC_SECONDS, DB_QUERY_SECONDS, DB_CONNECTIONS, FUNDS_RELEASED,
    FUNDS_REFUNDED, DISPUTES,
)  # fmt: skip  # a list of names
OURS: Final = (
    HTTP_REQUESTS, HTTP_SECONDS, MAINTENANCE, ESCROWS_LEFT, AGENTS_ONLINE, AGENTS_MISSING, WORK_DUE, WORK_AGE, WORK_FAILING,
    WEBHOOK_DELIVERIES, WEBHOOK_BACKLOG, WEBHOOK_BACKLOG_AGE, EVENTS, EVENTS_AGE, AUDIT_INTACT,
    AUDIT_AGE, NODE_UP, NODE_SYNCED, NODE_HEIGHT, NODE_TARGET, BACKUP_AGE, READY, PROCESSES,
    VERSION, SCRAPE_SECONDS,
)  # fmt: skip  # as above
CATALOGUE: Final = OF_THE_SPEC + OURS
BY_NAME: Final = {metric.name: metric for metric in CATALOGUE}
