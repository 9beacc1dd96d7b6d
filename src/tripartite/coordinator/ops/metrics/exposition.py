"""One scrape: the catalogue's metrics with their present values, in Prometheus' text format."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, assert_never

import django
from django.db import connection
from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from tripartite.coordinator.ops.health import checks
from tripartite.coordinator.ops.metrics import catalogue, facts
from tripartite.coordinator.ops.metrics.catalogue import Kind, Metric, Source
from tripartite.coordinator.ops.metrics.sharing import Counted
from tripartite.domain.lifecycle import State

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Values = Mapping[tuple[str, ...], float]
"""By the values of the labels."""


class Scraper:
    """Answers scrapes of one node."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._cpu_seconds = 0.0

    def text(self, counted: Counted) -> bytes:
        """The whole page, from what the processes ``counted`` and what the database says."""
        began = time.thread_time()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected([*self._gauges(counted), *_counts(counted)]))
        page = generate_latest(registry)
        self._cpu_seconds = time.thread_time() - began
        return page

    def _gauges(self, counted: Counted) -> Iterator[Family]:
        found = checks()
        yield family(catalogue.READY, {(one.name,): int(one.passed) for one in found})
        if all(one.passed for one in found if one.name in ("database", "migrations")):
            for metric, values in database_values():
                yield family(metric, values)
        for metric, value in (
            (catalogue.BACKUP_AGE, facts.backup_age(self._data_dir)),
            (catalogue.DB_CONNECTIONS, counted.connections),
            (catalogue.PROCESSES, counted.processes),
            (catalogue.SCRAPE_SECONDS, self._cpu_seconds),
        ):
            yield family(metric, {(): value})
        yield family(catalogue.VERSION, {_versions(): 1})


class _Collected(Collector):
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families


def database_values() -> Iterator[tuple[Metric, Values]]:
    """Every metric that is read when scraped; the overview page shows the same."""
    counts = facts.escrow_counts()
    yield catalogue.ESCROWS, {(): sum(one.number for one in counts.values())}
    yield (
        catalogue.ESCROWS_BY_STATUS,
        {(state.value,): count.number for state, count in counts.items()},
    )
    silent = facts.silent_escrows()
    yield catalogue.STUCK_TRANSACTIONS, {(): silent.stuck}
    yield catalogue.RECOVERY_CASES, {(): silent.in_recovery}
    yield catalogue.FUNDS_RELEASED, {(): counts[State.COMPLETED].entered}
    yield catalogue.FUNDS_REFUNDED, {(): counts[State.REFUNDED].entered}
    yield catalogue.DISPUTES, {(): counts[State.DISPUTED].entered}

    yield catalogue.MAINTENANCE, {(): int(facts.maintenance())}
    yield catalogue.ESCROWS_LEFT, _known(facts.escrows_left(counts))

    yield (
        catalogue.AGENTS_ONLINE,
        {(role.value,): number for role, number in facts.agents_online().items()},
    )
    yield (
        catalogue.AGENTS_MISSING,
        {(role.value,): number for role, number in facts.agents_missing().items()},
    )

    work = facts.work_queue()
    yield catalogue.WORK_DUE, {(): work.depth}
    yield catalogue.WORK_AGE, {(): work.oldest_seconds}
    yield catalogue.WORK_FAILING, {(): facts.failing_work()}

    webhooks = facts.webhook_backlog()
    yield catalogue.WEBHOOK_BACKLOG, {(): webhooks.depth}
    yield catalogue.WEBHOOK_BACKLOG_AGE, {(): webhooks.oldest_seconds}

    events, age = facts.event_log()
    yield catalogue.EVENTS, {(): events}
    yield catalogue.EVENTS_AGE, _known(age)
    audit = facts.audit_state()
    yield catalogue.AUDIT_INTACT, {(): int(audit.intact)}
    yield catalogue.AUDIT_AGE, _known(audit.checked_seconds)

    node = facts.node_state()
    yield catalogue.NODE_UP, {(): int(node.reachable)}
    yield catalogue.NODE_SYNCED, {(): int(node.synchronized)}
    yield catalogue.NODE_HEIGHT, {(): node.height}
    yield catalogue.NODE_TARGET, {(): node.target_height}


def family(metric: Metric, values: Values) -> Family:
    """A counter or a gauge as Prometheus' client writes it."""
    made: CounterMetricFamily | GaugeMetricFamily
    if metric.kind is Kind.COUNTER:
        made = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    else:
        made = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made


def _counts(counted: Counted) -> Iterator[Family]:
    """What the processes counted. A metric without labels is there from the first scrape on."""
    for metric in catalogue.CATALOGUE:
        if metric.source is not Source.NODE or metric.kind is Kind.GAUGE:
            continue
        cells = {
            key[1:]: cell
            for key, cell in counted.cells.items()
            if key[0] == metric.name and len(key) == 1 + len(metric.labels)
        }
        match metric.kind:
            case Kind.COUNTER:
                numbers = dict.fromkeys(metric.always if metric.labels else ((),), 0.0)
                numbers |= {labels: cell[0] for labels, cell in cells.items()}
                yield family(metric, numbers)
            case Kind.HISTOGRAM:
                if not cells and not metric.labels:
                    cells = {(): [0.0] * (len(metric.buckets) + 2)}
                yield _histogram(metric, cells)
            case _:
                assert_never(metric.kind)


def _histogram(metric: Metric, cells: Mapping[tuple[str, ...], object]) -> Family:
    made = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    for labels, cell in cells.items():
        assert isinstance(cell, list)
        total, *numbers = cell
        # A file of another version may have other buckets.
        if len(numbers) != len(bounds):
            continue
        below, buckets = 0.0, []
        for bound, number in zip(bounds, numbers, strict=True):
            below += number
            buckets.append((bound, below))
        made.add_metric(labels, buckets, total)
    return made


@cache
def _versions() -> tuple[str, ...]:
    return (version("tripartite"), platform.python_version(), django.__version__, connection.vendor)


def _known(value: float | None) -> Values:
    return {} if value is None else {(): value}
