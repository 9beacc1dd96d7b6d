"""What a database means to do for a query, so that no test has to fill it to see that it is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def plans() -> Iterator[list[str]]:
    """The plan of each query in the block, as EXPLAIN tells it, beside doing it."""
    found: list[str] = []

    def explained(
        execute: Callable[..., object],
        sql: str,
        params: object,
        many: bool,
        context: dict[str, Any],
    ) -> object:
        how = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        execute(how + sql, params, many, context)
        found.append(str(context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")  # it reads a nearly empty table as it is
    with connection.execute_wrapper(explained):
        yield found
