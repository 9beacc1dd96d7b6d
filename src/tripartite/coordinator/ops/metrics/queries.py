"""How long the database takes, and how many connections this process has to it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any, Final  # Django's own types for what passes through here

from django.db.backends.base.base import BaseDatabaseWrapper

from tripartite.coordinator.ops.metrics.catalogue import DB_QUERY_SECONDS
from tripartite.coordinator.ops.metrics.tally import TALLY

_KEY: Final = (DB_QUERY_SECONDS.name,)
_BUCKETS: Final = DB_QUERY_SECONDS.buckets
_connections: Final[weakref.WeakSet[BaseDatabaseWrapper]] = weakref.WeakSet()


def time_queries(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Receiver of ``connection_created``: also sent when a lost connection is made again."""
    _connections.add(connection)
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def open_connections() -> int:
    """Connections that this process has open now."""
    return sum(one.connection is not None for one in list(_connections))


def _timed(
    execute: Callable[..., Any],
    sql: str,
    params: Any,  # noqa: ANN401 — whatever the query is given is passed on
    many: bool,
    context: dict[str, Any],
) -> Any:  # noqa: ANN401 — as Django's own wrappers: what execute returns
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        TALLY.observe(_KEY, time.perf_counter() - began, _BUCKETS)
