"""Hooks into Django: every database query is timed, and lost triggers come back."""

from __future__ import annotations

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class MetricsConfig(AppConfig):
    """Metrics."""

    name = "tripartite.coordinator.ops.metrics"
    label = "metrics"

    def ready(self) -> None:
        from tripartite.coordinator.ops.metrics import queries, triggers  # noqa: PLC0415 — see ready()

        connection_created.connect(queries.time_queries, dispatch_uid="tripartite.metrics.queries")

        def mend(using: str = "default", **_: object) -> None:
            triggers.mend_counts(connections[using])

        post_migrate.connect(mend, sender=self, weak=False, dispatch_uid="tripartite.metrics.mend")
