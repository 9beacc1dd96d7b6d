"""``python -m benchmarks.deadlines``: what it costs to find and raise the alarms that are due.

One database that first holds 10,000 open escrows and then 1,000,000; 100 are due each time. The
time of a scan must follow the due ones. Writes ``build/deadlines.json``.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

_RESULT: Final = Path("build") / "deadlines.json"
_SIZES: Final = {"10k": 10_000, "1m": 1_000_000}
_DUE: Final = 100
_SCANS: Final = 5


def main() -> None:
    """Measure, print, write."""
    figures: dict[str, object] = {"due": _DUE, "engine": "sqlite"}
    with tempfile.TemporaryDirectory(prefix="tripartite-deadlines-") as place:
        os.environ.update(TRIPARTITE_DATA_DIR=place, TRIPARTITE_NETWORK="regtest")
        from tripartite.coordinator.start import (  # noqa: PLC0415 — reads the settings made above
            bring_tables_up_to_date,
            start_django,
        )

        start_django()
        bring_tables_up_to_date(migrate=True)
        # Models may only be imported once Django is set up.
        from benchmarks import deadline_scan  # noqa: PLC0415 — see above

        deadline_scan.make_due_escrows(_DUE)
        rows = 0
        for name, size in _SIZES.items():
            began = time.monotonic()
            deadline_scan.make_waiting_escrows(rows, size)
            rows = size
            filled = time.monotonic() - began
            scans = [deadline_scan.scan(_DUE) for _ in range(_SCANS)]
            idle = deadline_scan.idle_look()
            median = statistics.median(scans)
            figures[f"scan_ms_{name}"] = round(median, 1)
            figures[f"scans_ms_{name}"] = [round(one, 1) for one in scans]
            figures[f"idle_ms_{name}"] = round(idle, 3)
            print(
                f"{size:>9,} escrows, {_DUE} due: scan {median:.1f} ms ({median / _DUE:.2f} ms for "
                f"each due one), a look when nothing is due {idle:.3f} ms; rows made in "
                f"{filled:.0f} s"
            )
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {_RESULT}", file=sys.stderr)


if __name__ == "__main__":
    main()
