"""What one scrape costs with many escrows: ``python -m benchmarks.scraping``.

Fills a fresh database with rows (no keys, no messages: a scrape reads none), lets a thousandth of
them be in payout or dispute, and takes the CPU time of some scrapes. Writes ``build/metrics.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

RESULT: Final = Path("build") / "metrics.json"
MOST_MILLISECONDS: Final = 50.0

_SCRAPES: Final = 21
_NOW: Final = "2026-11-01 00:00:00"

# The last three digits of a row's number choose its state.
_STATE: Final = """
CASE WHEN n % 1000 = 0 THEN 'releasing' WHEN n % 1000 = 1 THEN 'disputed'
     WHEN n % 1000 < 30 THEN 'funded' WHEN n % 1000 < 60 THEN 'awaiting_deposit'
     WHEN n % 1000 < 200 THEN 'cancelled' WHEN n % 1000 < 300 THEN 'refunded'
     ELSE 'completed' END
"""


def fill(escrows: int) -> None:
    """Put that many escrows, and as much finished work, into the database in use (SQLite)."""
    from django.db import connection, transaction  # noqa: PLC0415 — only once Django is set up

    numbers = (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
        f" WHERE n < {escrows:d})"
    )
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(
            "INSERT INTO escrows_escrow (escrow_id, state, version, contract_id, network, amount,"
            f" snapshot, last_position, created_at, changed_at) {numbers}"
            f" SELECT printf('%032x', n), {_STATE}, 1, NULL, 'regtest', printf('%020d', n), '{{}}',"
            f" 1, '{_NOW}', '{_NOW}' FROM numbers"
        )
        # Ended escrows leave finished work behind; the others have a deadline to come.
        sql.execute(
            "INSERT INTO work_workitem (key, due, generation, epoch, failures, last_error)"
            f" {numbers} SELECT 'deadline:' || printf('%032x', n),"
            f" CASE WHEN n % 1000 < 60 THEN '2100-01-01 00:00:00' END, 1, 1, 0, '' FROM numbers"
        )
        sql.execute(
            "INSERT INTO recovery_incident (escrow_id, state, began_at, stage, raised_at, outcome)"
            f" SELECT escrow_id, state, '{_NOW}', 4, '{_NOW}', '' FROM escrows_escrow"
            " WHERE state IN ('releasing', 'disputed')"
        )


def scrape_milliseconds(data_dir: Path) -> Sequence[float]:
    """CPU time of each of some scrapes of the database in use."""
    from tripartite.coordinator.ops.metrics.exposition import Scraper  # noqa: PLC0415 — as above
    from tripartite.coordinator.ops.metrics.sharing import Counted  # noqa: PLC0415 — as above

    scraper = Scraper(data_dir)
    scraper.text(Counted({}))  # opens the connection, imports what is left
    found = []
    for _ in range(_SCRAPES):
        began = time.thread_time()
        scraper.text(Counted({}))
        found.append((time.thread_time() - began) * 1e3)
    return found


def write_result(escrows: int, milliseconds: Sequence[float]) -> float:
    """Write ``build/metrics.json``; the median."""
    middle = round(statistics.median(milliseconds), 2)
    RESULT.parent.mkdir(exist_ok=True)
    figures = {
        "scrape_cpu_ms_1m": middle,
        "escrows": escrows,
        "scrape_cpu_ms_worst": round(max(milliseconds), 2),
    }
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    return middle


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scraping", description=__doc__)
    parser.add_argument("--escrows", type=int, default=1_000_000)
    escrows = parser.parse_args().escrows
    with tempfile.TemporaryDirectory(prefix="tripartite-bench-") as place:
        os.environ["TRIPARTITE_DATA_DIR"] = place
        os.environ["TRIPARTITE_NETWORK"] = "regtest"
        from tripartite.coordinator.start import (  # noqa: PLC0415 — reads the settings above
            bring_tables_up_to_date,
            start_django,
        )

        start_django()
        bring_tables_up_to_date(migrate=True)
        fill(escrows)
        middle = write_result(escrows, scrape_milliseconds(Path(place)))
    print(f"{middle} ms CPU a scrape with {escrows:,} escrows; at most {MOST_MILLISECONDS}")


if __name__ == "__main__":
    main()
